"""The dashboard for CloudWatch, made from the catalogue. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.gateways.port import DeclineReason
from paykeel.metrics import catalogue
from paykeel.metrics.alarms import SINK, Target
from paykeel.metrics.catalogue import CATALOGUE, cloudwatch_name
from paykeel.metrics.sinks.dimensions import layouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The grid of a dashboard is this wide.
COLUMNS = 24
WIDGET_WIDTH, WIDGET_HEIGHT = 12, 6
TEXT_HEIGHT = 3
#: CloudWatch takes so many metrics in one widget and in one dashboard.
WIDGET_METRICS_MAX, DASHBOARD_METRICS_MAX = 500, 2_500
STAGES = ("open", "gateway", "settle", "purchase")
#: Money is looked at by the hour.
HOUR_S = 3_600


def name_of(target: Target) -> str:
    """Return what the dashboard is called."""
    return f"{target.prefix}-{target.mode}"


def mark_of(target: Target) -> str:
    """Return the words by which a dashboard is known to be made here."""
    return f"Created by `paykeel metrics cloudwatch apply`, prefix `{target.prefix}`."


def is_ours(target: Target, body: Mapping[str, Any]) -> bool:
    """Say whether a dashboard was made here: its first text says so."""
    widgets = body.get("widgets") or [{}]
    text = widgets[0].get("properties", {}).get("markdown", "")
    return mark_of(target) in text


def dashboard(target: Target) -> dict[str, Any]:
    """Return the body of the dashboard."""
    widgets: list[dict[str, Any]] = [
        {
            "type": "text",
            "x": 0,
            "y": 0,
            "width": COLUMNS,
            "height": TEXT_HEIGHT,
            "properties": {
                "markdown": (
                    f"# Paykeel, {target.mode}\n{mark_of(target)} What is changed by hand is "
                    "changed back by the next apply.\nRates, revenue and percentiles are those of "
                    "`paykeel metrics`, as far as they were sent."
                )
            },
        }
    ]
    for number, (title, metrics, period_s, more) in enumerate(_graphs(target)):
        properties = {
            "title": title,
            "view": "timeSeries",
            "stacked": False,
            "region": target.region,
            "period": period_s,
            "metrics": metrics,
            **more,
        }
        widgets.append(
            {
                "type": "metric",
                "x": number % 2 * WIDGET_WIDTH,
                "y": TEXT_HEIGHT + number // 2 * WIDGET_HEIGHT,
                "width": WIDGET_WIDTH,
                "height": WIDGET_HEIGHT,
                "properties": properties,
            }
        )
    return {"widgets": widgets}


_Graph = tuple[str, list[Any], int, dict[str, Any]]


def _graphs(target: Target) -> Iterator[_Graph]:
    yield _success(target)
    yield (
        "Purchases",
        [
            _line(target, f"purchases_{word}", "Sum", word)
            for word in ("opened", "succeeded", "failed", "blocked", "canceled", "expired")
        ],
        60,
        {},
    )
    if (catalogue.MODE, catalogue.REASON) in layouts(CATALOGUE["purchases_failed"], target.sets):
        yield (
            "Failures by reason",
            [
                _line(target, "purchases_failed", "Sum", str(reason), reason=str(reason))
                for reason in DeclineReason
            ],
            300,
            {"stacked": True},
        )
    for stage in STAGES:
        yield (
            f"How long: {stage}",
            [
                _line(target, "latency", statistic, statistic, stage=stage)
                for statistic in ("p50", "p95", "p99")
            ],
            60,
            {},
        )
    for metric, title in (
        ("amount_captured", "Captured, in minor units"),
        ("amount_refunded", "Refunded, in minor units"),
    ):
        # Which currencies there are is seen when it is looked at; sums over them do not exist.
        yield title, [[{"expression": _by_currency(target, metric)}]], HOUR_S, {}
    for metric, title in (
        ("unknown_outcomes_overdue", "Outcomes unknown for over 15 minutes"),
        ("recovery_lag", "Recovery lag, s"),
        ("review_backlog", "Payments held for review"),
        ("fraud_alerts_open", "Open fraud alerts"),
        ("sink_lag", "Sink lag, s"),
    ):
        yield title, [_line(target, metric, "Maximum", title)], 60, {}


def _success(target: Target) -> _Graph:
    return (
        "Success rate per attempt, %",
        [
            [
                {
                    "expression": "100 * FILL(good, 0) / (FILL(good, 0) + FILL(bad, 0))",
                    "id": "rate",
                    "label": "succeeded / (succeeded + failed)",
                }
            ],
            _line(target, "purchases_succeeded", "Sum", "succeeded", id_="good"),
            _line(target, "purchases_failed", "Sum", "failed", id_="bad"),
        ],
        300,
        {"yAxis": {"left": {"min": 0, "max": 100}}},
    )


def _line(
    target: Target, metric: str, statistic: str, label: str, *, id_: str = "", **more: str
) -> list[Any]:
    """Return one series as a line of a widget."""
    labels = {catalogue.MODE: target.mode, catalogue.SINK: SINK, **more}
    always = CATALOGUE[metric].always
    names = (*always, *(name for name in more if name not in always))
    line: list[Any] = [target.namespace, cloudwatch_name(metric)]
    for name in names:
        line += [cloudwatch_name(name), labels[name]]
    shown: dict[str, Any] = {"stat": statistic, "label": label}
    if id_:
        shown |= {"id": id_, "visible": False}
    return [*line, shown]


def _by_currency(target: Target, metric: str) -> str:
    schema = ",".join(
        (target.namespace, cloudwatch_name(catalogue.MODE), cloudwatch_name(catalogue.CURRENCY))
    )
    return (
        f'SEARCH(\'{{{schema}}} MetricName="{cloudwatch_name(metric)}" '
        f"{cloudwatch_name(catalogue.MODE)}=\"{target.mode}\"', 'Sum', {HOUR_S})"
    )
