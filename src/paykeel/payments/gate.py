"""The gate of a purchase: what its buyer must have accepted, and how it is told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.errors import TermsAcceptanceRequired
from paykeel.payments.encoding import encode, instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.payments.judged import Gate, Judged
    from paykeel.terms import Requirement

#: Where whoever sells asks for what is to be shown to the buyer.
PRESENTATION_URL = "/v1/terms/presentations"


def gate_arguments(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the arrays of ``open_payments`` about terms, one element for each requirement."""
    asked = [
        (one.payment, place, requirement)
        for one in judged
        for place, requirement in enumerate(one.candidate.gate.requirements)
    ]
    needs = [requirement for _, _, requirement in asked]
    return {
        "terms_payment_ids": [payment.payment_id for payment, _, _ in asked],
        "terms_places": [place for _, place, _ in asked],
        "terms_buyer_ids": [payment.buyer_id for payment, _, _ in asked],
        "terms_scope_ids": [need.scope_id for need in needs],
        "terms_version_ids": [need.version_ids for need in needs],
        "terms_sinces": [need.sinces for need in needs],
        "terms_warnings": [encode(_warnings(need)).decode() for need in needs],
    }


def _warnings(need: Requirement) -> dict[str, Any]:
    """Return what is told whom: by the version that was accepted, while a grace period lasts."""
    return {
        str(one.version_id): {
            "code": "terms_acceptance_due",
            **_about(need),
            "due_at": instant(one.until),
            "presentation_url": PRESENTATION_URL,
        }
        for one in need.enough
        if one.until is not None
    }


def acceptance_required(gate: Gate, missing: Sequence[int]) -> TermsAcceptanceRequired:
    """Return the refusal that lists what is missing, and says where to get it."""
    needs = [gate.requirements[place] for place in missing]
    titles = ", ".join(f"{need.document.title} {need.current.version}" for need in needs)
    return TermsAcceptanceRequired(
        f"The buyer has to accept this before purchasing: {titles}.",
        missing=[_about(need) for need in needs],
        presentation_url=PRESENTATION_URL,
    )


def _about(need: Requirement) -> dict[str, str]:
    return {
        "document": need.document.key,
        "purpose": need.document.purpose,
        "title": need.document.title,
        "version": need.current.version,
        "version_id": str(need.current.version_id),
    }
