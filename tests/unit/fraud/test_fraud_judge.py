"""What a judgement is made of, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from paykeel.errors import RulesetRefused
from paykeel.fraud.catalogue import CAPPED
from paykeel.fraud.judge import Quarantined, compile_ruleset, judge
from paykeel.fraud.rules import Action, read_ruleset
from tests.unit.fraud.rulesets import ENGINE, LISTS, document, judged, rule

SUM = {"key": "buyer", "aggregate": "sum", "outcome": "attempted", "window": "24h", "cap": 9}


def acting(key: str, action: str, **changes: Any) -> dict[str, Any]:
    return rule(key, action=action, when="payment.amount > 0", **changes)


def test_a_purchase_that_no_rule_minds_is_allowed() -> None:
    said = judged(document(), {"payment.amount_ref": 5_000})
    assert (said.action, said.score, said.reasons, said.failed) == (Action.ALLOW, 0, (), False)
    assert [one.outcome for one in said.results] == ["not"]
    assert (said.ruleset, said.engine) == ("tested", f"{ENGINE.name} {ENGINE.version}")


def test_the_strongest_action_counts() -> None:
    rules = [acting(action, action) for action in ("allow", "challenge", "review", "block")]
    for number, action in enumerate((Action.ALLOW, Action.CHALLENGE, Action.REVIEW, Action.BLOCK)):
        said = judged(document(*rules[: number + 1]), {"payment.amount": 1})
        assert said.action is action


def test_results_are_in_the_order_of_priority_and_key() -> None:
    said = judged(
        document(
            acting("last", "review", priority=3),
            acting("b", "review", priority=2),
            acting("a", "review", priority=2),
            acting("first", "review", priority=1),
        ),
        {"payment.amount": 1},
    )
    assert [one.rule for one in said.results] == ["first", "a", "b", "last"]
    assert said.reasons == ("first", "a", "b", "last")


def test_scores_add_up_and_end_at_a_hundred() -> None:
    scored = [acting(f"r{n}", "challenge", score=40) for n in range(3)]
    thresholds = {"review": 60, "block": 90}
    actions = []
    for many in range(4):
        said = judged(
            document(*(scored[:many] or [rule()]), thresholds=thresholds), {"payment.amount": 1}
        )
        actions.append((said.score, said.action, "score_over_threshold" in said.reasons))
    assert actions == [
        (0, Action.ALLOW, False),
        (40, Action.CHALLENGE, False),
        (80, Action.REVIEW, True),
        (100, Action.BLOCK, True),
    ]


def test_an_allow_lifts_only_what_is_overridable() -> None:
    rules = [
        acting("allow", "allow"),
        acting("soft", "block", overridable=True, score=90, quarantine={"key": "ip", "for": "1h"}),
        acting("hard", "review", score=10),
    ]
    said = judged(document(*rules, thresholds={"block": 50}), {"payment.amount": 1})
    assert (said.action, said.score, said.lifted) == (Action.REVIEW, 10, ("soft",))
    assert said.reasons == ("allow", "hard")
    assert said.quarantines == ()
    # It did match, and the log says so.
    assert [one.outcome for one in said.results] == ["matched"] * 3


def test_the_allow_list_lifts_as_a_rule_does() -> None:
    rules = [acting("soft", "block", overridable=True), acting("hard", "challenge")]
    said = judged(document(*rules), {"payment.amount": 1, "list.allow": True})
    assert (said.action, said.lifted) == (Action.CHALLENGE, ("soft",))
    assert said.reasons == ("on_allow_list", "hard")


def test_the_block_list_is_lifted_by_nothing() -> None:
    said = judged(
        document(acting("allow", "allow")),
        {"payment.amount": 1, "list.allow": True, "list.block": True},
    )
    assert said.action is Action.BLOCK
    assert said.reasons == ("on_block_list", "on_allow_list", "allow")
    assert len(said.results) == 1


def test_the_watch_list_only_says_so() -> None:
    said = judged(document(), {"payment.amount_ref": 1, "list.watch": True})
    assert (said.action, said.reasons) == (Action.ALLOW, ("on_watch_list",))


def test_a_shadow_rule_never_acts() -> None:
    shadow = acting("shadow", "block", mode="shadow", score=100)
    said = judged(
        document(shadow, acting("off", "block", mode="off"), thresholds={"review": 1}),
        {"payment.amount": 1},
    )
    assert (said.action, said.score, said.reasons, said.results) == (Action.ALLOW, 0, (), ())
    assert [(one.rule, one.outcome) for one in said.shadow] == [("shadow", "matched")]
    for outcome in ({"payment.amount": "1"}, {"payment.amount": CAPPED}, {}):
        said = judged(document(shadow), outcome)
        assert (said.action, said.failed) == (Action.ALLOW, False)


def test_a_match_quarantines_its_key() -> None:
    said = judged(
        document(acting("bad", "block", quarantine={"key": "card", "for": "1h"})),
        {"payment.amount": 1},
    )
    assert said.quarantines == (Quarantined("card", 3_600, "bad", "bad"),)


@pytest.mark.parametrize(
    "when",
    ["payment.amount_ref > 0", "!(payment.amount_ref > 0)", "payment.amount_ref != 0"],
)
def test_what_is_missing_matches_nothing_also_under_not(when: str) -> None:
    said = judged(document(rule(when=when, action="block")))
    assert (said.action, said.failed, said.reasons) == (Action.ALLOW, False, ())
    assert said.results[0].outcome == "missing:payment.amount_ref"


def test_whether_something_is_known_can_be_asked() -> None:
    asked = document(rule(when="!payment.amount_ref_known"))
    assert judged(asked).results[0].outcome == "matched"
    assert judged(asked, {"payment.amount_ref": None}).results[0].outcome == "matched"
    assert judged(asked, {"payment.amount_ref": 0}).results[0].outcome == "not"
    guarded = document(rule(when="ml.score_known && ml.score > 0.9"))
    assert judged(guarded).results[0].outcome == "not"


@pytest.mark.parametrize("on_failure", list(Action))
def test_what_was_capped_is_not_judged(on_failure: Action) -> None:
    if on_failure is Action.CHALLENGE:
        return
    frame = {"velocities": {"sum": SUM}, "on_failure": on_failure.value}
    for when in ("velocity.sum > 100", "velocity.sum_known && velocity.sum > 100"):
        said = judged(document(rule(when=when), **frame), {"velocity.sum": CAPPED})
        assert said.results[0].outcome == "capped:velocity.sum"
        assert (said.action, said.failed) == (on_failure, True)
        assert said.reasons == ("not_judged",)
    # Where the answer does not depend on it, nothing is amiss.
    said = judged(
        document(rule(when="velocity.sum > 100 || payment.amount > 0"), **frame),
        {"velocity.sum": CAPPED, "payment.amount": 1},
    )
    assert (said.results[0].outcome, said.failed) == ("matched", False)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "error:payment.amount is of another type"),
        (1.0, "error:payment.amount is of another type"),
        ("1", "error:payment.amount is of another type"),
        (2**63, "error:payment.amount is of another type"),
        (2**62, "error:OUT_OF_RANGE: integer overflow"),
    ],
)
def test_a_failure_does_what_the_ruleset_says(value: object, said: str) -> None:
    for on_failure in ("review", "block", "allow"):
        judgement = judged(
            document(rule(when="payment.amount * 2 > 0"), on_failure=on_failure),
            {"payment.amount": value},
        )
        assert judgement.results[0].outcome == said
        assert (judgement.failed, judgement.action) == (True, on_failure)


def test_a_failure_of_what_is_lifted_anyhow_does_nothing() -> None:
    rules = [
        rule("soft", when="payment.amount * 2 > 0", overridable=True, action="block"),
        acting("allow", "allow"),
    ]
    said = judged(document(*rules), {"payment.amount": 2**62})
    assert (said.action, said.failed) == (Action.ALLOW, False)
    rules[0]["overridable"] = False
    assert judged(document(*rules), {"payment.amount": 2**62}).failed


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("value", [None, 0, "false"])
def test_lists_that_were_not_asked_fail(name: str, value: object) -> None:
    compiled = compile_ruleset(read_ruleset(document(), ENGINE), ENGINE)
    lists: dict[str, Any] = {**LISTS, "payment.amount_ref": 1, name: value}
    said = judge(compiled, lists)
    assert (said.action, said.failed, said.reasons) == (Action.REVIEW, True, ("not_judged",))


def test_declared_lists_and_limits_can_be_named() -> None:
    asked = document(
        rule(when="list.vip && payment.amount > limit.most"), lists=["vip"], limits={"most": 7}
    )
    assert judged(asked, {"list.vip": True, "payment.amount": 8}).action is Action.REVIEW
    assert judged(asked, {"list.vip": True, "payment.amount": 7}).action is Action.ALLOW
    # A limit is the ruleset's; nobody else sets it.
    said = judged(asked, {"list.vip": True, "payment.amount": 7, "limit.most": 1})
    assert said.action is Action.ALLOW


def test_the_time_follows_from_now() -> None:
    asked = document(rule(when="time.hour == 23 && time.weekday == 7"))
    now = datetime(2026, 11, 23, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert judged(asked, {"now": now}).results[0].outcome == "matched"
    assert judged(asked, {"now": now.replace(tzinfo=UTC)}).results[0].outcome == "not"
    assert judged(asked).results[0].outcome == "missing:time.hour"
    assert judged(asked, {"time.hour": 23, "time.weekday": 7}).action is Action.REVIEW
    naive = {"now": now.replace(tzinfo=None)}
    assert judged(document(rule(when="now > now")), naive).failed


def test_versions_are_told() -> None:
    read = read_ruleset(document(), ENGINE).with_versions(7, {"dear": 3})
    said = judge(compile_ruleset(read, ENGINE), {**LISTS, "payment.amount_ref": 5_001})
    assert (said.ruleset_version, said.results[0].version) == (7, 3)


def test_a_ruleset_that_was_not_checked_is_refused() -> None:
    read = read_ruleset(document(), ENGINE)
    broken = replace(read, rules=(replace(read.rules[0], when="payment.amout > 3"),))
    with pytest.raises(RulesetRefused) as refused:
        compile_ruleset(broken, ENGINE)
    (only,) = refused.value.data["mistakes"]
    assert (only["path"], only["column"]) == ("rules[0].when", 1)


def test_only_what_rules_name_is_looked_up() -> None:
    compiled = compile_ruleset(read_ruleset(document(), ENGINE), ENGINE)
    assert compiled.references == {"payment.amount_ref"}
    known: dict[str, Any] = {**LISTS, "payment.amount_ref": 1, "x": object()}
    assert judge(compiled, known).failed is False
