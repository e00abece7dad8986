"""Figures become answers: plain values for JSON, each beside the period before. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from paykeel.gateways.port import REASONS, DeclineReason
from paykeel.metrics.asking import GROUPS_MAX, GroupBy, instant
from paykeel.metrics.figures import (
    amounts,
    by_place,
    durations,
    histograms,
    latency,
    revenue,
    split_rows,
    takings,
    tally,
)
from paykeel.metrics.formulas import compared, formulas, share_bp
from paykeel.metrics.periods import is_whole
from paykeel.money import exponent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paykeel.metrics.asking import Question
    from paykeel.metrics.figures import Tally
    from paykeel.metrics.reading import Counted, Timed

#: The pieces of one read: all that was earlier, the period before, and the period itself.
EARLIER, BEFORE, NOW = 0, 1, 2
#: Lines of one chart.
SERIES_MAX = 10

Document = dict[str, Any]


def told(question: Question, document: Document) -> Document:
    """Return an answer, with nulls for all that would be of the period before, if none is told."""
    if question.comparison is not None:
        return document
    return {name: _alone(name, value) for name, value in document.items()}


def _alone(name: str, value: Any) -> Any:
    match value:
        case _ if name in {"before", "not_converted_before"}:
            return None
        case {"growth_bp": _} if name == "change":
            return None
        case dict():
            return {key: _alone(key, part) for key, part in value.items()}
        case list():
            return [_alone("", part) for part in value]
        case _:
            return value


def pending_of(rows: Sequence[Counted]) -> int:
    """Return how many purchases of all that is given have begun and not concluded."""
    counted = tally(rows)
    return counted.begun - counted.concluded


def _purchases(now: Tally, before: Tally, pending: int) -> Document:
    present, past = now.document(), before.document()
    return {
        **present,
        "pending": pending,
        "before": {name: compared(present[name], past[name]) for name in present},
    }


def _shares(rows: Sequence[Counted]) -> Document:
    """Return purchases and their shares, from the rows of all three pieces."""
    _, past, present = by_place(rows, 3)
    now, before, pending = tally(present), tally(past), pending_of(rows)
    return {
        "purchases": _purchases(now, before, pending),
        "success": {
            "per_attempt": now.per_attempt(pending).document(before.per_attempt()),
            "per_purchase": now.per_purchase(pending).document(before.per_purchase()),
        },
        "failure": now.failure(pending).document(before.failure()),
        "revenue": revenue(present, past),
    }


def summary(
    question: Question,
    rows: Sequence[Counted],
    timed: Sequence[Timed] | None,
    waiting: Document,
) -> Document:
    """Return how a period went, in one document.

    Args:
        question: What was asked.
        rows: Of all three pieces.
        timed: Of the period before and of the period; ``None`` where it cannot be filtered so.
        waiting: Reviews and alerts, as they are now.
    """
    _, past, present = by_place(rows, 3)
    now, before = tally(present), tally(past)
    groups, left_out = _groups(rows, question.group_by, _shares)
    reasons = _reasons(present, past)
    return {
        "object": "metrics_summary",
        **question.head(),
        **_shares(rows),
        "reasons": reasons[:GROUPS_MAX],
        "latency": None if timed is None else _latency(timed),
        "fraud": {
            "blocked": now.stopped().document(before.stopped()),
            "amounts": amounts([row for row in present if row.outcome == "blocked"]),
            **waiting,
        },
        "groups": groups,
        "groups_left_out": left_out,
        "formulas": formulas(
            "begun", "concluded", "pending", "success_per_attempt", "success_per_purchase",
            "failure_rate", "failure_share", "interval", "latency_mean", "latency_percentile",
            "gross", "refunds", "net", "blocked_rate", "blocked_amount", "change", "as_of",
        ),
    }  # fmt: skip


def _latency(timed: Sequence[Timed]) -> Document:
    return latency(
        [row for row in timed if row.place == 1], [row for row in timed if row.place == 0]
    )


def _groups(
    rows: Sequence[Counted], group_by: GroupBy | None, of: Callable[[Sequence[Counted]], Document]
) -> tuple[list[Document] | None, int]:
    """Return a document for each of the largest groups, and how many more there are."""
    if group_by is None:
        return None, 0
    recent = [row for row in rows if row.place != EARLIER]
    # A group that did nothing lately is told of only by what is still pending in it: not here.
    order = _largest(recent, group_by)
    split = split_rows(rows, lambda row: group_of(row, group_by))
    shown = [{"group": key, **of(split[key])} for key in order[:GROUPS_MAX]]
    return shown, max(0, len(order) - GROUPS_MAX)


def _largest(rows: Sequence[Counted], group_by: GroupBy) -> list[str]:
    """Return the groups, the one in which most happened first."""
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        if group_by is not GroupBy.REASON or row.outcome in {"failed", "blocked"}:
            sizes[group_of(row, group_by)] += row.count
    return sorted(sizes, key=lambda key: (-sizes[key], key))


def group_of(row: Counted | Timed, group_by: GroupBy) -> str:
    """Return the group that a row belongs to."""
    return str(getattr(row, "buyer_role" if group_by is GroupBy.ROLE else str(group_by)))


def _reasons(present: Sequence[Counted], past: Sequence[Counted]) -> list[Document]:
    """Return why purchases failed, the most frequent reason first, and who can mend it."""
    now, before = (
        split_rows(
            (row for row in part if row.outcome == "failed"),
            lambda row: row.reason or str(DeclineReason.OTHER),
        )
        for part in (present, past)
    )
    counts = {reason: sum(row.count for row in found) for reason, found in now.items()}
    earlier = {reason: sum(row.count for row in found) for reason, found in before.items()}
    failed = sum(counts.values())
    known = {str(reason): facts for reason, facts in REASONS.items()}
    order = sorted({*counts, *earlier}, key=lambda reason: (-counts.get(reason, 0), reason))
    return [
        {
            "reason": reason,
            "count": counts.get(reason, 0),
            "share_bp": share_bp(counts.get(reason, 0), failed),
            "mender": str(known[reason].mender) if reason in known else None,
            "retry_can_help": known[reason].retry_can_help if reason in known else None,
            "amounts": amounts(now.get(reason, ())),
            "before": compared(counts.get(reason, 0), earlier.get(reason, 0)),
        }
        for reason in order
    ]


def failures(question: Question, rows: Sequence[Counted]) -> Document:
    """Return why purchases failed, and who can mend it."""

    def told(part: Sequence[Counted]) -> Document:
        _, past, present = by_place(part, 3)
        found = _reasons(present, past)
        return {
            "failure": tally(present).failure(pending_of(part)).document(tally(past).failure()),
            "reasons": found[:GROUPS_MAX],
            "reasons_left_out": max(0, len(found) - GROUPS_MAX),
            "menders": _menders(found),
        }

    groups, left_out = _groups(rows, question.group_by, told)
    return {
        "object": "metrics_failures",
        **question.head(),
        **told(rows),
        "groups": groups,
        "groups_left_out": left_out,
        "formulas": formulas(
            "failure_rate", "failure_share", "interval", "pending", "change", "as_of"
        ),
    }


def _menders(reasons: Sequence[Document]) -> list[Document]:
    counts: dict[str | None, int] = defaultdict(int)
    for one in reasons:
        counts[one["mender"]] += one["count"]
    whole = sum(counts.values())
    return [
        {"mender": mender, "count": count, "share_bp": share_bp(count, whole)}
        for mender, count in sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))
        if count
    ]


def latencies(question: Question, timed: Sequence[Timed]) -> Document:
    """Return how long each stage took."""
    groups: list[Document] | None = None
    left_out = 0
    if question.group_by is not None:
        by = question.group_by
        split = split_rows(timed, lambda row: group_of(row, by))
        order = sorted(split, key=lambda key: (-sum(row.count for row in split[key]), key))
        groups = [{"group": key, "stages": _latency(split[key])} for key in order[:GROUPS_MAX]]
        left_out = max(0, len(order) - GROUPS_MAX)
    return {
        "object": "metrics_latency",
        **question.head(),
        "stages": _latency(timed),
        "groups": groups,
        "groups_left_out": left_out,
        "formulas": formulas("latency_mean", "latency_percentile", "change", "as_of"),
    }


def revenues(question: Question, rows: Sequence[Counted], reference: Document | None) -> Document:
    """Return what came in and went back, each currency by itself."""

    def told(part: Sequence[Counted]) -> Document:
        _, past, present = by_place(part, 3)
        return {"revenue": revenue(present, past)}

    groups, left_out = _groups(
        [row for row in rows if row.captured or row.refunded], question.group_by, told
    )
    return {
        "object": "metrics_revenue",
        **question.head(),
        **told(rows),
        "reference": reference,
        "groups": groups,
        "groups_left_out": left_out,
        "formulas": formulas("gross", "refunds", "net", "reference", "change", "as_of"),
    }


def timeseries(
    question: Question, rows: Sequence[Counted], timed: Sequence[Timed] | None
) -> Document:
    """Return the figures of each piece of the period, for a chart."""
    by = question.group_by
    if by is None:
        lines = [_line(question, None, rows, timed)]
        left_out = 0
    else:
        order = _largest(rows, by)
        left_out = max(0, len(order) - SERIES_MAX)
        split = split_rows(rows, lambda row: group_of(row, by))
        # Durations are kept by role and gateway only.
        parts = None
        if timed is not None and by in {GroupBy.ROLE, GroupBy.GATEWAY}:
            parts = split_rows(timed, lambda row: group_of(row, by))
        lines = [
            _line(question, key, split[key], None if parts is None else parts.get(key, []))
            for key in order[:SERIES_MAX]
        ]
    return {
        "object": "metrics_timeseries",
        **question.head(),
        "interval": str(question.interval),
        "series": lines,
        "series_left_out": left_out,
        "formulas": formulas(
            "begun", "concluded", "success_per_attempt", "success_per_purchase", "gross",
            "refunds", "net", "latency_percentile", "as_of",
        ),
    }  # fmt: skip


def _line(
    question: Question,
    group: str | None,
    rows: Sequence[Counted],
    timed: Sequence[Timed] | None,
) -> Document:
    cuts = question.cuts
    pieces = by_place(rows, len(cuts) - 1)
    clocks = None if timed is None else by_place(timed, len(cuts) - 1)
    points = []
    for place, piece in enumerate(pieces):
        start, end = cuts[place], cuts[place + 1]
        point: Document = {
            "since": instant(start),
            "until": instant(end),
            "since_local": start.astimezone(question.zone).isoformat(),
            "whole": is_whole(start, end, question.interval, question.zone),
        }
        counted = tally(piece)
        if question.group_by is GroupBy.REASON:
            # A reason is why something ended badly; it has no successes to compare with.
            point["purchases"] = {"failed": counted.failed, "blocked": counted.blocked}
        else:
            point["purchases"] = counted.document()
            point["success_per_attempt_bp"] = counted.per_attempt().rate_bp
            point["success_per_purchase_bp"] = counted.per_purchase().rate_bp
            point["revenue"] = [
                {"currency": currency, "exponent": exponent_of(currency), **money.document()}
                for currency, money in takings(piece).items()
            ]
            whole = None if clocks is None else histograms(clocks[place]).get("purchase")
            point["latency"] = None if clocks is None else durations(whole)
        points.append(point)
    return {"group": group, "points": points}
