"""The rules that every merchant begins with."""

from __future__ import annotations

from typing import Any

import pytest

from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.rules import Action, Mode, default_ruleset_text, read_ruleset_text
from tests.unit.fraud.rulesets import ENGINE, LISTS

RULESET = read_ruleset_text(default_ruleset_text(), ENGINE)
COMPILED = compile_ruleset(RULESET, ENGINE)
#: A buyer's quiet first purchase of the day.
QUIET: dict[str, Any] = {
    **LISTS,
    "payment.amount": 2_500,
    "payment.amount_ref": 2_500,
    "buyer.account_age_s": 90 * 86_400,
    "card.country": "NO",
    "ip.country": "NO",
    "velocity.card_declines_1h": 0,
    "velocity.ip_cards_1h": 0,
    "velocity.ip_declines_1h": 0,
    "velocity.ip_attempts_10m": 0,
    "velocity.buyer_attempts_1h": 0,
    "velocity.buyer_sum_24h": 0,
    "velocity.buyer_cards_24h": 0,
    "profile.buyer.succeeded": 10,
    "profile.buyer.sum_ref": 20_000,
}


def test_eight_rules_act_and_one_watches() -> None:
    assert [rule.key for rule in RULESET.rules if rule.mode is Mode.LIVE] == [
        "card_declines",
        "ip_card_testing",
        "micro_probe",
        "buyer_rate",
        "buyer_daily_amount",
        "many_cards",
        "amount_outlier",
        "new_account_high_value",
    ]
    assert [rule.key for rule in RULESET.rules if rule.mode is Mode.SHADOW] == ["country_mismatch"]
    assert RULESET.warnings == ()
    assert all(len(rule.tests) >= 2 and rule.message for rule in RULESET.rules)
    limits = {rule.key for rule in RULESET.rules if not rule.overridable}
    assert limits == {"buyer_rate", "buyer_daily_amount"}


def test_a_quiet_purchase_is_allowed() -> None:
    said = judge(COMPILED, QUIET)
    assert (said.action, said.score, said.reasons, said.failed) == (Action.ALLOW, 0, (), False)
    assert {one.outcome for one in (*said.results, *said.shadow)} == {"not"}


@pytest.mark.parametrize(
    ("changes", "action", "reasons"),
    [
        ({"velocity.card_declines_1h": 3}, "block", ("card_declines", "score_over_threshold")),
        ({"velocity.ip_cards_1h": 5}, "block", ("card_testing", "score_over_threshold")),
        ({"velocity.ip_declines_1h": 10}, "block", ("card_testing", "score_over_threshold")),
        (
            {"payment.amount_ref": 199, "velocity.ip_attempts_10m": 3},
            "challenge",
            ("micro_probe",),
        ),
        ({"velocity.buyer_attempts_1h": 10}, "block", ("buyer_rate", "score_over_threshold")),
        (
            {"velocity.buyer_sum_24h": 497_501},
            "block",
            ("buyer_daily_amount", "score_over_threshold"),
        ),
        ({"velocity.buyer_cards_24h": 4}, "review", ("many_cards",)),
        ({"payment.amount_ref": 10_001}, "challenge", ("amount_outlier",)),
        (
            {
                "buyer.account_age_s": 3_600,
                "payment.amount_ref": 20_001,
                "profile.buyer.succeeded": 0,
                "profile.buyer.sum_ref": 0,
            },
            "review",
            ("new_account",),
        ),
    ],
)
def test_each_rule_acts(changes: dict[str, Any], action: str, reasons: tuple[str, ...]) -> None:
    said = judge(COMPILED, {**QUIET, **changes})
    assert (said.action, said.reasons) == (action, reasons)


def test_a_buyer_of_whom_nothing_is_known_is_not_blocked_for_it() -> None:
    said = judge(COMPILED, LISTS)
    assert (said.action, said.failed) == (Action.ALLOW, False)
    assert all(one.outcome.startswith("missing:") for one in (*said.results, *said.shadow))


def test_an_allow_list_does_not_lift_what_a_buyer_may_spend() -> None:
    said = judge(COMPILED, {**QUIET, "list.allow": True, "velocity.buyer_sum_24h": 500_000})
    assert said.action is Action.BLOCK
