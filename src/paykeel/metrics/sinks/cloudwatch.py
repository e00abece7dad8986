"""CloudWatch by PutMetricData: whole minutes, histograms as values with counts.

boto3 is asked to try once only. It would otherwise repeat by itself a request whose answer was
lost, and CloudWatch adds up whatever it is sent twice; whether something arrived is found out by
reading it back.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)

from paykeel.errors import Misconfigured
from paykeel.metrics.catalogue import CATALOGUE, CLOUDWATCH_UNITS, Kind, cloudwatch_name
from paykeel.metrics.sinks.datums import MINUTE, representative_us
from paykeel.metrics.sinks.port import (
    REASON_CHARACTERS_MAX,
    Delivered,
    Later,
    Refused,
    Seen,
    Unsure,
)
from paykeel.metrics.sinks.validate import (
    AGE_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_METRICS_MAX,
    VALUES_MAX,
    faults_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from paykeel.metrics.sinks.datums import Datum
    from paykeel.metrics.sinks.dimensions import DimensionSet
    from paykeel.metrics.sinks.port import Delivery, Probe

#: Bytes of a datum, of a dimension and of a value with its count beyond their texts, in whichever
#: of its protocols the client speaks; the longest writes each name out with its number.
DATUM_BYTES, DIMENSION_BYTES, VALUE_BYTES = 300, 120, 120
REQUEST_BYTES = 1_000
CONNECT_MS_MAX = 5_000
#: Older minutes are let go this much before CloudWatch would refuse them.
AGE_MARGIN = timedelta(hours=1)
#: What is older when it is sent may show only days later, so that its absence proves nothing.
SHOWN_SOON = timedelta(hours=24)
#: What the service says when the data itself are at fault; all else may pass.
_OF_DATA = frozenset(
    {
        "InvalidFormat",
        "InvalidParameterCombination",
        "InvalidParameterCombinationException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "MissingParameter",
        "MissingRequiredParameter",
        "MissingRequiredParameterException",
        "RequestEntityTooLarge",
        "SerializationException",
        "ValidationError",
    }
)
#: Nothing was sent.
_NOT_SENT = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)
_SERVER_ERROR, _TOO_LARGE, _SLOW_DOWN = 500, 413, 429


class CloudWatch:
    """Sends batches; region, credentials and endpoint are boto3's own affair."""

    name = "cloudwatch"
    reads_back = True
    age_max: timedelta | None = AGE_MAX - AGE_MARGIN

    def __init__(self, *, namespace: str, timeout_ms: int) -> None:
        """Make the client.

        Raises:
            Misconfigured: ``metric_sink_unusable``: boto3 finds no region, or a wrong setting.
        """
        self._namespace = namespace
        try:
            self._client = boto3.client(
                "cloudwatch",
                config=Config(
                    connect_timeout=min(timeout_ms, CONNECT_MS_MAX) / 1000,
                    read_timeout=timeout_ms / 1000,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    disable_request_compression=False,
                ),
            )
        except (BotoCoreError, ValueError) as error:
            raise Misconfigured(
                f"CloudWatch: {error} Set AWS_REGION, or what else boto3 asks for.",
                code="metric_sink_unusable",
            ) from error

    def sets(self, asked: Sequence[DimensionSet]) -> tuple[DimensionSet, ...]:
        """Return all: CloudWatch adds nothing up over dimensions."""
        return tuple(asked)

    def pack(self, datums: Sequence[Datum]) -> list[list[Datum]]:
        """Part datums by the limits of a request; what one minute says of a series stays whole."""
        batches: list[list[Datum]] = []
        metrics, size = REQUEST_METRICS_MAX + 1, 0
        for datum in datums:
            parts = metric_data(datum)
            weight = sum(map(_bytes_of, parts))
            metrics += len(parts)
            size += weight
            if metrics > REQUEST_METRICS_MAX or size > REQUEST_BYTES_MAX - REQUEST_BYTES:
                batches.append([])
                metrics, size = len(parts), weight
            batches[-1].append(datum)
        return batches

    async def send(self, datums: Sequence[Datum], now: datetime) -> Delivery:
        """Send one batch without what CloudWatch would refuse."""
        owned = [(owner, part) for owner, one in enumerate(datums) for part in metric_data(one)]
        data = [part for _, part in owned]
        request = {"Namespace": self._namespace, "MetricData": data}
        faults = faults_of(request, now, _size_of(data))
        whole = [fault.code for fault in faults if fault.index is None]
        if whole:
            return Refused(f"not sent: {', '.join(whole)}")
        # A datum goes whole or not at all.
        bad = {owned[fault.index][0] for fault in faults if fault.index is not None}
        kept = [part for owner, part in owned if owner not in bad]
        reason = ", ".join(sorted({fault.code for fault in faults}))
        if not kept:
            return Refused(f"not sent: {reason}")
        request = {"Namespace": self._namespace, "MetricData": kept}
        try:
            await asyncio.to_thread(self._client.put_metric_data, **request)
        except (ClientError, BotoCoreError, OSError) as error:
            return _failed(error)
        return Delivered(len(bad), reason)

    async def was_received(self, probe: Probe, sent_at: datetime) -> Seen:
        """Read one series of the batch: nobody else sends samples of its minute."""
        datum = probe.datum
        query = {
            "Id": "sent",
            "MetricStat": {
                "Metric": {
                    "Namespace": self._namespace,
                    "MetricName": cloudwatch_name(datum.metric),
                    "Dimensions": _dimensions(datum),
                },
                "Period": 60,
                "Stat": "SampleCount",
            },
        }
        try:
            answer = await asyncio.to_thread(
                self._client.get_metric_data,
                MetricDataQueries=[query],
                StartTime=datum.minute,
                EndTime=datum.minute + MINUTE,
            )
        except (ClientError, BotoCoreError, OSError):
            return Seen.UNREADABLE
        found = sum(value for result in answer["MetricDataResults"] for value in result["Values"])
        if found > probe.samples_before:
            return Seen.YES
        return Seen.NO if sent_at - datum.minute < SHOWN_SOON else Seen.HIDDEN

    async def close(self) -> None:
        """Let go of connections."""
        await asyncio.to_thread(self._client.close)


def metric_data(datum: Datum) -> list[dict[str, Any]]:
    """Return a datum as CloudWatch takes it; one of many durations becomes several."""
    metric = CATALOGUE[datum.metric]
    common = {
        "MetricName": cloudwatch_name(datum.metric),
        "Dimensions": _dimensions(datum),
        "Timestamp": datum.minute,
        "Unit": CLOUDWATCH_UNITS[metric.unit],
        "StorageResolution": 60,
    }
    if metric.kind is not Kind.HISTOGRAM:
        return [{**common, "Value": datum.value}]
    counts: dict[int, int] = {}
    for place, count in datum.places:
        # Of the shortest durations, two places are stood for by the same one.
        value = representative_us(place)
        counts[value] = counts.get(value, 0) + count
    values = list(counts)
    parts = (values[start : start + VALUES_MAX] for start in range(0, len(values), VALUES_MAX))
    return [
        {**common, "Values": part, "Counts": [counts[value] for value in part]} for part in parts
    ]


def _dimensions(datum: Datum) -> list[dict[str, str]]:
    return [{"Name": cloudwatch_name(name), "Value": value} for name, value in datum.labels]


def _bytes_of(part: dict[str, Any]) -> int:
    """Return at most how long one metric is on the wire."""
    labels = sum(
        DIMENSION_BYTES + len(one["Name"]) + 3 * len(one["Value"]) for one in part["Dimensions"]
    )
    values = len(part.get("Values", ())) * VALUE_BYTES
    return DATUM_BYTES + len(part["MetricName"]) + labels + values


def _size_of(data: Sequence[dict[str, Any]]) -> int:
    return REQUEST_BYTES + sum(map(_bytes_of, data))


def _failed(error: Exception) -> Delivery:
    """Say what an error means for the batch."""
    text = f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]
    if isinstance(error, _NOT_SENT):
        return Later(text)
    if not isinstance(error, ClientError):
        return Unsure(text)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    if code in _OF_DATA or status == _TOO_LARGE:
        return Refused(text)
    # A server that fails may have counted it before; one that says no has not.
    unsure = status >= _SERVER_ERROR or not status
    return Unsure(text) if unsure and status != _SLOW_DOWN else Later(text)
