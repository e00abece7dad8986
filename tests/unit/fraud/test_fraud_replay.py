"""What was judged can be judged again from what JSON keeps of it."""

from __future__ import annotations

import json
from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paykeel.fraud.catalogue import (
    CAPPED,
    INT_MAX,
    Unknown,
    attributes_of,
)
from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.logs import attributes_of_facts, facts_document
from paykeel.fraud.rules import read_ruleset
from tests.unit.fraud.rulesets import ENGINE, LISTS, document, rule

SUM = {"key": "buyer", "aggregate": "sum", "outcome": "attempted", "window": "24h"}
ASKED = {
    "amount": "payment.amount * 3 > 1000",
    "sum": "velocity.sum + payment.amount_ref > 1000",
    "known": "velocity.mean_known && velocity.mean > 2.5",
    "country": "card.country != ip.country",
    "night": "time.hour < 5 || now > timestamp('2027-01-01T00:00:00Z')",
    "score": "ml.score > 0.5",
    "listed": "list.vip",
}
RULESET = read_ruleset(
    document(
        *(rule(key, when=when, overridable=True) for key, when in ASKED.items()),
        rule("partner", when="buyer.id.startsWith('p')", action="allow"),
        velocities={"sum": SUM, "mean": {**SUM, "aggregate": "average"}},
        lists=["vip"],
    ),
    ENGINE,
)
COMPILED = compile_ruleset(RULESET, ENGINE)
TYPES = attributes_of(RULESET)
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 400, INT_MAX, INT_MAX + 1, CAPPED, Unknown.UNFIT])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "p" * 300, "NL", "NO"])
    | st.datetimes()
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]))
)
NAMES = [*sorted(COMPILED.references | LISTS.keys() | {"velocity.mean", "now", "x"})]


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_a_logged_judgement_can_be_judged_again(attributes: dict[str, Any]) -> None:
    written = json.dumps(facts_document(attributes), allow_nan=False).encode()
    again = attributes_of_facts(json.loads(written), TYPES)
    assert judge(COMPILED, again) == judge(COMPILED, attributes)
    assert json.dumps(facts_document(again)).encode() == written
