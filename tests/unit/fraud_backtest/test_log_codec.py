"""What is logged of a decision is exactly what was known, also after it went through jsonb."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paykeel.fraud.catalogue import CAPPED, INT_MAX, Type, Unknown
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.logs import attributes_of_facts, facts_document, results_document
from paykeel.fraud.rules import default_ruleset_text, read_ruleset_text

NOW = datetime(2026, 11, 23, 9, 30, 0, 1, tzinfo=UTC)
ENGINE = CelEngine()
COMPILED = compile_ruleset(read_ruleset_text(default_ruleset_text(), ENGINE), ENGINE)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), INT_MAX)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=9)
    | st.sampled_from([CAPPED, Unknown.UNFIT])
)
NAMES = st.sampled_from([*sorted(COMPILED.references), "list.block", "list.allow", "list.watch"])


def through_jsonb(document: dict[str, Any]) -> dict[str, Any]:
    """What PostgreSQL returns: numbers are decimals, so an exponent is written out."""

    def number(text: str) -> Any:
        assert "e" not in text.lower(), "jsonb would write it otherwise"
        return float(text)

    written = json.dumps(document, allow_nan=False)
    read: dict[str, Any] = json.loads(written, parse_float=number)
    return read


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, VALUES), st.datetimes(timezones=st.just(UTC)))
def test_facts_come_back_as_they_were(attributes: dict[str, Any], now: datetime) -> None:
    given_all = {name: value for name, value in attributes.items() if value is not None}
    given_all["now"] = now
    read = attributes_of_facts(through_jsonb(facts_document({**attributes, "now": now})), {})
    assert read == given_all
    assert [type(value) for value in read.values()] == [type(v) for v in given_all.values()]
    assert judge(COMPILED, read) == judge(COMPILED, {**attributes, "now": now})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (NOW, "2026-11-23T09:30:00.000001Z"),
        (NOW.astimezone(timezone(timedelta(hours=9))), "2026-11-23T09:30:00.000001Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_microseconds(value: datetime, written: str) -> None:
    assert facts_document({"now": value}) == {"now": written}
    assert attributes_of_facts({"now": written}, {}) == {"now": NOW}


@pytest.mark.parametrize("value", [1e16, 1e300, -0.0, 5e-324, float("inf")])
def test_a_double_that_jsonb_would_change_is_written_as_text(value: float) -> None:
    written = facts_document({"ml.score": value})
    assert written == {"ml.score": {"double": repr(value)}}
    (read,) = attributes_of_facts(written, {}).values()
    assert repr(read) == repr(value)


def test_what_is_no_instant_stays_of_another_type() -> None:
    types = {"now": Type.TIMESTAMP}
    assert attributes_of_facts({"now": "soon"}, types) == {"now": "soon"}
    elsewhere = facts_document({"card.bin": NOW})
    assert elsewhere == {"card.bin": {"timestamp": "2026-11-23T09:30:00.000001Z"}}
    assert attributes_of_facts(elsewhere, {}) == {"card.bin": NOW}


def test_results_are_plain_values() -> None:
    document = results_document(judge(COMPILED, {"now": NOW}).results)
    assert json.loads(json.dumps(document)) == document
    assert document[0] == {
        "rule": "card_declines",
        "version": 0,
        "mode": "live",
        "action": "block",
        "score": 60,
        "outcome": "missing:velocity.card_declines_1h",
    }
