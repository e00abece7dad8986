"""``paykeel metrics``: what the figures say, in the terminal."""

from __future__ import annotations

from cyclopts import App

from paykeel.cli.metrics.commands import summary

app = App(
    name="metrics",
    help="Success, failures, durations, revenue and fraud of a period.",
    default_command=summary,
)

# Named and not imported: a command's own libraries are loaded when it is called.
for name, place, about in (
    ("summary", "commands:summary", "How a period went, on one page."),
    ("timeseries", "commands:timeseries", "The figures of each hour, day, week or month."),
    ("failures", "commands:failures", "Why purchases failed, and who can mend it."),
    ("latency", "commands:latency", "How long each stage of a purchase took."),
    ("revenue", "commands:revenue", "What came in and went back, by currency."),
    ("sinks", "sinks:sinks", "Where metrics go, how far each sink is, and what went wrong."),
    ("cost", "cost:cost", "What CloudWatch would cost, by what metrics are split by."),
    ("fraud", "commands:fraud", "What was stopped, what waits, and the network's ratio."),
    ("alerts", "alerts:app", "List alerts on metrics, and acknowledge them."),
    ("cloudwatch", "cloudwatch:app", "The dashboard and the alarms in CloudWatch, as code."),
):
    app.command(f"paykeel.cli.metrics.{place}", name=name, help=about)
