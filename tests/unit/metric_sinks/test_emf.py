"""EMF: every line is one by the published schema, and says what the datums say."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from paykeel.metrics.sinks.datums import Datum, representative_us
from paykeel.metrics.sinks.emf import Emf, lines
from paykeel.metrics.sinks.port import Delivered, Later, Probe, Seen, Unsure
from tests.unit.metric_sinks.samples import AT, CAPTURED, FAILED, LAG, NEXT, TOOK

SCHEMA = json.loads((Path(__file__).parent / "golden" / "emf_schema.json").read_text("utf-8"))
EVENT_BYTES_MAX = 256 * 1024
TIMEOUT_MS = 5_000
ROOT = Path(__file__).resolve().parents[3]
END_S_MAX = 20


def read(text: str) -> list[dict[str, Any]]:
    """Read lines back, each checked by the schema and by the limits that it does not say."""
    found = [json.loads(line) for line in text.splitlines()]
    for document in found:
        jsonschema.validate(document, SCHEMA)
        assert len(json.dumps(document)) <= EVENT_BYTES_MAX
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            value = document[metric["Name"]]
            assert len(value if isinstance(value, list) else [value]) <= 100
        # Whatever is named is there.
        for name in directive["Dimensions"][0]:
            assert isinstance(document[name], str)
    return found


async def written(datums: list[Datum]) -> list[dict[str, Any]]:
    stream = io.StringIO()
    assert (
        await Emf(namespace="Paykeel", timeout_ms=TIMEOUT_MS, stream=stream).send(datums, AT)
        == Delivered()
    )
    return read(stream.getvalue())


async def test_every_kind_of_datum_is_a_line() -> None:
    found = await written([FAILED, CAPTURED, TOOK, LAG])
    assert len(found) == 4
    by_name = {one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]: one for one in found}
    assert by_name["PurchasesFailed"]["PurchasesFailed"] == 4
    assert by_name["PurchasesFailed"]["Reason"] == "card_declined"
    assert by_name["AmountCaptured"]["AmountCaptured"] == 5_501
    assert (
        by_name["Latency"]["Latency"] == [representative_us(100)] * 5 + [representative_us(120)] * 2
    )
    units = {
        name: one["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"]
        for name, one in by_name.items()
    }
    assert units == {
        "PurchasesFailed": "Count",
        "AmountCaptured": "None",
        "Latency": "Microseconds",
        "RecoveryLag": "Seconds",
    }
    assert by_name["Latency"]["_aws"]["Timestamp"] == 1_795_435_200_000


async def test_datums_of_the_same_labels_share_a_line() -> None:
    other = Datum("review_backlog", LAG.labels, AT, 3)
    (found,) = await written([LAG, other])
    assert (found["RecoveryLag"], found["ReviewBacklog"], found["Mode"]) == (12, 3, "live")
    assert len(await written([LAG, Datum("review_backlog", LAG.labels, NEXT, 3)])) == 2


async def test_more_durations_than_a_line_holds_go_on_in_the_next() -> None:
    many = Datum("latency", TOOK.labels, AT, 1_050, ((100, 1_000), (120, 50)), 1)
    found = await written([many])
    assert len(found) == 11
    every = [value for one in found for value in one["Latency"]]
    assert every.count(representative_us(100)) == 1_000
    assert every.count(representative_us(120)) == 50


async def test_a_metric_stands_in_a_line_once() -> None:
    first, late = (Datum("purchases_opened", (("mode", "live"),), AT, n) for n in (4, 2))
    assert [one["PurchasesOpened"] for one in await written([first, late])] == [4, 2]


@pytest.mark.parametrize("wrong", [{}, {"_aws": {"Timestamp": 1}}, {"_aws": {"Timestamp": "x"}}])
def test_the_schema_refuses_what_is_no_emf(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


async def test_a_stream_that_is_gone_is_uncertain() -> None:
    stream = io.StringIO()
    stream.close()
    sink = Emf(namespace="Paykeel", timeout_ms=TIMEOUT_MS, stream=stream)
    assert isinstance(await sink.send([LAG], AT), Unsure)
    assert await sink.was_received(Probe(LAG, 0), AT) is Seen.UNREADABLE
    assert not sink.reads_back


#: More than a pipe holds.
MANY = [Datum("purchases_opened", (("gateway", f"g{n}"),), AT, 1) for n in range(1_000)]


async def test_a_reader_that_stopped_holds_nothing_up() -> None:
    out, into = os.pipe()
    with os.fdopen(out) as reader, os.fdopen(into, "w") as stream:
        sink = Emf(namespace="Paykeel", timeout_ms=200, stream=stream)
        assert isinstance(await sink.send(MANY, AT), Unsure)
        # Not a line is written into the middle of another.
        assert isinstance(await sink.send([LAG], AT), Later)
        found = read("".join(reader.readline() for _ in MANY))
        assert len(found) == len(MANY)
        assert sink._writer is not None
        await asyncio.to_thread(sink._writer.join, END_S_MAX)
        assert await sink.send([LAG], AT) == Delivered()
        assert read(reader.readline())[0]["RecoveryLag"] == 12


END = """
import asyncio
from paykeel.metrics.sinks.emf import Emf
from tests.unit.metric_sinks.test_emf import AT, MANY
sent = asyncio.run(Emf(namespace="Paykeel", timeout_ms=300).send(MANY, AT))
raise SystemExit(7 if "Unsure" in repr(sent) else 1)
"""


def test_a_process_ends_though_nobody_reads() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", END],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        try:
            assert process.wait(END_S_MAX) == 7, said
        finally:
            process.kill()


def test_batches_are_of_bounded_size() -> None:
    batches = Emf(namespace="Paykeel", timeout_ms=TIMEOUT_MS).pack([LAG] * 2_001)
    assert [len(batch) for batch in batches] == [1_000, 1_000, 1]
    assert list(lines("Paykeel", [])) == []
