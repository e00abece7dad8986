"""What ``doctor`` says of the sinks of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.core import Core
from paykeel.errors import Misconfigured, PaykeelError
from paykeel.metrics.sinks.dimensions import estimate, write_sets
from paykeel.metrics.sinks.opening import open_sink
from paykeel.metrics.sinks.states import MEASURED_DAYS, measured_sizes

if TYPE_CHECKING:
    from paykeel.metrics.sinks.dimensions import Sizes
    from paykeel.metrics.sinks.opening import Options
    from paykeel.metrics.sinks.states import SinkState
    from paykeel.settings import Settings

#: A sink that is on and further behind than this is told of.
LAG_WARN_S = 900
#: What was found of one sink: what it is about, whether it is good, what was seen, what to do.
Seen = tuple[str, bool, str, str]


async def look_at_sinks(settings: Settings) -> list[Seen]:
    """Look at every sink that is on, and at what was lost of those that ever were."""
    try:
        async with Core.open(settings) as core:
            options = core.metric_sinks.options
            states = {state.sink: state for state in await core.metric_sinks.states()}
            sizes = await measured_sizes(core.database, options.plan.modes)
    except PaykeelError as error:
        return [("metrics", False, error.message, "See docs/how-to/cloudwatch.md.")]
    found: list[Seen] = [await _opened(name, options, states.get(name)) for name in options.fed]
    if options.prometheus:
        opens = "a token or an API key" if options.prometheus_token else "an API key"
        found.append(("metrics, prometheus", True, f"/metrics is served; {opens} opens it", ""))
    if found:
        found.append(_budget(options, sizes))
    return found or [("metrics", True, "no sink is on; the figures are in the database", "")]


def _budget(options: Options, sizes: Sizes) -> Seen:
    """Compare what the last days had, and not what is assumed at the start, with the budget."""
    series, limit = sum(estimate(options.plan.sets, sizes).values()), options.plan.series_max
    seen = f"up to {series} series of the last {MEASURED_DAYS} days' values, {limit} are allowed"
    advice = "All are sent, and cost. Ask for less in PAYKEEL_METRICS_DIMENSIONS, or allow more."
    return ("metrics, series", series <= limit, seen, advice if series > limit else "")


async def _opened(name: str, options: Options, state: SinkState | None) -> Seen:
    what = f"metrics, {name}"
    try:
        await open_sink(name, options).close()
    except Misconfigured as error:
        return (what, False, error.message, "Mend it, or take it out of PAYKEEL_METRICS_SINKS.")
    if state is None:
        return (what, False, "nothing was sent yet", "`paykeel serve` or `paykeel worker` begins.")
    lag_s = state.lag_s(options.plan.lag)
    seen = (
        f"{lag_s} s behind, {state.batches_waiting} batches wait, {state.datums_sent} datums sent, "
        f"{state.datums_dropped} dropped, {state.datums_late} late, "
        f"{state.batches_uncertain} batches uncertain; by {write_sets(options.plan.sets)}"
    )
    if state.failures:
        return (
            what,
            False,
            f"{seen}; {state.failures} failures in a row: {state.last_error}",
            "Nothing is lost: it is caught up with in order once it works again.",
        )
    if lag_s > LAG_WARN_S:
        return (what, False, seen, "Run `paykeel serve` or `paykeel worker`.")
    if state.datums_dropped or state.batches_uncertain:
        return (what, False, seen, "docs/how-to/cloudwatch.md says what these counts mean.")
    return (what, True, seen, "")
