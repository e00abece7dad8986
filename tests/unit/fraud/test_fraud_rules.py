"""Every mistake in a ruleset is found, all at once, and named with its place."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paykeel.errors import InvalidInput, RulesetRefused
from paykeel.fraud import rules as rules_module
from paykeel.fraud.mistakes import MISTAKES, WARNINGS
from paykeel.fraud.rules import (
    Action,
    Aggregate,
    Mode,
    Outcome,
    Quarantine,
    Ruleset,
    Thresholds,
    default_ruleset_text,
    read_ruleset,
    read_ruleset_text,
)
from tests.unit.fraud.rulesets import ENGINE, document, mistakes, rule

COUNT = {"key": "card", "aggregate": "count", "outcome": "declined", "window": "1h"}


def test_a_whole_ruleset_is_read() -> None:
    read = read_ruleset(
        document(
            rule(
                score=60,
                priority=10,
                overridable=True,
                quarantine={"key": "card", "for": "90m"},
                message="Dear.",
                tests=[{"given": {"payment.amount_ref": 5001}, "expect": True}],
            ),
            on_failure="block",
            thresholds={"review": 60, "block": 90},
            lists=["vip"],
            limits={"most": 5},
            velocities={"declines": {**COUNT, "cap": 20}},
        ),
        ENGINE,
    )
    assert (read.name, read.on_failure, read.thresholds) == (
        "tested",
        Action.BLOCK,
        Thresholds(60, 90),
    )
    assert (read.lists, dict(read.limits)) == (("vip",), {"most": 5})
    (velocity,) = read.velocities
    assert (velocity.attribute, velocity.window_s, velocity.cap) == (
        "velocity.declines",
        3_600,
        20,
    )
    assert (velocity.aggregate, velocity.outcome) == (Aggregate.COUNT, Outcome.DECLINED)
    (only,) = read.rules
    assert (only.action, only.mode, only.version) == (Action.REVIEW, Mode.LIVE, 0)
    assert only.quarantine == Quarantine("card", 5_400)
    assert dict(only.tests[0].given) == {"payment.amount_ref": 5_001}
    assert [(one.code, one.path) for one in read.warnings] == [
        ("velocity_unused", "velocities.declines"),
        ("list_unused", "lists.vip"),
        ("limit_unused", "limits.most"),
    ]


def test_what_is_left_out_has_a_default() -> None:
    read = read_ruleset(document(velocities={"n": COUNT, "s": {**COUNT, "aggregate": "sum"}}))
    assert (read.on_failure, read.thresholds, read.lists) == (Action.REVIEW, Thresholds(), ())
    (only,) = read.rules
    assert (only.score, only.priority, only.overridable) == (0, 100, False)
    assert (only.quarantine, only.message, only.tests) == (None, "", ())
    assert [velocity.cap for velocity in read.velocities] == [100, 1_000]
    assert "rule_untested" in [one.code for one in read.warnings]


def changed(**changes: Any) -> dict[str, Any]:
    return document(rule(**changes))


def velocity(**changes: Any) -> dict[str, Any]:
    return document(velocities={"v": {**COUNT, **changes}})


WRONG: list[tuple[object, str, str]] = [
    ([], "object_required", ""),
    ("text", "object_required", ""),
    ({"rules": []}, "field_required", "ruleset"),
    ({"ruleset": "a"}, "field_required", "rules"),
    (document(extra=1), "field_unknown", "extra"),
    (document(ruleset="A"), "name_malformed", "ruleset"),
    (document(ruleset="a" * 41), "name_malformed", "ruleset"),
    (document(rules={}), "list_required", "rules"),
    (document(rules=[rule(f"r{n}") for n in range(101)]), "too_many", "rules"),
    (document(on_failure="challenge"), "choice_unknown", "on_failure"),
    (document(on_failure=None), "choice_unknown", "on_failure"),
    (document(lists=["vip", "vip"]), "name_repeated", "lists[1]"),
    (document(lists=["block"]), "name_repeated", "lists[0]"),
    (document(lists=[3]), "name_malformed", "lists[0]"),
    (document(lists=["vip_known"]), "name_reserved", "lists[0]"),
    (document(limits={"a": 1.0}), "integer_required", "limits.a"),
    (document(limits={"a": True}), "integer_required", "limits.a"),
    (document(limits={"a": -1}), "out_of_range", "limits.a"),
    (document(limits={"a": 2**63}), "out_of_range", "limits.a"),
    (document(limits={"in": 1}), "name_reserved", "limits.in"),
    (document(limits=[1]), "object_required", "limits"),
    (document(thresholds={"review": 0}), "out_of_range", "thresholds.review"),
    (document(thresholds={"block": 101}), "out_of_range", "thresholds.block"),
    (document(thresholds={"review": 60, "block": 60}), "out_of_range", "thresholds"),
    (document(thresholds={"allow": 1}), "field_unknown", "thresholds.allow"),
    (document(velocities={"V": COUNT}), "name_malformed", "velocities.V"),
    (document(velocities={"v": 1}), "object_required", "velocities.v"),
    (document(velocities={f"v{n}": COUNT for n in range(41)}), "too_many", "velocities"),
    (velocity(key="phone"), "choice_unknown", "velocities.v.key"),
    (velocity(key="custom."), "choice_unknown", "velocities.v.key"),
    (velocity(aggregate="median"), "choice_unknown", "velocities.v.aggregate"),
    (velocity(outcome="lost"), "choice_unknown", "velocities.v.outcome"),
    (velocity(window="1w"), "duration_malformed", "velocities.v.window"),
    (velocity(window=3600), "duration_malformed", "velocities.v.window"),
    (velocity(window="0h"), "duration_malformed", "velocities.v.window"),
    (velocity(window="31d"), "duration_too_long", "velocities.v.window"),
    (velocity(window="999999999d"), "duration_too_long", "velocities.v.window"),
    (velocity(cap=0), "out_of_range", "velocities.v.cap"),
    (velocity(cap=10_001), "out_of_range", "velocities.v.cap"),
    (velocity(cap="all"), "integer_required", "velocities.v.cap"),
    (velocity(cap="none"), "cap_required", "velocities.v.cap"),
    (velocity(of="ip"), "field_unknown", "velocities.v.of"),
    (velocity(aggregate="distinct"), "field_required", "velocities.v.of"),
    (velocity(aggregate="distinct", of="card"), "choice_unknown", "velocities.v.of"),
    (velocity(cap=None), "integer_required", "velocities.v.cap"),
    (document(3), "object_required", "rules[0]"),  # type: ignore[arg-type]
    (document(rule(), rule()), "name_repeated", "rules[1].key"),
    (changed(key="Dear", reason="dear"), "name_malformed", "rules[0].key"),
    (changed(when=3), "text_required", "rules[0].when"),
    (changed(action="delay"), "choice_unknown", "rules[0].action"),
    (changed(mode=False), "choice_unknown", "rules[0].mode"),
    (changed(score=101), "out_of_range", "rules[0].score"),
    (changed(action="allow", score=1), "out_of_range", "rules[0].score"),
    (changed(priority="first"), "integer_required", "rules[0].priority"),
    (changed(overridable="yes"), "boolean_required", "rules[0].overridable"),
    (changed(reason="on_block_list"), "name_reserved", "rules[0].reason"),
    (changed(message=" "), "text_empty", "rules[0].message"),
    (changed(message="a" * 201), "text_too_long", "rules[0].message"),
    (changed(message="a\x00"), "text_not_storable", "rules[0].message"),
    (changed(message=7), "text_required", "rules[0].message"),
    (changed(message="4242 4242 4242 4242"), "card_number_refused", "rules.message"),
    (changed(quarantine={"key": "card"}), "field_required", "rules[0].quarantine.for"),
    (changed(quarantine={"key": "x", "for": "1h"}), "choice_unknown", "rules[0].quarantine.key"),
    (
        changed(action="allow", quarantine={"key": "ip", "for": "1h"}),
        "field_unknown",
        "rules[0].quarantine",
    ),
    (changed(tests=[{"given": {}}]), "field_required", "rules[0].tests[0].expect"),
    (changed(tests=[{"given": {}, "expect": 1}]), "choice_unknown", "rules[0].tests[0].expect"),
    (
        changed(tests=[{"given": [], "expect": "missing"}]),
        "object_required",
        "rules[0].tests[0].given",
    ),
    (changed(tests=[{}] * 21), "too_many", "rules[0].tests"),
    (
        changed(tests=[{"given": {"payment.amout": 1}, "expect": True}]),
        "given_unknown",
        "rules[0].tests[0].given.payment.amout",
    ),
    (
        changed(tests=[{"given": {"payment.amount_ref_known": True}, "expect": "missing"}]),
        "given_unknown",
        "rules[0].tests[0].given.payment.amount_ref_known",
    ),
    (
        changed(tests=[{"given": {"payment.amount_ref": True}, "expect": True}]),
        "given_type",
        "rules[0].tests[0].given.payment.amount_ref",
    ),
    (
        changed(tests=[{"given": {"now": "yesterday"}, "expect": True}]),
        "given_type",
        "rules[0].tests[0].given.now",
    ),
    (
        changed(tests=[{"given": {"payment.amount_ref": 5000}, "expect": True}]),
        "test_failed",
        "rules[0].tests[0]",
    ),
    (changed(tests=[{"given": {}, "expect": False}]), "test_failed", "rules[0].tests[0]"),
    (changed(when=""), "expression_empty", "rules[0].when"),
]


@pytest.mark.parametrize(
    ("wrong", "code", "path"), WRONG, ids=[f"{code}-{path}" for _, code, path in WRONG]
)
def test_a_mistake_is_named_with_its_place(wrong: object, code: str, path: str) -> None:
    assert mistakes(wrong) == [(code, path)]


def test_all_mistakes_come_at_once() -> None:
    wrong = document(
        rule(when="payment.amout > 3", score=-1),
        rule("next", when="3", mode="on"),
        on_failure="ignore",
        velocities={"v": {**COUNT, "window": "1y"}},
    )
    assert mistakes(wrong) == [
        ("choice_unknown", "on_failure"),
        ("duration_malformed", "velocities.v.window"),
        ("out_of_range", "rules[0].score"),
        ("choice_unknown", "rules[1].mode"),
        ("expression_unknown_attribute", "rules[0].when"),
        ("expression_not_boolean", "rules[1].when"),
    ]


def test_a_refusal_is_the_callers_to_mend_and_speaks_for_itself() -> None:
    with pytest.raises(RulesetRefused) as refused:
        read_ruleset_text("ruleset: a\nrules:\n  - {key: a, key: b}")
    assert isinstance(refused.value, InvalidInput)
    assert refused.value.message == (
        "The ruleset has 1 mistake; the first at rules[0].key: This name stands there twice."
    )
    assert refused.value.data["mistakes"][0]["line"] == 3


def test_there_is_an_end_to_mistakes() -> None:
    assert len(mistakes({"ruleset": "a", "rules": [], **{f"x{n}": 1 for n in range(500)}})) == 100


def test_capped_reads_of_shared_keys_are_explained() -> None:
    shared = {"aggregate": "sum", "outcome": "attempted", "cap": "none"}
    for key in ("bin", "email_domain", "ip", "ip_network", "custom.seller"):
        named = {"v": {**shared, "key": key, "window": "25h"}}
        assert mistakes(document(velocities=named)) == [("cap_required", "velocities.v.cap")]
        named["v"]["window"] = "24h"
        assert read_ruleset(document(velocities=named), ENGINE).velocities[0].cap is None
    for key in ("buyer", "card", "email"):
        named = {"v": {**shared, "key": key, "window": "30d"}}
        assert read_ruleset(document(velocities=named), ENGINE).velocities[0].cap is None


def test_a_ruleset_can_be_said_again() -> None:
    read = read_ruleset_text(default_ruleset_text(), ENGINE)
    again = read_ruleset(read.document(), ENGINE)
    assert again == read
    assert again.sha256 == read.sha256
    assert [one.sha256 for one in again.rules] == [one.sha256 for one in read.rules]


def test_the_hash_is_of_what_it_says_and_not_of_how() -> None:
    one = document(limits={"a": 1, "b": 2}, velocities={"x": COUNT, "y": {**COUNT, "cap": 100}})
    other = dict(reversed(list(one.items())))
    other["limits"] = {"b": 2, "a": 1}
    other["velocities"] = {"y": COUNT, "x": {**COUNT, "window": "60m"}}
    other["rules"] = [rule(priority=100, when=" payment.amount_ref > 5000\n")]
    first, second = read_ruleset(one, ENGINE), read_ruleset(other, ENGINE)
    assert first == second
    assert first.sha256 == second.sha256
    for change in ({"score": 1}, {"when": "payment.amount_ref > 5001"}, {"message": "a"}):
        changed_rule = read_ruleset(document(rule(**change)), ENGINE)
        assert changed_rule.sha256 != first.sha256
        assert changed_rule.rules[0].sha256 != first.rules[0].sha256


def test_numbers_of_versions_are_no_part_of_the_hash() -> None:
    read = read_ruleset(document(), ENGINE)
    numbered = read.with_versions(7, {"dear": 3})
    assert (numbered.version, numbered.rules[0].version) == (7, 3)
    assert (numbered.sha256, numbered.rules[0].sha256) == (read.sha256, read.rules[0].sha256)


FIELDS = [
    *("ruleset", "rules", "key", "when", "action", "mode", "reason", "tests", "given", "expect"),
    *("velocities", "limits", "lists", "thresholds", "review", "block", "window", "cap", "of"),
    *("aggregate", "quarantine", "for"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_no_document_ends_in_anything_but_a_ruleset_or_a_refusal(value: Any) -> None:
    said: Ruleset | RulesetRefused
    try:
        said = read_ruleset(value, ENGINE)
    except RulesetRefused as refused:
        said = refused
    if isinstance(said, RulesetRefused):
        assert said.data["mistakes"]
        assert all(one["code"] in MISTAKES for one in said.data["mistakes"])


def test_every_code_is_in_the_table_and_in_the_code() -> None:
    folder = Path(rules_module.__file__).parent
    said: set[str] = set()
    for path in folder.glob("*.py"):
        if path.stem not in {"mistakes", "model"}:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said |= {
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    from_texts = {"text_empty", "text_too_long", "text_not_storable", "card_number_refused"}
    made = {f"{kind}_unused" for kind in ("velocity", "list", "limit")}
    assert (MISTAKES.keys() | WARNINGS.keys()) - said - from_texts - made == set()
    unlisted = {code for code in said if code.startswith(("expression_", "yaml_", "given_"))}
    assert unlisted - MISTAKES.keys() == set()
