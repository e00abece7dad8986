"""An acceptance as evidence in a card dispute, by the names that Stripe gives its fields. Pure.

What a gateway wants as a file is named, with the part of the bundle that it is made of. Stripe
takes PDF, JPEG and PNG: print the page of the bundle. ``refund_refusal_explanation`` is not here:
why a refund was refused is for the merchant to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.terms.model import Purpose, TermsDecision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.sealing.chain import Seal
    from paykeel.terms.model import TermsDocument, TermsText, TermsVersion
    from paykeel.terms.proving import Personal

_ACTS = {
    "checkbox_click": "by ticking the box",
    "button_click": "by pressing the button",
    "scroll_click": "by pressing the button at the end of the text",
    "typed_name": "by typing their name",
    "api": "through the merchant's own interface",
    "import": "in another system, from which this record was taken over",
}
#: Which fields a document of this purpose fills, beside those that all do.
_POLICIES = {Purpose.REFUND_POLICY: "refund_policy", Purpose.CONTRACT: "cancellation_policy"}


def stripe_evidence(
    acceptance: Mapping[str, Any],
    document: TermsDocument,
    version: TermsVersion,
    text: TermsText,
    presentation: Mapping[str, Any] | None,
    personal: Personal | None,
    seal: Seal,
) -> dict[str, Any]:
    """Return the fields that an acceptance fills; none for a decline or a withdrawal."""
    if acceptance["decision"] != TermsDecision.ACCEPT:
        return {}
    what = f"{document.title}, version {version.version} ({text.locale})"
    disclosure = " ".join(_disclosure(acceptance, what, text, presentation))
    fields: dict[str, Any] = {}
    if personal is not None and personal.ip is not None:
        fields["customer_purchase_ip"] = personal.ip
    policy = _POLICIES.get(document.purpose)
    if policy is not None:
        fields[policy] = {
            "part": "text.html",
            "file_name": f"{document.key}-{version.version}-{text.locale}.html",
            "media_type": "text/html",
            "sha256": text.html_sha256.hex(),
        }
        fields[f"{policy}_disclosure"] = disclosure
    fields["access_activity_log"] = "\n".join(_log(acceptance, what, presentation, personal))
    fields["uncategorized_text"] = (
        f"{disclosure} The record was sealed at {seal.header()['sealed_at']}: it is row "
        f"{acceptance['acceptance_id']} under seal {seal.seal_no} with the SHA-256 "
        f"{seal.seal_hash.hex()}, signed by the Ed25519 key {seal.public_key.hex()}."
    )
    return fields


def _disclosure(
    acceptance: Mapping[str, Any],
    what: str,
    text: TermsText,
    presentation: Mapping[str, Any] | None,
) -> list[str]:
    said = []
    if presentation is not None:
        said.append(
            f"The full text of {what} was shown to the customer {acceptance['buyer_id']} at "
            f'{presentation["shown_at"]}, with the notice "{presentation["notice"]}" and the '
            f'button "{presentation["button_label"]}".'
        )
    who = acceptance.get("on_behalf_of") or acceptance["buyer_id"]
    actor = acceptance.get("actor_id")
    through = "" if actor is None else f" through {actor} ({acceptance['actor_kind']})"
    said.append(
        f"{who}{through} accepted {what} at {acceptance['occurred_at']} "
        f"{_ACTS.get(acceptance['method'], acceptance['method'])}."
    )
    if acceptance.get("scrolled_to_end"):
        said.append("The text had been scrolled to its end.")
    if acceptance.get("dwell_ms") is not None:
        said.append(f"It had been on the screen for {int(acceptance['dwell_ms']) // 1000} s.")
    said.append(f"The SHA-256 of the text is {text.content_sha256.hex()}.")
    return said


def _log(
    acceptance: Mapping[str, Any],
    what: str,
    presentation: Mapping[str, Any] | None,
    personal: Personal | None,
) -> list[str]:
    lines = []
    if presentation is not None:
        lines.append(f"{presentation['shown_at']} shown: {what}")
    facts = [f"{acceptance['occurred_at']} accepted: {what}", f"method {acceptance['method']}"]
    if personal is not None and personal.ip is not None:
        facts.append(f"IP {personal.ip}")
    if personal is not None and personal.user_agent is not None:
        facts.append(f"user agent {personal.user_agent}")
    facts += [
        f"{words} {acceptance[name]}"
        for name, words in (
            ("page_url", "page"),
            ("request_id", "request"),
            ("payment_id", "payment"),
        )
        if acceptance.get(name) is not None
    ]
    lines.append(", ".join(facts))
    return lines
