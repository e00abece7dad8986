"""Which sinks are on, read from the settings and refused there when they cannot be meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from importlib import import_module
from typing import TYPE_CHECKING, Any

from paykeel.errors import Misconfigured
from paykeel.metrics.sinks.dimensions import check_budget, parse_sets
from paykeel.metrics.sinks.feed import Feed, Plan
from paykeel.metrics.sinks.states import SinkState, sink_states
from paykeel.metrics.sinks.validate import namespace_faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from paykeel.db.pool import Database
    from paykeel.metrics.sinks.port import MetricsSink
    from paykeel.settings import Settings

#: Sinks that the worker sends to, and the one that comes to read.
FED = ("cloudwatch", "emf", "otlp")
PROMETHEUS = "prometheus"
TOKEN_CHARACTERS_MIN = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the settings say of sinks."""

    #: In the order of the settings, each once.
    fed: tuple[str, ...]
    prometheus: bool
    plan: Plan
    namespace: str
    otlp_url: str
    otlp_headers: Mapping[str, str]
    #: Shows the figures of every merchant to whoever has it; none: only API keys open the door.
    prometheus_token: str | None


def options_of(settings: Settings) -> Options:
    """Return what the settings say.

    Raises:
        Misconfigured: A sink or a dimension is unknown, a dimension would name a person or a
            payment, there would be more series than the budget, or a secret cannot be used.
    """
    names = tuple(dict.fromkeys(filter(None, map(str.strip, settings.metrics_sinks.split(",")))))
    known = (*FED, PROMETHEUS)
    for name in names:
        if name not in known:
            raise Misconfigured(
                f"PAYKEEL_METRICS_SINKS: there is no sink {name!r}. There are: {', '.join(known)}.",
                code="metric_sink_unknown",
                sink=name[:100],
            )
    sets = parse_sets(settings.metrics_dimensions)
    check_budget(sets, settings.metrics_series_max)
    faults = list(namespace_faults(settings.metrics_namespace))
    if faults:
        raise Misconfigured(
            "PAYKEEL_METRICS_NAMESPACE: letters, digits and ._#/:- only, and AWS/ is Amazon's.",
            code="metric_sink_unusable",
        )
    if "otlp" in names and not settings.metrics_otlp_url:
        raise Misconfigured(
            "PAYKEEL_METRICS_OTLP_URL is missing: where the collector takes metrics.",
            code="metric_sink_unusable",
        )

    def ms(value: int) -> timedelta:
        return timedelta(milliseconds=value)

    return Options(
        fed=tuple(name for name in names if name in FED),
        prometheus=PROMETHEUS in names,
        plan=Plan(
            sets=sets,
            modes=("live", "test") if settings.metrics_test_mode else ("live",),
            lag=ms(settings.metrics_sink_lag_ms),
            late=ms(max(settings.metrics_sink_late_ms, settings.metrics_sink_lag_ms)),
            backfill_minutes=settings.metrics_sink_backfill_minutes,
            queue_batches_max=settings.metrics_sink_queue_batches,
            timeout_ms=settings.metrics_sink_timeout_ms,
            readback=ms(settings.metrics_sink_readback_ms),
            series_max=settings.metrics_series_max,
        ),
        namespace=settings.metrics_namespace,
        otlp_url=settings.metrics_otlp_url,
        otlp_headers=_headers(settings.metrics_otlp_headers),
        prometheus_token=_token(settings.metrics_prometheus_token),
    )


class MetricSinks:
    """The sinks of this process: opened when they are first used, closed with the core."""

    def __init__(self, database: Database, options: Options) -> None:
        """Take the database and what the settings say."""
        self._database = database
        self.options = options
        self._feeds: dict[str, Feed] = {}

    async def run_once(self, name: str) -> bool:
        """Feed one sink once: the worker's pass; return whether more can be done at once.

        Raises:
            Misconfigured: The sink cannot be opened.
        """
        return await self.open(name).run_once()

    def open(self, name: str) -> Feed:
        """Return the feed of a sink that is on.

        Raises:
            Misconfigured: ``metric_sink_extra_missing``: its library is not installed;
                ``metric_sink_unusable``: that does not find what it needs.
        """
        if name not in self._feeds:
            sink = open_sink(name, self.options)
            self._feeds[name] = Feed(self._database, sink, self.options.plan)
        return self._feeds[name]

    async def states(self) -> list[SinkState]:
        """Return how every sink stands that was ever on."""
        return await sink_states(self._database)

    def may_read_all(self, secret: str) -> bool:
        """Say whether this is the token that shows the figures of all merchants."""
        token = self.options.prometheus_token
        return token is not None and compare_digest(token.encode(), secret.encode())

    async def close(self) -> None:
        """Let go of every sink; what is being sent is left to whoever comes next."""
        while self._feeds:
            await self._feeds.popitem()[1].close()


def open_sink(name: str, options: Options) -> MetricsSink:
    """Open a sink, whose module is loaded only now: its libraries may not be there."""
    match name:
        case "cloudwatch":
            make: Any = _module("cloudwatch").CloudWatch
            sink: MetricsSink = make(
                namespace=options.namespace, timeout_ms=options.plan.timeout_ms
            )
        case "emf":
            sink = _module("emf").Emf(
                namespace=options.namespace, timeout_ms=options.plan.timeout_ms
            )
        case _:
            sink = _module("otlp").Otlp(
                url=options.otlp_url,
                headers=options.otlp_headers,
                timeout_ms=options.plan.timeout_ms,
            )
    return sink


def _module(name: str) -> Any:
    try:
        return import_module(f"paykeel.metrics.sinks.{name}")
    except ImportError as error:
        raise Misconfigured(
            f"The sink {name} needs a library that is not installed: "
            f"`pip install 'paykeel[{name}]'`.",
            code="metric_sink_extra_missing",
            sink=name,
        ) from error


def _headers(given: SecretStr | None) -> dict[str, str]:
    """Read headers, ``name=value`` with commas between, as OpenTelemetry's own setting has them."""
    found = {}
    for pair in filter(None, (given.get_secret_value() if given else "").split(",")):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Misconfigured(
                "PAYKEEL_METRICS_OTLP_HEADERS: write name=value, with commas between.",
                code="metric_sink_unusable",
            )
        found[name.strip()] = value.strip()
    return found


def _token(given: SecretStr | None) -> str | None:
    token = given.get_secret_value() if given else None
    if token is not None and len(token) < TOKEN_CHARACTERS_MIN:
        raise Misconfigured(
            f"PAYKEEL_METRICS_PROMETHEUS_TOKEN needs at least {TOKEN_CHARACTERS_MIN} characters.",
            code="secret_unusable",
        )
    return token
