"""``metrics sinks``: where metrics go, how far each sink has got, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.cli.context import DEFAULTS, FOUND, OK, Common, Output, open_core

if TYPE_CHECKING:
    from datetime import datetime

    from paykeel.metrics.sinks.opening import Options
    from paykeel.metrics.sinks.states import SinkState


async def sinks(*, common: Common = DEFAULTS) -> int:
    """Show each sink: how far it is, what waits, what was dropped, and the last error.

    Exits with 1 while one that is on fails.

    Args:
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        options = core.metric_sinks.options
        states = {state.sink: state for state in await core.metric_sinks.states()}
    names = list(dict.fromkeys((*options.fed, *states)))
    documents = [_document(name, states.get(name), options) for name in names]
    out.document({"sinks": documents, "prometheus": options.prometheus})
    if not names:
        out.line("No sink is on, and none ever was: PAYKEEL_METRICS_SINKS names them.")
    else:
        out.table(
            ("sink", "", "behind", "waiting", "sent", "dropped", "late", "uncertain", "error"),
            [_row(document) for document in documents],
            right=("behind", "waiting", "sent", "dropped", "late", "uncertain"),
            prose=("error",),
        )
    if options.prometheus:
        out.line("Prometheus may read /metrics of `paykeel serve`.")
    failing = any(one["on"] and one["failures"] for one in documents)
    return FOUND if failing else OK


def _document(name: str, state: SinkState | None, options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {"sink": name, "on": name in options.fed, "failures": 0}
    if state is None:
        return {**found, "started_at": None}
    return {
        **found,
        "started_at": _time(state.started_at),
        "sent_to": _time(state.sent_to),
        "compared_to": _time(state.compared_to),
        "lag_s": state.lag_s(options.plan.lag),
        "batches_waiting": state.batches_waiting,
        "batches_sent": state.batches_sent,
        "batches_uncertain": state.batches_uncertain,
        "datums_sent": state.datums_sent,
        "datums_dropped": state.datums_dropped,
        "datums_late": state.datums_late,
        "last_sent_at": _time(state.last_sent_at),
        "failures": state.failures,
        "retry_at": _time(state.retry_at),
        "last_error": state.last_error,
    }


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    on = "on" if found["on"] else "off"
    if found["started_at"] is None:
        return (found["sink"], on, "not begun", "", "", "", "", "", "")
    return (
        found["sink"],
        on,
        f"{found['lag_s']} s",
        found["batches_waiting"],
        found["datums_sent"],
        found["datums_dropped"],
        found["datums_late"],
        found["batches_uncertain"],
        found["last_error"],
    )


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
