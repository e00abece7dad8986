"""CloudWatch's documented limits, checked before anything is sent.

What the service refuses costs a whole request, and what a stand-in of it accepts proves nothing.
The limits are those of the API reference of PutMetricData, MetricDatum and Dimension, as of
2026-11-23. Golden files in tests/unit/metrics/golden hold each of them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REQUEST_METRICS_MAX = 1_000
#: Before compression, which the documentation does not speak of: so the smaller reading holds.
REQUEST_BYTES_MAX = 1_000_000
VALUES_MAX = 150
DIMENSIONS_MAX = 30
NAME_CHARACTERS_MAX = 255
DIMENSION_VALUE_CHARACTERS_MAX = 1_024
AGE_MAX = timedelta(days=14)
AHEAD_MAX = timedelta(hours=2)
VALUE_MAX = 2**360
#: Beyond it a double no longer holds every whole number, and sums of money would be near misses.
EXACT_MAX = 2**53
RESOLUTIONS = (1, 60)
UNITS = frozenset(
    {
        "None",
        "Seconds",
        "Microseconds",
        "Milliseconds",
        "Count",
        "Percent",
        "Count/Second",
        *(
            f"{size}{what}{per}"
            for size in ("", "Kilo", "Mega", "Giga", "Tera")
            for what in ("bytes", "bits")
            for per in ("", "/Second")
            if size
        ),
        "Bytes",
        "Bits",
        "Bytes/Second",
        "Bits/Second",
    }
)
_NAMESPACE = re.compile(r"[0-9A-Za-z._#/:\-]{1,255}")
_PRINTABLE = re.compile(r"[ -~]*[!-~][ -~]*")


@dataclass(frozen=True, slots=True)
class Fault:
    """One limit that a request passes."""

    code: str
    #: Which of the request's data; nothing: the request as a whole.
    index: int | None = None


def faults_of(request: Mapping[str, Any], now: datetime, size_bytes: int) -> list[Fault]:
    """Return every documented limit that a PutMetricData request passes.

    Args:
        request: The arguments of ``put_metric_data``.
        now: When it is sent.
        size_bytes: At most how large it is on the wire, before compression.
    """
    found = [Fault(code) for code in namespace_faults(request.get("Namespace", ""))]
    data = request.get("MetricData", ())
    if not data:
        found.append(Fault("metric_data_empty"))
    # Counted by datum and not by name: never more than the limit means.
    if len(data) > REQUEST_METRICS_MAX:
        found.append(Fault("metrics_too_many"))
    if size_bytes > REQUEST_BYTES_MAX:
        found.append(Fault("request_too_large"))
    for index, datum in enumerate(data):
        found += [Fault(code, index) for code in _datum_faults(datum, now)]
    return found


def namespace_faults(namespace: str) -> Iterator[str]:
    """Yield what is wrong with the name under which metrics stand."""
    if not _NAMESPACE.fullmatch(namespace) or namespace.startswith(":"):
        yield "namespace_malformed"
    if namespace.upper().startswith("AWS/"):
        yield "namespace_reserved"


def _datum_faults(datum: Mapping[str, Any], now: datetime) -> Iterator[str]:
    if not _is_text(datum.get("MetricName", ""), NAME_CHARACTERS_MAX):
        yield "metric_name_malformed"
    yield from _dimension_faults(datum.get("Dimensions", ()))
    at = datum.get("Timestamp")
    if at is not None and at < now - AGE_MAX:
        yield "too_old"
    if at is not None and at > now + AHEAD_MAX:
        yield "too_new"
    if datum.get("Unit", "None") not in UNITS:
        yield "unit_unknown"
    if datum.get("StorageResolution", 60) not in RESOLUTIONS:
        yield "resolution_unknown"
    yield from _value_faults(datum)


def _dimension_faults(dimensions: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if len(dimensions) > DIMENSIONS_MAX:
        yield "dimensions_too_many"
    names = [dimension.get("Name", "") for dimension in dimensions]
    if len(set(names)) < len(names):
        yield "dimension_twice"
    if any(not _is_text(name, NAME_CHARACTERS_MAX) or name.startswith(":") for name in names):
        yield "dimension_name_malformed"
    if any(
        not _is_text(dimension.get("Value", ""), DIMENSION_VALUE_CHARACTERS_MAX)
        for dimension in dimensions
    ):
        yield "dimension_value_malformed"


def _value_faults(datum: Mapping[str, Any]) -> Iterator[str]:
    forms = [form for form in ("Value", "Values", "StatisticValues") if form in datum]
    if len(forms) != 1:
        yield "value_forms"
        return
    values, counts = datum.get("Values", ()), datum.get("Counts")
    if forms == ["Values"]:
        if not values:
            yield "values_empty"
        if len(values) > VALUES_MAX:
            yield "values_too_many"
        if len(set(values)) < len(values):
            yield "values_twice"
        if counts is not None and len(counts) != len(values):
            yield "counts_differ"
    numbers = [*values, *(counts or ()), *datum.get("StatisticValues", {}).values()]
    if "Value" in datum:
        numbers.append(datum["Value"])
    if counts is not None and any(_is_wild(count) or count <= 0 for count in counts):
        yield "count_not_positive"
    if any(_is_wild(number) for number in numbers):
        yield "value_not_finite"
    elif any(abs(number) > VALUE_MAX for number in numbers):
        yield "value_out_of_range"
    elif any(abs(number) > EXACT_MAX for number in numbers):
        yield "value_inexact"


def _is_wild(number: float) -> bool:
    """Say whether it is no number at all; whole ones of any size are."""
    return not -math.inf < number < math.inf


def _is_text(text: str, characters_max: int) -> bool:
    return len(text) <= characters_max and _PRINTABLE.fullmatch(text) is not None
