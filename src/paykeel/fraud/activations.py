"""Going live takes two people and something that the ruleset was tried on; the shadow takes one.

Each function runs on a connection whose transaction holds the merchant's lock, so that of two
people who act at once the second sees what the first did.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import NotFound, Refused
from paykeel.fraud.logs import instant_text
from paykeel.texts import is_same_person

if TYPE_CHECKING:
    from paykeel.db.pool import Connection
    from paykeel.fraud.stored import Version

SQL = load("paykeel.fraud", "rulesets.sql")
AUTHOR_CHARACTERS_MAX = 100
#: What was tried longer ago says little of today's purchases.
BACKTEST_DAYS_MAX = 30
#: For how long the second person can be waited for.
APPROVAL_DAYS_MAX = 7
#: How many decisions in the shadow are enough, unless the settings say otherwise.
SHADOW_DECISIONS_MIN = 1_000

Place = Literal["live", "shadow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A version that is live or in the shadow, was so, or waits for its second person."""

    activation_id: UUID
    place: Place
    #: ``None`` in both: the shadow was emptied.
    ruleset: str | None
    ruleset_version: int | None
    #: ``{"backtest_id", "decisions"}`` or ``{"shadow_decisions"}``; empty for the shadow.
    evidence: dict[str, Any]
    requested_by: str
    requested_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    #: Whether it is the one that holds now.
    in_force: bool

    @property
    def status(self) -> str:
        """Return ``waiting``, ``in_force`` or ``replaced``."""
        if self.approved_at is None:
            return "waiting"
        return "in_force" if self.in_force else "replaced"

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "fraud_activation",
            "id": str(self.activation_id),
            "place": self.place,
            "status": self.status,
            "ruleset": self.ruleset,
            "version": self.ruleset_version,
            "evidence": self.evidence,
            "requested_by": self.requested_by,
            "requested_at": instant_text(self.requested_at),
            "approved_by": self.approved_by,
            "approved_at": self.approved_at and instant_text(self.approved_at),
        }


def activation_from_row(row: Any) -> Activation:
    """Make an activation of a row."""
    return Activation(**dict(row))


async def request_live(
    connection: Connection,
    merchant_id: UUID,
    version: Version,
    author: str,
    *,
    backtest_id: UUID | None,
    shadow_decisions_min: int,
) -> Activation:
    """Ask for a version to go live; asking again changes nothing.

    Raises:
        Refused: ``evidence_missing``: it was tried neither on history nor long enough beside it.
    """
    found = await _find(connection, merchant_id, "live", version, author)
    if found is not None:
        return found
    evidence = await _evidence(connection, merchant_id, version, backtest_id, shadow_decisions_min)
    return await _add(connection, merchant_id, "live", version, evidence, author)


async def set_shadow(
    connection: Connection, merchant_id: UUID, version: Version | None, author: str
) -> Activation:
    """Put a version into the shadow, or empty it; doing so again changes nothing."""
    found = await _find(connection, merchant_id, "shadow", version, author)
    if found is not None:
        return found
    return await _add(connection, merchant_id, "shadow", version, {}, author)


async def approve(
    connection: Connection, merchant_id: UUID, activation_id: UUID, approver: str, now: datetime
) -> Activation:
    """Put what waits into force; the same person doing so again changes nothing.

    Raises:
        NotFound: There is no such activation.
        Refused: ``second_person_needed``, ``activation_approved`` or ``activation_expired``.
    """
    waiting = await get(connection, merchant_id, activation_id)
    if waiting.approved_by is not None:
        if is_same_person(waiting.approved_by, approver) and waiting.place == "live":
            return waiting
        raise Refused(f"{waiting.approved_by} has approved this.", code="activation_approved")
    if is_same_person(waiting.requested_by, approver):
        raise Refused(
            f"{waiting.requested_by} asked for this; somebody else approves it.",
            code="second_person_needed",
        )
    if now - waiting.requested_at > timedelta(days=APPROVAL_DAYS_MAX):
        raise Refused(
            f"This was asked for more than {APPROVAL_DAYS_MAX} days ago; ask again.",
            code="activation_expired",
        )
    await fetch_on(
        connection,
        SQL["approve_activation"],
        {"merchant_id": merchant_id, "activation_id": activation_id, "approver": approver},
    )
    return await get(connection, merchant_id, activation_id)


async def get(connection: Connection, merchant_id: UUID, activation_id: UUID) -> Activation:
    """Return one activation.

    Raises:
        NotFound: This merchant has none such.
    """
    rows = await fetch_on(
        connection,
        SQL["get_activation"],
        {"merchant_id": merchant_id, "activation_id": activation_id},
    )
    if not rows:
        raise NotFound("There is no such activation.")
    return activation_from_row(rows[0])


async def _find(
    connection: Connection,
    merchant_id: UUID,
    place: Place,
    version: Version | None,
    author: str,
) -> Activation | None:
    """Return what makes another activation needless."""
    values = {
        "merchant_id": merchant_id,
        "place": place,
        "ruleset": version and version.ruleset,
        "ruleset_version": version and version.ruleset_version,
        "author": author,
        "days_max": APPROVAL_DAYS_MAX,
    }
    rows = await fetch_on(connection, SQL["find_activation"], values)
    return await get(connection, merchant_id, rows[0]["activation_id"]) if rows else None


async def _add(
    connection: Connection,
    merchant_id: UUID,
    place: Place,
    version: Version | None,
    evidence: dict[str, Any],
    author: str,
) -> Activation:
    activation_id = new_id()
    values = {
        "merchant_id": merchant_id,
        "activation_id": activation_id,
        "place": place,
        "ruleset": version and version.ruleset,
        "ruleset_version": version and version.ruleset_version,
        "evidence": json.dumps(evidence),
        "author": author,
    }
    await fetch_on(connection, SQL["add_activation"], values)
    return await get(connection, merchant_id, activation_id)


async def _evidence(
    connection: Connection,
    merchant_id: UUID,
    version: Version,
    backtest_id: UUID | None,
    shadow_decisions_min: int,
) -> dict[str, Any]:
    """Return what a version was tried on: a backtest, or enough decisions in the shadow."""
    backtests = await fetch_on(
        connection,
        SQL["find_backtest"],
        {
            "merchant_id": merchant_id,
            "sha256": version.sha256,
            "backtest_id": backtest_id,
            "days_max": BACKTEST_DAYS_MAX,
        },
    )
    if backtests:
        found = backtests[0]
        return {"backtest_id": str(found["backtest_id"]), "decisions": found["decisions"]}
    what = str(version)
    if backtest_id is not None:
        raise Refused(
            f"{backtest_id} is no backtest of exactly {what} with decisions in it and from the "
            f"last {BACKTEST_DAYS_MAX} days; run `paykeel fraud backtest` again.",
            code="evidence_missing",
        )
    counted = await fetch_on(
        connection,
        SQL["count_shadow_decisions"],
        {
            "merchant_id": merchant_id,
            "ruleset": version.ruleset,
            "ruleset_version": str(version.ruleset_version),
            "rows_max": shadow_decisions_min,
        },
    )
    decisions: int = counted[0]["decisions"]
    if decisions < shadow_decisions_min:
        raise Refused(
            f"{what} has no backtest from the last {BACKTEST_DAYS_MAX} days, and {decisions:,} of "
            f"{shadow_decisions_min:,} decisions in the shadow. Run `paykeel fraud backtest`, or "
            f"`paykeel fraud rules shadow {what}` and wait.",
            code="evidence_missing",
        )
    return {"shadow_decisions": decisions}
