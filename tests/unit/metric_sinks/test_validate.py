"""CloudWatch's documented limits, each at its edge and one beyond it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from paykeel.metrics.sinks.cloudwatch import CloudWatch, metric_data
from paykeel.metrics.sinks.datums import Datum
from paykeel.metrics.sinks.port import Delivered, Refused
from paykeel.metrics.sinks.validate import (
    REQUEST_BYTES_MAX,
    REQUEST_METRICS_MAX,
    faults_of,
)
from tests.unit.metric_sinks.samples import AT, CAPTURED, FAILED, TOOK

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASES = json.loads((GOLDEN / "limits.json").read_text(encoding="utf-8"))


def spelled(value: Any) -> Any:
    """Write out what the golden file abbreviates."""
    if isinstance(value, list):
        return [spelled(one) for one in value]
    if not isinstance(value, dict) or not value or not next(iter(value)).startswith("$"):
        return {k: spelled(v) for k, v in value.items()} if isinstance(value, dict) else value
    ((what, given),) = value.items()
    made: dict[str, Any] = {
        "$text": lambda: given[1] * given[0],
        "$minutes": lambda: NOW + timedelta(minutes=given),
        "$dimensions": lambda: [{"Name": f"N{n}", "Value": "v"} for n in range(given)],
        "$range": lambda: list(range(given)),
        "$ones": lambda: [1] * given,
        "$float": lambda: float(given),
        "$power": lambda: 2**given,
    }
    return made[what]()


@pytest.mark.parametrize("case", CASES, ids=[case["about"] for case in CASES])
def test_each_limit_holds(case: dict[str, Any]) -> None:
    datum = {
        "MetricName": "PurchasesSucceeded",
        "Dimensions": [{"Name": "Mode", "Value": "live"}],
        "Timestamp": NOW,
        "Unit": "Count",
        "StorageResolution": 60,
        "Value": 1,
        **spelled(case.get("datum", {})),
    }
    datum = {name: value for name, value in datum.items() if value is not None}
    request = {
        "Namespace": spelled(case.get("namespace", "Paykeel")),
        "MetricData": [datum] * case.get("times", 1),
    }
    found = faults_of(request, NOW, case.get("size", 1_000))
    assert [fault.code for fault in found] == case["faults"]


def test_every_fault_has_a_case() -> None:
    source = Path(faults_of.__code__.co_filename).read_text(encoding="utf-8")
    tried = {fault for case in CASES for fault in case["faults"]}
    written = set(re.findall(r'(?:yield |Fault\()"(\w+)"', source))
    assert written == tried


def test_datums_become_the_golden_request() -> None:
    data = [part for datum in (FAILED, CAPTURED, TOOK) for part in metric_data(datum)]
    golden = json.loads((GOLDEN / "request.json").read_text(encoding="utf-8"))
    written = json.loads(json.dumps(data, default=lambda at: at.isoformat()))
    assert {"Namespace": "Paykeel", "MetricData": written} == golden
    assert faults_of({"Namespace": "Paykeel", "MetricData": data}, AT, 1_000) == []


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> CloudWatch:
    """A sink that nothing listens to."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")
    return CloudWatch(namespace="Paykeel", timeout_ms=1_000)


def test_batches_are_within_the_limits(sink: CloudWatch) -> None:
    many = [
        Datum(
            "latency",
            (("mode", "live"), ("stage", "open"), ("merchant", f"m{number}")),
            AT,
            297,
            tuple((place, 1) for place in range(8, 305)),
            1,
        )
        for number in range(400)
    ]
    many += [
        Datum("purchases_failed", (("mode", "live"), ("reason", f"r{number}")), AT, 1)
        for number in range(2_500)
    ]
    batches = sink.pack(many)
    assert [datum for batch in batches for datum in batch] == many
    for batch in batches:
        data = [part for datum in batch for part in metric_data(datum)]
        assert len(data) <= REQUEST_METRICS_MAX
        assert len(json.dumps(data, default=str)) <= REQUEST_BYTES_MAX
        assert faults_of({"Namespace": "P", "MetricData": data}, AT, 0) == []
    # As few as the two limits let it be.
    assert len(batches) == pytest.approx(18, abs=3)


async def test_a_batch_of_nothing_that_may_be_sent_is_refused_at_home(sink: CloudWatch) -> None:
    done = await sink.send([CAPTURED], AT + timedelta(days=15))
    assert done == Refused("not sent: too_old")
    large = Datum(CAPTURED.metric, CAPTURED.labels, AT, 2**54)
    assert await sink.send([large], AT) == Refused("not sent: value_inexact")
    assert not isinstance(await sink.send([CAPTURED], AT), Delivered)
