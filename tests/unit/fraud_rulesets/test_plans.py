"""A plan names every difference between two rulesets, and nothing that is the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paykeel.fraud.plans import Change, part_changes, rule_changes
from paykeel.fraud.rules import read_ruleset
from paykeel.fraud.ruleset import Ruleset
from paykeel.texts import check_person, is_same_person
from tests.unit.fraud.rulesets import ENGINE, document, rule

VELOCITY = {"key": "card", "aggregate": "count", "outcome": "declined", "window": "1h"}


def ruleset(*rules: Any, **changes: Any) -> Ruleset:
    read = read_ruleset({**document(*rules), "rules": list(rules), **changes}, ENGINE)
    return read.with_versions(1, {one.key: 1 for one in read.rules})


def test_the_same_has_no_changes() -> None:
    one = ruleset(rule(), limits={"a": 1}, thresholds={"review": 60}, lists=["vip"])
    assert part_changes(one, one) == ()
    assert [change.change for change in rule_changes(one, one, {"dear": 1})] == [Change.SAME]


def test_each_kind_of_part_is_compared_by_name() -> None:
    before = ruleset(
        limits={"a": 1, "b": 1},
        velocities={"v": VELOCITY},
        thresholds={"review": 60},
        lists=["gone"],
    )
    after = ruleset(
        limits={"b": 2, "c": 3},
        velocities={"v": {**VELOCITY, "window": "2h"}},
        thresholds={"review": 60, "block": 90},
        lists=["new"],
        on_failure="block",
    )
    found = {(one.part, one.name): str(one.change) for one in part_changes(before, after)}
    assert found == {
        ("limits", "a"): "removed",
        ("limits", "b"): "changed",
        ("limits", "c"): "new",
        ("velocities", "v"): "changed",
        ("thresholds", "block"): "new",
        ("lists", "gone"): "removed",
        ("lists", "new"): "new",
        ("on_failure", ""): "changed",
    }


def test_compared_with_nothing_everything_is_new() -> None:
    after = ruleset(rule(), limits={"a": 1})
    assert {one.change for one in part_changes(None, after)} == {Change.NEW}
    (change,) = rule_changes(None, after, {"dear": 1})
    assert (change.change, change.version_from, change.version_to) == (Change.NEW, None, 1)


KEYS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(KEYS, KEYS, st.integers(0, 100))
def test_every_rule_of_both_is_named_once(old: list[str], new: list[str], score: int) -> None:
    before = ruleset(*(rule(key) for key in old))
    after = ruleset(*(rule(key, score=score) for key in new))
    changes = rule_changes(before, after, dict.fromkeys(new, 2))
    found = {one.key: one.change for one in changes}

    assert len(changes) == len(found) == len({*old, *new})
    for key, change in found.items():
        if key not in new:
            assert change is Change.REMOVED
        elif key not in old:
            assert change is Change.NEW
        else:
            assert change is (Change.CHANGED if score else Change.SAME)


def test_a_name_is_the_same_however_it_is_written() -> None:
    def same(one: str, other: str) -> bool:
        return is_same_person(check_person(one, "author"), check_person(other, "author"))

    assert same("Ann", " ANN ")
    assert same("Jürgen", "JU\u0308RGEN")
    assert same("ann", "\uff41nn")
    assert same("Ada", "A\u200bda")
    assert same("straße", "STRASSE")
    assert not same("Ann", "Ben")
