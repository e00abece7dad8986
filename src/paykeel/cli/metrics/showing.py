"""Shows answers to people: tables that fit into 80 columns, and small charts beside them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from paykeel.cli.metrics.writing import (
    ASCII_BLOCKS,
    BLOCKS,
    compared,
    duration,
    growth,
    local,
    merged,
    money,
    number,
    past,
    percent,
    signed,
    spark,
    sums,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paykeel.cli.context import Output
    from paykeel.merchants import Merchant

Document = dict[str, Any]
#: There is no room for more; the others are drawn.
_COLUMNS = ("begun", "succeeded", "failed", "blocked")
_ENDS = ("begun", "succeeded", "failed", "blocked", "canceled", "expired")
_REASONS_SHOWN_MAX = 5
_DAYS_OF = {"day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}


def head(out: Output, merchant: Merchant, document: Document) -> None:
    """Say whose figures these are, of which period, and how new."""
    zone = ZoneInfo(document["time_zone"])
    period = document["period"]
    out.line(f"{merchant.name} ({merchant.mode})")
    out.facts(
        {
            "period": f"{local(period['since'], zone)} to {local(period['until'], zone)}",
            "before": compared(document, zone),
            "complete up to": f"{local(document['as_of'], zone, '%Y-%m-%d %H:%M:%S')} {zone.key}",
            **{
                f"only {name}": ", ".join(values)
                for name, values in document["filters"].items()
                if values is not None
            },
        }
    )


def _blocks(out: Output) -> str:
    return ASCII_BLOCKS if out.console.options.ascii_only else BLOCKS


def summary(out: Output, document: Document) -> None:
    """Show how a period went."""
    _purchases(out, document)
    _success(out, document)
    if document["reasons"]:
        _reasons(out, document["reasons"][:_REASONS_SHOWN_MAX], "Why purchases failed")
    points = document["chart"]["series"][0]["points"] if "chart" in document else None
    _money(out, document["revenue"], "Revenue", points)
    if document["latency"] is not None:
        _stages(out, document["latency"], "How long it took")
    fraud_part = document["fraud"]
    blocked = fraud_part["blocked"]
    out.line("")
    out.facts(
        {
            "blocked": f"{number(blocked['numerator'])} ({percent(blocked['rate_bp'])})",
            "reviews": _waits(fraud_part["reviews"]),
            "alerts": _open(fraud_part["alerts"]),
        }
    )
    for group in document["groups"] or ():
        out.line("")
        out.line(f"{document['group_by']} {group['group']}")
        _purchases(out, group)
        _success(out, group)
        _money(out, group["revenue"], "Revenue")
    _left_out(out, document["groups_left_out"], "group")


def _purchases(out: Output, document: Document) -> None:
    now = document["purchases"]
    before = {name: change["value"] for name, change in (now["before"] or {}).items()}
    names = (*_ENDS, "pending")
    out.table(
        ("", *names),
        [
            ("now", *(number(now[name]) for name in names)),
            ("before", *(number(before.get(name)) for name in names)),
        ],
        title="Purchases",
        right=names,
    )
    if "chart" in document:
        _charts(out, document["chart"])


def _charts(out: Output, chart: Document) -> None:
    points = chart["series"][0]["points"]
    drawn = {
        name: spark([point["purchases"][name] for point in points], _blocks(out))
        for name in ("begun", "succeeded", "failed")
    }
    out.facts({f"{name} by {chart['interval']}": line for name, line in drawn.items()})


def _success(out: Output, document: Document) -> None:
    rates = {
        "per attempt": document["success"]["per_attempt"],
        "per purchase": document["success"]["per_purchase"],
    }
    right = ("rate", "points", "95 % interval", "of")
    out.table(
        ("Success", *right),
        [
            (
                name,
                percent(rate["rate_bp"]),
                signed(past(rate, "change_bp")),
                _interval(rate),
                f"{number(rate['numerator'])} of {number(rate['denominator'])}",
            )
            for name, rate in rates.items()
        ],
        right=right,
    )


def _interval(rate: Document) -> str:
    if rate["wilson_low_bp"] is None:
        return "-"
    low = percent(rate["wilson_low_bp"]).removesuffix(" %")
    return f"{low} to {percent(rate['wilson_high_bp'])}"


def _reasons(out: Output, reasons: Sequence[Document], title: str) -> None:
    right = ("count", "before", "share")
    out.table(
        ("reason", *right, "can mend it", "retry"),
        [
            (
                one["reason"],
                number(one["count"]),
                number(past(one, "value")),
                percent(one["share_bp"]),
                one["mender"] or "-",
                {True: "can help", False: "cannot help", None: "-"}[one["retry_can_help"]],
            )
            for one in reasons
        ],
        title=title,
        right=right,
    )


def _money(
    out: Output,
    revenue_of: Sequence[Document],
    title: str,
    points: Sequence[Document] | None = None,
) -> None:
    if not revenue_of:
        out.line(f"{title}: no money moved.")
        return
    right = ("gross", "refunds", "net", "net before", "growth")
    out.table(
        ("", *right),
        [
            (
                one["currency"],
                *(money(one[name], one["currency"]) for name in ("gross", "refunds", "net")),
                money(past(one, "net", "value"), one["currency"]),
                growth(past(one, "net", "growth_bp")),
            )
            for one in revenue_of
        ],
        title=title,
        right=right,
    )
    if points is not None and len(points) > 1:
        drawn = {one["currency"]: _gross(points, one["currency"]) for one in revenue_of}
        out.facts({f"gross {name}": spark(line, _blocks(out)) for name, line in drawn.items()})


def _gross(points: Sequence[Document], currency: str) -> list[int]:
    return [
        sum(one["gross"] for one in point["revenue"] if one["currency"] == currency)
        for point in points
    ]


def _stages(out: Output, stages: Document, title: str) -> None:
    right = ("number", "mean", "p50", "p95", "p99", "p95 before")
    out.table(
        ("stage", *right),
        [
            (
                stage,
                number(timed["count"]),
                *(duration(timed[name]) for name in ("mean_us", "p50_us", "p95_us", "p99_us")),
                duration(past(timed, "p95_us")),
            )
            for stage, timed in stages.items()
        ],
        title=title,
        right=right,
    )


def timeseries(out: Output, document: Document) -> None:
    """Show the figures of each piece of the period."""
    for line in document["series"]:
        title = f"By {document['interval']}"
        if line["group"] is not None:
            title += f", {document['group_by']} {line['group']}"
        _points(out, line["points"], document["interval"], title)
    if not document["series"]:
        out.line("Nothing happened in this period.")
    _left_out(out, document["series_left_out"], "line")


def _points(out: Output, points: Sequence[Document], interval: str, title: str) -> None:
    form = _DAYS_OF.get(interval, "%m-%d %H:%M")
    names = [name for name in _ENDS if name in points[0]["purchases"]]
    columns: dict[str, Callable[[Document], str]] = {
        name: lambda point, name=name: number(point["purchases"][name])  # type: ignore[misc]
        for name in names
        if name in _COLUMNS
    }
    if "success_per_attempt_bp" in points[0]:
        columns["success"] = lambda point: percent(point["success_per_attempt_bp"])
    if points[0].get("latency") is not None:
        columns["p95"] = lambda point: duration(point["latency"]["p95_us"])
    out.table(
        ("from", *columns),
        [
            (
                datetime.fromisoformat(point["since_local"]).strftime(form)
                + ("" if point["whole"] else " *"),
                *(write(point) for write in columns.values()),
            )
            for point in points
        ],
        title=title,
        right=tuple(columns),
    )
    if not all(point["whole"] for point in points):
        out.line("* cut short by the period")
    charts = {name: [point["purchases"][name] for point in points] for name in names}
    for currency in sorted(
        {one["currency"] for point in points for one in point.get("revenue", ())}
    ):
        charts[f"gross {currency}"] = _gross(points, currency)
    out.facts(
        {
            name: spark(merged(values), _blocks(out))
            for name, values in charts.items()
            if any(values)
        }
    )


def failures(out: Output, document: Document) -> None:
    """Show why purchases failed."""
    rate = document["failure"]
    out.line("")
    out.line(
        f"{number(rate['numerator'])} of {number(rate['denominator'])} that a gateway answered"
        f" failed: {percent(rate['rate_bp'])}, before {percent(past(rate, 'rate_bp'))}."
    )
    for title, part in _parts(document, "Why"):
        if part["reasons"]:
            _reasons(out, part["reasons"], title)
    if document["menders"]:
        told = [
            f"{one['mender'] or 'nobody known'} {percent(one['share_bp'])}"
            for one in document["menders"]
        ]
        out.line(f"Who can mend it: {', '.join(told)}.")
    _left_out(out, document["groups_left_out"], "group")


def latency(out: Output, document: Document) -> None:
    """Show how long each stage took."""
    for title, part in _parts(document, "How long it took"):
        _stages(out, part["stages"], title)
    _left_out(out, document["groups_left_out"], "group")


def revenue(out: Output, document: Document) -> None:
    """Show what came in and went back."""
    for title, part in _parts(document, "Revenue"):
        _money(out, part["revenue"], title)
    reference = document["reference"]
    if reference is not None:
        _money(out, [reference], f"All of it in {reference['currency']}, by the rates of each day")
        _not_converted(out, reference["not_converted"])
    _left_out(out, document["groups_left_out"], "group")


def _not_converted(out: Output, without: Sequence[Document]) -> None:
    if not without:
        return
    right = ("gross", "refunds")
    out.table(
        ("", "from", "to", *right),
        [
            (
                one["currency"],
                one["since"][:10],
                one["until"][:10],
                *(money(one[name], one["currency"]) for name in right),
            )
            for one in without
        ],
        title="Not in it: there was no rate",
        right=right,
    )


def fraud(out: Output, document: Document) -> None:
    """Show what was stopped, and what waits."""
    blocked, month = document["blocked"], document["vamp"]
    out.line("")
    out.facts(
        {
            "blocked": f"{number(blocked['numerator'])} of {number(blocked['denominator'])}"
            f" that concluded: {percent(blocked['rate_bp'])}",
            "the period before": percent(past(blocked, "rate_bp")),
            "amounts": sums(blocked["amounts"]) or "-",
            "by a person": number(blocked["by_people"]),
            "reviews": _waits(document["reviews"]),
            "alerts": _open(document["alerts"]),
            f"VAMP {month['month']}": f"{number(month['fraud_reports'])} fraud reports and"
            f" {number(month['disputes'])} disputes, {number(month['succeeded'])} succeeded",
            "ratio": f"{percent(month['ratio_bp'])}, threshold {percent(month['threshold_bp'])},"
            f" distance {signed(month['distance_bp'])} points",
        }
    )
    if document["by_reason"]:
        out.table(
            ("reason", "count", "amount"),
            [
                (one["reason"], number(one["count"]), sums(one["amounts"]))
                for one in document["by_reason"]
            ],
            title="Blocked by rules",
            right=("count", "amount"),
        )
    if document["refusals"]:
        out.table(
            ("code", "count"),
            [(one["code"], number(one["count"])) for one in document["refusals"]],
            title="Refused before any rule",
            right=("count",),
        )


def _parts(document: Document, title: str) -> list[tuple[str, Document]]:
    """Return all of it, and each group, with a title."""
    groups = document["groups"] or ()
    by = document["group_by"]
    return [(title, document), *((f"{title}, {by} {one['group']}", one) for one in groups)]


def _waits(reviews: Document) -> str:
    if not reviews["open"]:
        return "no review waits"
    waited = f"the oldest for {duration(reviews['oldest_s'] * 1_000_000)}"
    overdue = f", {number(reviews['overdue'])} overdue" if reviews["overdue"] else ""
    return f"{_many(reviews['open'], 'review waits', 'reviews wait')} ({waited}{overdue})"


def _open(alerts: Document) -> str:
    if not alerts["open"]:
        return "no alert is open"
    told = _many(alerts["open"], "alert is open", "alerts are open")
    return f"{told} ({number(alerts['card_testing'])} of card testing)"


def _many(count: int, one: str, many: str) -> str:
    return f"{number(count)} {one if count == 1 else many}"


def _left_out(out: Output, count: int, noun: str) -> None:
    if count:
        out.line(f"Not shown: {_many(count, noun, noun + 's')}, smaller than these.")
