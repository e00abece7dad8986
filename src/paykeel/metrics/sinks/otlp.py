"""OTLP over HTTP with protobuf: sums and exponential histograms, by the minute (delta).

Our places are those of an OpenTelemetry exponential histogram of scale 3, in microseconds, so that
nothing is lost on the way. A batch whose fate is unknown is sent again, as the protocol says, and
counted as uncertain: it cannot be read back.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from paykeel.metrics.catalogue import CATALOGUE, Kind, Unit
from paykeel.metrics.sinks.datums import MINUTE
from paykeel.metrics.sinks.dimensions import union
from paykeel.metrics.sinks.emf import parts_of
from paykeel.metrics.sinks.port import (
    REASON_CHARACTERS_MAX,
    Delivered,
    Later,
    Refused,
    Seen,
    Unsure,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from paykeel.metrics.sinks.datums import Datum
    from paykeel.metrics.sinks.dimensions import DimensionSet
    from paykeel.metrics.sinks.port import Delivery, Probe

BATCH_DATUMS_MAX = 1_000
#: What a whole number of the protocol holds.
INTEGER_MAX = 2**63 - 1
SCALE = 3
_UNITS = {
    Unit.COUNT: "1",
    # Which currency's is an attribute.
    Unit.MINOR_UNITS: "{minor_unit}",
    Unit.MICROSECONDS: "us",
    Unit.SECONDS: "s",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Nothing was taken, and the protocol, or a setting that can be mended, says to come back.
_LATER = frozenset({401, 403, 404, 407, 429, 502, 503, 504})
_OK, _SERVER_ERROR = 200, 500


class Otlp:
    """Sends batches to a collector."""

    name = "otlp"
    reads_back = False
    age_max: timedelta | None = None

    def __init__(self, *, url: str, headers: Mapping[str, str], timeout_ms: int) -> None:
        """Take the whole address, ``…/v1/metrics``, and what to show there."""
        self._url = url
        self._client = httpx.AsyncClient(timeout=timeout_ms / 1000, headers=dict(headers))

    def sets(self, asked: Sequence[DimensionSet]) -> tuple[DimensionSet, ...]:
        """Return one set: whoever reads it adds up by himself, and would count several twice."""
        return union(asked)

    def pack(self, datums: Sequence[Datum]) -> list[list[Datum]]:
        """Part datums into batches of bounded size."""
        return parts_of(datums, BATCH_DATUMS_MAX)

    async def send(self, datums: Sequence[Datum], now: datetime) -> Delivery:
        """Send one batch."""
        del now
        kept = [datum for datum in datums if max(datum.value, datum.sum_us) <= INTEGER_MAX]
        body = gzip.compress(export(kept).SerializeToString())
        try:
            answer = await self._client.post(
                self._url,
                content=body,
                headers={"content-type": "application/x-protobuf", "content-encoding": "gzip"},
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return Later(_text(error))
        except (httpx.HTTPError, OSError) as error:
            return Unsure(_text(error))
        return _delivery(answer, len(datums), len(datums) - len(kept))

    async def was_received(self, probe: Probe, sent_at: datetime) -> Seen:
        """Say that nobody knows."""
        del probe, sent_at
        return Seen.UNREADABLE

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


def export(datums: Iterable[Datum]) -> ExportMetricsServiceRequest:
    """Return the message that says what the datums say."""
    by_metric: dict[str, list[Datum]] = {}
    for datum in datums:
        by_metric.setdefault(datum.metric, []).append(datum)
    scope = ScopeMetrics(
        scope=InstrumentationScope(name="paykeel"),
        metrics=[_metric(name, found) for name, found in by_metric.items()],
    )
    resource = Resource(attributes=_attributes([("service.name", "paykeel")]))
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope])]
    )


def _metric(name: str, datums: Sequence[Datum]) -> Metric:
    known = CATALOGUE[name]
    made = Metric(name=f"paykeel.{name}", description=known.meaning, unit=_UNITS[known.unit])
    delta = AGGREGATION_TEMPORALITY_DELTA
    match known.kind:
        case Kind.COUNTER:
            points = [_number(datum) for datum in datums]
            made.sum.CopyFrom(
                Sum(data_points=points, aggregation_temporality=delta, is_monotonic=True)
            )
        case Kind.GAUGE:
            made.gauge.CopyFrom(Gauge(data_points=[_number(datum) for datum in datums]))
        case Kind.HISTOGRAM:
            made.exponential_histogram.CopyFrom(
                ExponentialHistogram(
                    data_points=[_histogram(datum) for datum in datums],
                    aggregation_temporality=delta,
                )
            )
    return made


def _number(datum: Datum) -> NumberDataPoint:
    start = datum.minute if datum.kind is Kind.GAUGE else datum.minute + MINUTE
    return NumberDataPoint(
        attributes=_attributes(datum.labels),
        start_time_unix_nano=_nanoseconds(datum.minute),
        time_unix_nano=_nanoseconds(start),
        as_int=datum.value,
    )


def _histogram(datum: Datum) -> ExponentialHistogramDataPoint:
    # Place 0 holds up to 1 µs, which is the protocol's zero bucket; place i is its index i - 1.
    counts = {place: count for place, count in datum.places if place}
    low, high = min(counts, default=1), max(counts, default=0)
    positive = ExponentialHistogramDataPoint.Buckets(
        offset=low - 1, bucket_counts=[counts.get(place, 0) for place in range(low, high + 1)]
    )
    return ExponentialHistogramDataPoint(
        attributes=_attributes(datum.labels),
        start_time_unix_nano=_nanoseconds(datum.minute),
        time_unix_nano=_nanoseconds(datum.minute + MINUTE),
        count=datum.value,
        sum=float(datum.sum_us),
        scale=SCALE,
        zero_count=dict(datum.places).get(0, 0),
        zero_threshold=1.0,
        positive=positive,
    )


def _attributes(labels: Iterable[tuple[str, str]]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in labels]


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _delivery(answer: httpx.Response, count: int, dropped: int) -> Delivery:
    """Say what an answer means for the batch."""
    text = f"HTTP {answer.status_code}: {answer.text[:200]!r}"
    if answer.status_code in _LATER:
        return Later(text)
    if answer.status_code >= _SERVER_ERROR:
        return Unsure(text)
    if answer.status_code != _OK:
        return Refused(text)
    told = ExportMetricsServiceResponse()
    own = f"{dropped} beyond a whole number of 64 bits" if dropped else ""
    try:
        told.ParseFromString(answer.content)
    except DecodeError:
        return Delivered(dropped, own)
    # A collector need not say why, and what it counts is not believed beyond what it was given.
    partial = told.partial_success
    rejected = min(max(partial.rejected_data_points, 0), count - dropped)
    reasons = [reason for reason in (own, partial.error_message) if reason]
    return Delivered(dropped + rejected, "; ".join(reasons))


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]
