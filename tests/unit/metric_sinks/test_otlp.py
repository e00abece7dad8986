"""OTLP, decoded by the official definitions on the other side of a real connection."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

from paykeel.metrics.histogram import bounds
from paykeel.metrics.sinks.datums import Datum
from paykeel.metrics.sinks.otlp import Otlp
from paykeel.metrics.sinks.port import Delivered, Later, Refused, Unsure
from tests.unit.metric_sinks.samples import AT, CAPTURED, FAILED, LAG, NEXT, TOOK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from paykeel.metrics.sinks.port import Delivery


@dataclass
class Collector:
    """What a collector was sent, and what it answers."""

    status: int = 200
    answer: bytes = b""
    silent: bool = False
    heads: list[bytes] = field(default_factory=list)
    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(lines[b"content-length"]))
        self.heads.append(head)
        self.requests.append(ExportMetricsServiceRequest.FromString(gzip.decompress(body)))
        if not self.silent:
            length = f"content-length: {len(self.answer)}\r\n\r\n"
            writer.write(f"HTTP/1.1 {self.status} X\r\n{length}".encode() + self.answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def collecting(collector: Collector) -> AsyncIterator[Otlp]:
    """Run a collector, and a sink that sends to it."""
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    collector.url = f"http://127.0.0.1:{port}/v1/metrics"
    sink = Otlp(url=collector.url, headers={"x-team": "pay"}, timeout_ms=2_000)
    try:
        yield sink
    finally:
        await sink.close()
        server.close()


async def sent(datums: Sequence[Datum], collector: Collector) -> Delivery:
    async with collecting(collector) as sink:
        return await sink.send(datums, AT)


def metrics_of(collector: Collector) -> dict[str, Metric]:
    (request,) = collector.requests
    (resource,) = request.resource_metrics
    names = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert names == {"service.name": "paykeel"}
    return {one.name: one for one in resource.scope_metrics[0].metrics}


async def test_every_kind_of_datum_is_decoded() -> None:
    collector = Collector()
    assert await sent([FAILED, CAPTURED, TOOK, LAG], collector) == Delivered()
    assert b"x-team: pay" in collector.heads[0]
    assert b"application/x-protobuf" in collector.heads[0]
    found = metrics_of(collector)
    failed = found["paykeel.purchases_failed"].sum
    assert failed.is_monotonic
    assert failed.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
    (point,) = failed.data_points
    assert point.as_int == 4
    assert {one.key: one.value.string_value for one in point.attributes} == {
        "mode": "live",
        "reason": "card_declined",
    }
    assert point.start_time_unix_nano == int(AT.timestamp()) * 10**9
    assert point.time_unix_nano == int(NEXT.timestamp()) * 10**9
    assert found["paykeel.amount_captured"].unit == "{minor_unit}"
    assert found["paykeel.amount_captured"].sum.data_points[0].as_int == 5_501
    assert found["paykeel.recovery_lag"].gauge.data_points[0].as_int == 12
    assert found["paykeel.recovery_lag"].unit == "s"


async def test_a_histogram_keeps_every_place() -> None:
    collector = Collector()
    datum = Datum("latency", TOOK.labels, AT, 10, ((0, 3), (8, 1), (100, 4), (304, 2)), 90_210)
    await sent([datum], collector)
    metric = metrics_of(collector)["paykeel.latency"]
    assert metric.unit == "us"
    histogram = metric.exponential_histogram
    assert histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
    (point,) = histogram.data_points
    assert (point.count, point.sum, point.scale) == (10, 90_210.0, 3)
    assert (point.zero_count, point.zero_threshold) == (3, 1.0)
    base = 2 ** (2**-point.scale)
    places = {
        point.positive.offset + index: count
        for index, count in enumerate(point.positive.bucket_counts)
        if count
    }
    assert places == {7: 1, 99: 4, 303: 2}
    # By the protocol, an index holds what is above base^index, up to base^(index + 1).
    for index in places:
        low, high = bounds(index + 1)
        assert base**index == pytest.approx(low)
        assert base ** (index + 1) == pytest.approx(high)
    assert point.zero_count + sum(point.positive.bucket_counts) == point.count


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Delivered),
        (400, Refused),
        (413, Refused),
        (401, Later),
        (404, Later),
        (429, Later),
        (502, Later),
        (503, Later),
        (500, Unsure),
    ],
)
async def test_each_answer_means_something(status: int, kind: type) -> None:
    assert isinstance(await sent([LAG], Collector(status=status)), kind)


async def test_what_a_collector_leaves_out_is_counted() -> None:
    partial = ExportMetricsPartialSuccess(rejected_data_points=2, error_message="too many")
    answer = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    assert await sent([LAG] * 3, Collector(answer=answer)) == Delivered(2, "too many")


async def test_no_more_is_left_out_than_was_sent() -> None:
    for told, dropped in ((2**62, 3), (-5, 0)):
        partial = ExportMetricsPartialSuccess(rejected_data_points=told)
        answer = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
        assert await sent([LAG] * 3, Collector(answer=answer)) == Delivered(dropped, "")


async def test_what_the_protocol_cannot_say_is_left_out() -> None:
    collector = Collector()
    large = Datum(CAPTURED.metric, CAPTURED.labels, AT, 2**63)
    assert await sent([large, FAILED], collector) == Delivered(
        1, "1 beyond a whole number of 64 bits"
    )
    assert list(metrics_of(collector)) == ["paykeel.purchases_failed"]


async def test_a_lost_answer_is_uncertain_and_nobody_there_is_not() -> None:
    collector = Collector(silent=True)
    assert isinstance(await sent([LAG], collector), Unsure)
    assert len(collector.requests) == 1
    gone = Otlp(url=collector.url, headers={}, timeout_ms=500)
    assert isinstance(await gone.send([LAG], AT), Later)
    await gone.close()


async def test_one_set_of_dimensions_holds_all() -> None:
    async with collecting(Collector()) as sink:
        assert sink.sets(((), ("role",), ("gateway",))) == (("role", "gateway"),)
