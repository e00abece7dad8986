"""Simulation: what another policy would have given back in the past, beside what was given.

Every refund that was asked for keeps the instant and the facts by which its policy was asked; the
rest is in the payment's history. So the same pure function answers again, for another policy. What
would have been given before counts, for each payment: two refunds of it never come to more than was
captured, here as little as in truth. What counts as given is what went back, also where that was
another amount than was asked for; a policy that gives as much as was asked for gives that.

Of a policy's scope, a payment keeps the role and the product. The jurisdiction, the channel and the
way of paying are known as far as the policy that it was made under names them; where that leaves
open whether the other policy would have been for it, the refund is reckoned and told apart.

What a policy refused outright was never asked for, and nobody wrote it down: of a more generous
policy, this shows the least that it would have given.

All is read in one snapshot through a cursor, so memory does not grow with the period.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.fraud.backtest import Period, first_id
from paykeel.money import exponent_of
from paykeel.payments.refunding import AFTER_EVENT
from paykeel.refunds.disputes import DISPUTE_MOVES, LOST
from paykeel.refunds.facts import QuoteOutcome, RefundFacts
from paykeel.refunds.policy import ANY, RefundReason, is_in, policy_sha256
from paykeel.refunds.quoting import quote
from paykeel.refunds.reckoning import COUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from paykeel.db.pool import Connection, Database
    from paykeel.refunds.facts import RefundQuote
    from paykeel.refunds.policy import RefundPolicy

    Progress = Callable[[int, int], None]

SQL = load("paykeel.refunds", "simulation.sql")
PAGE_ROWS = 500
EXAMPLES_MAX = 10
#: Counting and reading the past may take its time.
TIMEOUT_MS = 3_600_000
#: Ids of refunds begin with the time at which they were made, by whichever machine made them.
ID_SLACK = timedelta(days=1)
#: The events after which a refund counts, and all those that say where one stands.
_LIVE_EVENTS = [event for event, status in AFTER_EVENT.items() if status in COUNTS]
_EVENTS = list(AFTER_EVENT)


@dataclass(slots=True)
class Sums:
    """Some refunds; amounts in minor units of one currency."""

    refunds: int = 0
    given: int = 0
    would: int = 0
    #: How many the policy leaves to a person, because a fact is missing.
    asks: int = 0
    #: How many somebody would have to approve.
    approvals: int = 0

    def document(self) -> dict[str, int]:
        """Return them as JSON-ready values."""
        return {
            "refunds": self.refunds,
            "given": self.given,
            "would": self.would,
            "difference": self.would - self.given,
            "asks": self.asks,
            "approvals": self.approvals,
        }


@dataclass(frozen=True, slots=True)
class _Before:
    """An earlier refund of the same payment, in minor units."""

    #: What was asked for, and so reserved until its end was known.
    asked: int
    #: What would have been reserved.
    reserved: int
    #: What would have been given.
    would: int


@dataclass(slots=True)
class _Findings:
    """What was found so far. It grows with roles, reasons and currencies, and not with refunds."""

    groups: dict[tuple[bool, str, str, str], Sums] = field(default_factory=dict)
    done: int = 0
    changed: int = 0
    out_of_scope: int = 0
    #: How many refunds leave open whether the policy is for them, by the part of its scope.
    untold: dict[str, int] = field(default_factory=dict)
    #: The largest differences, with the payment.
    examples: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def add(self, row: Any, would: int, quoted: RefundQuote, untold: Sequence[str]) -> None:
        """Count one refund, beside the parts of the scope that its payment does not tell."""
        group = bool(untold), row["buyer_role"], row["reason"], row["currency"]
        sums = self.groups.setdefault(group, Sums())
        for part in untold:
            self.untold[part] = self.untold.get(part, 0) + 1
        sums.refunds += 1
        given = _given(row)
        sums.given += given
        sums.would += would
        sums.asks += quoted.outcome is QuoteOutcome.ASK
        sums.approvals += quoted.approval
        if would != given:
            self.changed += 1
            shown = {
                "refund_id": str(row["refund_id"]),
                "payment_id": str(row["payment_id"]),
                "currency": row["currency"],
                "given": given,
                "would": would,
                "code": quoted.code,
                "untold": list(untold),
            }
            self.examples.append((abs(would - given), shown))
            if len(self.examples) > 2 * EXAMPLES_MAX:
                self._shorten()

    def _shorten(self) -> None:
        self.examples.sort(key=lambda one: (-one[0], one[1]["refund_id"]))
        del self.examples[EXAMPLES_MAX:]

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values, by role and reason."""
        self._shorten()
        return {
            "refunds": self.done - self.out_of_scope,
            "changed": self.changed,
            "groups": self._groups(is_untold=False),
            "untold": {"parts": self.untold, "groups": self._groups(is_untold=True)},
            "examples": [shown for _, shown in self.examples],
        }

    def _groups(self, *, is_untold: bool) -> list[dict[str, Any]]:
        return [
            {"role": role, "reason": reason, "currency": currency, **sums.document()}
            for (untold, role, reason, currency), sums in sorted(self.groups.items())
            if untold is is_untold
        ]


async def simulate(
    database: Database,
    policy: RefundPolicy,
    *,
    merchant_id: UUID,
    period: Period,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Reckon a period's refunds again by another policy; return the report as JSON-ready values.

    Amounts are in minor units. ``would`` is what the policy gives, but no more than was asked for
    where the amount was named otherwise than the policy of then gave it. Purchases that the policy
    is not for are left out. Where a payment does not tell whether the policy is for it, its refunds
    stand under ``untold`` and not under ``groups``; ``parts`` counts them by what is not told.

    Args:
        database: Where the past is.
        policy: A checked policy; it need not be published.
        merchant_id: Whose past.
        period: When the refunds were asked for.
        on_progress: Called after each page with how many were reckoned, of how many.

    Raises:
        NotFound: There is no such merchant.
    """
    values = {
        "merchant_id": merchant_id,
        "id_min": first_id(period.since - ID_SLACK),
        "id_max": first_id(period.until + ID_SLACK),
        "since": period.since,
        "until": period.until,
        "live": [str(status) for status in COUNTS],
    }
    started = time.monotonic_ns()
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        if not await fetch_on(connection, SQL["simulation_setup"], {"merchant_id": merchant_id}):
            raise NotFound("There is no such merchant.")
        (counts,) = await fetch_on(connection, SQL["count_refunds"], values, TIMEOUT_MS)
        found = await _reckon(connection, policy, values, counts["refunds"], on_progress)
    took_ms = (time.monotonic_ns() - started) // 1_000_000
    return {
        "policy": policy.key,
        "sha256": policy_sha256(policy.document()).hex(),
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        **found.document(),
        "left_out": {
            "not_given": counts["not_given"],
            "outside": counts["outside"],
            "out_of_scope": found.out_of_scope,
        },
        "took_ms": took_ms,
        "refunds_per_s": found.done * 1_000 // max(1, took_ms),
    }


async def _reckon(
    connection: Connection,
    policy: RefundPolicy,
    values: Mapping[str, Any],
    total: int,
    on_progress: Progress | None,
) -> _Findings:
    """Reckon page by page."""
    found = _Findings()
    past = SQL["past_refunds"]
    events = {
        "events": _EVENTS,
        "live_events": _LIVE_EVENTS,
        "dispute_events": list(DISPUTE_MOVES),
        "dispute_lost": LOST,
    }
    arguments = past.arguments({**values, **events})
    cursor = await connection.cursor(past.text, *arguments, timeout=TIMEOUT_MS / 1000)
    payment_id: UUID | None = None
    #: Of this payment.
    before: dict[UUID, _Before] = {}
    while rows := await cursor.fetch(PAGE_ROWS, timeout=TIMEOUT_MS / 1000):
        for row in rows:
            found.done += 1
            untold = _untold(policy, row)
            if untold is None:
                found.out_of_scope += 1
                continue
            if row["payment_id"] != payment_id:
                payment_id = row["payment_id"]
                before.clear()
            facts = _facts(row, before)
            quoted = quote(policy, facts, row["as_of"])
            now = _would(row, quoted, _left(row, before))
            before[row["refund_id"]] = now
            found.add(row, now.would, quoted, untold)
        if on_progress is not None:
            on_progress(found.done, total)
        # Whoever else uses this loop gets a turn.
        await asyncio.sleep(0)
    return found


def _untold(policy: RefundPolicy, row: Any) -> Sequence[str] | None:
    """Return by which parts of its scope a policy may or may not have been for a purchase.

    None at all: it was for it. ``None``: it was not.
    """
    scope = policy.scope
    if scope.buyer_role not in (ANY, row["buyer_role"]) or scope.product not in (ANY, row["kind"]):
        return None
    untold = []
    for part in ("jurisdiction", "channel", "payment_method"):
        wanted: str = getattr(scope, part)
        known: str | None = row[part]
        if wanted == ANY or (known is not None and is_in(known, wanted)):
            continue
        # The payment's own policy names the whole country where this one is for a part of it.
        if known not in (None, ANY) and not is_in(wanted, known):
            return None
        untold.append(part)
    return untold


def _given(row: Any) -> int:
    """Return what went back, or may; the gateway may have given another amount than was asked."""
    settled: int | None = row["settled_amount"]
    asked: int = row["amount"]
    return asked if settled is None else settled


def _would(row: Any, quoted: RefundQuote, left: int) -> _Before:
    """Return what would have been given: all that the policy gives, or what was asked for of it."""
    asked: int = row["amount"]
    given = _given(row)
    reserved = quoted.amount if asked == row["quoted_amount"] else min(asked, quoted.amount)
    would = reserved
    if given != asked:
        # Of what was sent the gateway gave back more or less, and would have done so again.
        would = given if quoted.amount >= asked else min(given, quoted.amount)
    return _Before(asked, reserved, min(would, left))


def _left(row: Any, before: Mapping[UUID, _Before]) -> int:
    """Return what would have been left of what was captured, once all before had come to an end."""
    out: int = row["refunded"]
    for refund_id, taken in zip(row["counted"], row["taken"], strict=True):
        if refund_id in before:
            out += before[refund_id].would - taken
    left: int = row["captured"] - out
    return max(0, left)


def _facts(row: Any, before: Mapping[UUID, _Before]) -> RefundFacts:
    """Return what was known, as if the policy had held for the earlier refunds, too.

    The rules are those of ``reckoning.facts_of``. No notice was open: no refund is opened then.
    """
    counted = row["counted"]
    # What a lost dispute took has gone back, too, by another way.
    refunded = row["refunded"] + row["lost"]
    count = len(counted)
    for refund_id, taken in zip(counted, row["taken"], strict=True):
        if refund_id in before:
            one = before[refund_id]
            # What the gateway gave another amount of was reserved as it was asked for until then.
            refunded += (one.reserved if taken == one.asked else one.would) - taken
            # What would have given nothing would have been no refund.
            count -= not one.reserved
    told: Mapping[str, Any] = row["facts"] or {}
    units = told.get("units")
    facts = {
        "currency": row["currency"],
        "exponent": exponent_of(row["currency"]),
        "captured": row["captured"],
        "refunded": refunded,
        "refunds_count": count,
        "disputed": row["disputed"] - row["lost"],
        "purchased_at": row["purchased_at"],
        "captured_at": row["captured_at"] or row["purchased_at"],
        "delivered_at": _instant(told.get("delivered_at")),
        "service_at": _instant(told.get("service_at")),
        "no_show": told.get("no_show"),
        "reason": RefundReason(row["reason"]),
        "components": told.get("components", {}),
        "units": None if units is None else (units["count"], units["price"]),
        "jurisdiction": told.get("jurisdiction"),
    }
    return RefundFacts(**facts)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
