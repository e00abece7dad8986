"""What fraud prevention did and what waits, and how far it is to the card network's threshold.

Pure. The ratio is that of Visa's VAMP: fraud reports and disputes of a calendar month to the
purchases that succeeded in it. It is the merchant's own view: the network counts by acquirer and
descriptor, and asks for minimum counts that are not modelled here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from paykeel.metrics.answers import BEFORE, NOW
from paykeel.metrics.asking import instant
from paykeel.metrics.figures import amounts, by_place, tally
from paykeel.metrics.formulas import compared, difference, formulas, share_bp
from paykeel.money import exponent_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.metrics.asking import Question
    from paykeel.metrics.reading import Counted

#: From which day on a merchant is "excessive", in basis points; not so in the Middle East and
#: North Africa. Source: Checkout.com's guide to VAMP, read in November 2026.
VAMP_THRESHOLDS_BP = ((date(2026, 4, 1), 150), (date(2025, 6, 1), 220))
#: So many of what was stopped are looked through for their reasons, the newest.
STOPPED_ROWS_MAX = 100_000
DISPUTE_OPENED = "payment.dispute_opened"
#: The event by which a person blocks what was held.
REJECTED = "payment.rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How often something was stopped for a reason, in one currency."""

    #: ``block`` or ``refuse``.
    decision: str
    reason: str
    #: Of what was refused unknown.
    currency: str | None
    count: int
    amount: int | None
    #: How much was looked through for all rows together.
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for a person now."""

    reviews_open: int
    reviews_overdue: int
    reviews_oldest_at: datetime | None
    #: Open alerts by kind.
    alerts: Mapping[str, int]

    def document(self, now: datetime) -> dict[str, Any]:
        """Return it as values for JSON."""
        oldest = self.reviews_oldest_at
        waited = None if oldest is None else max(0, int((now - oldest).total_seconds()))
        return {
            "reviews": {
                "open": self.reviews_open,
                "overdue": self.reviews_overdue,
                "oldest_at": oldest and instant(oldest),
                "oldest_s": waited,
            },
            "alerts": {
                "open": sum(self.alerts.values()),
                "card_testing": self.alerts.get("card_testing", 0),
                "kinds": dict(sorted(self.alerts.items())),
            },
        }


def month_of(until: datetime) -> tuple[datetime, datetime]:
    """Return the calendar month (UTC) in which a period ends, up to that end.

    >>> [at.isoformat() for at in month_of(datetime(2026, 12, 1, tzinfo=UTC))]
    ['2026-11-01T00:00:00+00:00', '2026-12-01T00:00:00+00:00']
    """
    last = until.astimezone(UTC) - timedelta(minutes=1)
    return datetime(last.year, last.month, 1, tzinfo=UTC), until.astimezone(UTC)


def threshold_bp(month: date) -> int | None:
    """Return the threshold that holds in a month; ``None``: there was none yet.

    >>> threshold_bp(date(2026, 3, 1)), threshold_bp(date(2026, 4, 1))
    (220, 150)
    """
    return next((limit for begin, limit in VAMP_THRESHOLDS_BP if month >= begin), None)


def vamp(
    month: datetime, rows: Sequence[Counted], fraud_reports: int, disputes_labelled: int
) -> dict[str, Any]:
    """Return a month's ratio, and how far it is to the threshold.

    Args:
        month: Its first instant.
        rows: What happened in it.
        fraud_reports: Payments that the card network reported in it.
        disputes_labelled: Payments with a chargeback by label and no dispute of their own.
    """
    opened = sum(row.count for row in rows if row.event_type == DISPUTE_OPENED)
    succeeded, limit = tally(rows).succeeded, threshold_bp(month.date())
    ratio = share_bp(fraud_reports + opened + disputes_labelled, succeeded)
    return {
        "month": f"{month:%Y-%m}",
        "fraud_reports": fraud_reports,
        "disputes": opened + disputes_labelled,
        "succeeded": succeeded,
        "ratio_bp": ratio,
        "threshold_bp": limit,
        "distance_bp": difference(limit, ratio),
    }


def fraud(
    question: Question,
    rows: Sequence[Counted],
    stopped: Sequence[Stopped],
    waiting: Waiting,
    month: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what was stopped and why, what waits, and the month's ratio."""
    pieces = by_place(rows, 3)
    blocked = [row for row in pieces[NOW] if row.outcome == "blocked"]
    now, before = tally(pieces[NOW]), tally(pieces[BEFORE])
    filtered = any((question.filters.roles, question.filters.currencies, question.filters.gateways))
    return {
        "object": "metrics_fraud",
        **question.head(),
        "blocked": {
            **now.stopped().document(before.stopped()),
            "amounts": amounts(blocked),
            "by_people": sum(row.count for row in blocked if row.event_type == REJECTED),
            "change": compared(now.blocked, before.blocked),
        },
        "by_reason": _by_reason([one for one in stopped if one.decision == "block"]),
        # What was refused never became a payment, and has neither role nor gateway.
        "refusals": None if filtered else _refusals(stopped),
        "reasons_capped": bool(stopped) and stopped[0].seen >= STOPPED_ROWS_MAX,
        **waiting.document(question.asked_at),
        "vamp": dict(month),
        "formulas": formulas(
            "blocked_rate", "blocked_amount", "interval", "vamp", "vamp_distance", "change", "as_of"
        ),
    }


def _by_reason(stopped: Sequence[Stopped]) -> list[dict[str, Any]]:
    """Return the reasons of rules; a purchase counts under each of its own."""
    reasons = {one.reason: 0 for one in stopped}
    for one in stopped:
        reasons[one.reason] += one.count
    return [
        {
            "reason": reason,
            "count": count,
            "amounts": [
                {
                    "currency": one.currency,
                    "exponent": exponent_of(one.currency),
                    "amount": one.amount or 0,
                }
                for one in stopped
                if one.reason == reason and one.currency is not None
            ],
        }
        for reason, count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    ]


def _refusals(stopped: Sequence[Stopped]) -> list[dict[str, Any]]:
    found = [(one.reason, one.count) for one in stopped if one.decision == "refuse"]
    return [
        {"code": code, "count": count}
        for code, count in sorted(found, key=lambda entry: (-entry[1], entry[0]))
    ]
