"""What holds of every ruleset: hypothesis looks for the one of which it does not."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paykeel.fraud.catalogue import CAPPED
from paykeel.fraud.judge import Judgement, compile_ruleset, judge
from paykeel.fraud.rules import Action, read_ruleset
from tests.unit.fraud.rulesets import ENGINE, document, rule

SUM = {"key": "buyer", "aggregate": "sum", "outcome": "attempted", "window": "24h"}
#: An expression for each way in which a rule can end.
ENDS = {
    "matched": "payment.amount == 1",
    "not": "payment.amount == 2",
    "missing": "!(payment.amount_ref == 1)",
    "capped": "velocity.sum > 1",
    "error": "payment.amount / 0 == 1",
}
PURCHASE: dict[str, Any] = {"payment.amount": 1, "velocity.sum": CAPPED}
LISTED = st.fixed_dictionaries(
    {"list.block": st.booleans(), "list.allow": st.booleans(), "list.watch": st.booleans()}
)


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(draw(st.integers(1, 6))):
        action = draw(st.sampled_from(list(Action))).value
        made.append(
            rule(
                f"r{number}",
                when=ENDS[draw(st.sampled_from(sorted(ENDS)))],
                action=action,
                mode=draw(st.sampled_from(["live", "live", "shadow", "off"])),
                overridable=draw(st.booleans()),
                priority=draw(st.integers(0, 3)),
                score=0 if action == "allow" else draw(st.integers(0, 60)),
            )
        )
    return made


FRAMES = st.fixed_dictionaries(
    {
        "on_failure": st.sampled_from(["review", "block", "allow"]),
        "thresholds": st.sampled_from([{}, {"review": 50}, {"review": 30, "block": 80}]),
    }
)


def judgement(made: list[dict[str, Any]], frame: dict[str, Any], listed: Any) -> Judgement:
    read = read_ruleset(document(*made, velocities={"sum": SUM}, **frame), ENGINE)
    return judge(compile_ruleset(read, ENGINE), {**PURCHASE, **listed})


@settings(max_examples=300, deadline=None)
@given(rules(), FRAMES, LISTED, st.randoms(use_true_random=False))
def test_the_order_of_the_document_decides_nothing(
    made: list[dict[str, Any]], frame: dict[str, Any], listed: Any, chance: random.Random
) -> None:
    mixed = made.copy()
    chance.shuffle(mixed)
    assert judgement(mixed, frame, listed) == judgement(made, frame, listed)


@settings(max_examples=300, deadline=None)
@given(rules(), FRAMES, LISTED)
def test_the_judgement_follows_from_its_parts(
    made: list[dict[str, Any]], frame: dict[str, Any], listed: Any
) -> None:
    said = judgement(made, frame, listed)
    by_key = {one["key"]: one for one in made}
    live = {one.rule: one.outcome for one in said.results}
    assert set(live) == {key for key, one in by_key.items() if one["mode"] == "live"}
    assert {one.rule for one in said.shadow} == {
        key for key, one in by_key.items() if one["mode"] == "shadow"
    }
    matched = {key for key, outcome in live.items() if outcome == "matched"}
    allowed = listed["list.allow"] or any(by_key[key]["action"] == "allow" for key in matched)

    # An allow lifts the overridable, and nothing that is not.
    assert set(said.lifted) <= matched
    assert all(by_key[key]["overridable"] for key in said.lifted)
    assert allowed or not said.lifted
    held = matched - set(said.lifted)
    for key in held:
        assert said.action.strength >= Action(by_key[key]["action"]).strength
    # Block wins, whoever says it.
    if listed["list.block"] or any(by_key[key]["action"] == "block" for key in held):
        assert said.action is Action.BLOCK
    # Missing matches nothing and fails nothing; capped and failed do as the ruleset says.
    troubled = {key for key, outcome in live.items() if outcome.startswith(("capped:", "error:"))}
    counts = {key for key in troubled if not (allowed and by_key[key]["overridable"])}
    assert said.failed == bool(counts)
    if said.failed:
        assert said.action.strength >= Action(frame["on_failure"]).strength
    assert said.score == min(100, sum(by_key[key]["score"] for key in held))
    if not held and not said.failed and not listed["list.block"]:
        assert said.action is Action.ALLOW


@settings(max_examples=200, deadline=None)
@given(rules(), FRAMES, LISTED)
def test_more_rules_never_make_it_milder_unless_they_allow(
    made: list[dict[str, Any]], frame: dict[str, Any], listed: Any
) -> None:
    strict = [one for one in made if one["action"] != "allow"]
    if strict:
        fewer = judgement(strict[:-1] or [rule(mode="off")], frame, listed)
        assert judgement(strict, frame, listed).action.strength >= fewer.action.strength
