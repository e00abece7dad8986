"""What can go back now: order, limits, what is not known, and who has to approve."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from paykeel.errors import InvalidField
from paykeel.refunds.facts import YEAR_MAX, YEAR_MIN, RefundQuote
from paykeel.refunds.quoting import needs_approval, quote
from tests.unit.refunds.policies import NOW, example, facts, policy

FULL = {"percent_bps": 10_000}
WEEK = {"before_service": {"from": "7d"}}


def test_without_a_policy_all_that_is_left_may_go_back() -> None:
    quoted = quote(None, facts(captured=1_000, refunded=300, disputed=200), NOW)
    assert (quoted.amount, quoted.total, quoted.code) == (500, 1_000, "no_policy")
    assert (quoted.approval, quoted.next_boundary) == (False, None)
    assert quoted.trace[0].code == "no_policy"
    assert quote(None, facts(captured=1_000, refunded=1_000), NOW).outcome == "denied"


def test_lines_are_not_rounded_one_by_one() -> None:
    # Ten lines of 23.90 at 75 % are 179.25; rounded line by line they would be 179.30.
    quoted = quote(policy(otherwise={"percent_bps": 7_500}), facts(captured=23_900), NOW)
    assert quoted.amount == 17_925


def test_two_halves_are_no_more_than_the_whole_and_three_thirds_no_less() -> None:
    half = policy(otherwise={"percent_bps": 5_000})
    assert quote(half, facts(captured=10_001), NOW).amount == 5_001
    assert (
        quote(policy(otherwise=FULL), facts(captured=10_001, refunded=5_001), NOW).amount == 5_000
    )
    rest = quote(policy(otherwise=FULL), facts(captured=10_000, refunded=6_666), NOW)
    assert rest.amount == 3_334


def test_the_fee_is_capped_and_comes_out_of_what_the_tier_rules_over() -> None:
    fields: dict[str, Any] = {
        "currency": "EUR",
        "otherwise": {"percent_bps": 8_000, "fee": 3_000, "fee_cap_bps": 1_000},
        "components": {"tax": {"refundable": "yes", "percent_bps": 5_000}},
    }
    parts = {"fare": 9_000, "ancillary": 1_000, "tax": 501}
    quoted = quote(policy(**fields), facts(captured=10_501, components=parts), NOW)
    # 80 % of 100.00, less 10 % of 100.00 for the fee, and half of 5.01.
    assert quoted.amount == 7_251
    shares = {line.component.value: line.this for line in quoted.breakdown}
    assert shares == {"fare": 6_300, "tax": 251, "ancillary": 700}


def test_units_are_kept_before_the_share_is_taken_and_never_more_than_there_are() -> None:
    kept = policy(otherwise={"percent_bps": 5_000, "units_kept": 3})
    assert quote(kept, facts(captured=10_000, units=(5, 2_000)), NOW).amount == 2_000
    assert quote(kept, facts(captured=4_000, units=(2, 2_000)), NOW).amount == 0
    assert quote(kept, facts(captured=4_000, units=(2, 1_000)), NOW).amount == 1_000


def test_an_exception_takes_the_place_of_the_percent_or_of_all_tiers() -> None:
    fields: dict[str, Any] = {
        "currency": "EUR",
        "otherwise": {"percent_bps": 1_000, "fee": 500},
        "components": {"service_fee": {"refundable": "no"}},
        "exceptions": {
            "force_majeure": {"percent_bps": 9_000},
            "duplicate": {"percent_bps": 10_000, "bypass_tiers": True},
        },
    }
    parts = {"fare": 9_000, "service_fee": 1_000}
    made = policy(**fields)
    amounts = [
        quote(made, facts(captured=10_000, components=parts, reason=reason), NOW).amount
        for reason in ("other", "force_majeure", "duplicate")
    ]
    assert amounts == [400, 7_600, 10_000]


def test_an_exception_that_passes_the_tiers_by_asks_for_no_clock() -> None:
    made = policy(
        tiers=[{"when": WEEK, **FULL}],
        exceptions={"fraud": {"percent_bps": 10_000, "bypass_tiers": True}},
    )
    assert quote(made, facts(captured=500), NOW).outcome == "ask"
    assert quote(made, facts(captured=500, reason="fraud"), NOW).amount == 500


FLOOR = {
    "name": "law",
    "jurisdictions": ["DE"],
    "reasons": ["requested_by_buyer"],
    "when": {"since_purchase": {"to": "14d"}},
    "percent_bps": 5_000,
}


def test_a_floor_is_a_lower_bound_and_never_takes_away() -> None:
    better = policy(otherwise=FULL, statutory_floor=[FLOOR])
    worse = policy(statutory_floor=[FLOOR])
    here = {"captured": 1_001, "jurisdiction": "DE"}
    assert quote(better, facts(**here), NOW).amount == 1_001
    # What is due at least is rounded up, whatever the policy's rounding is.
    quoted = quote(worse, facts(**here), NOW)
    assert (quoted.amount, quoted.code) == (501, "statutory_floor")
    assert quote(worse, facts(**here, reason="other"), NOW).amount == 0
    assert quote(worse, facts(captured=1_001, jurisdiction="US"), NOW).amount == 0


def test_a_country_does_not_say_which_part_of_it() -> None:
    bavaria = {**FLOOR, "jurisdictions": ["DE-BY"]}
    made = policy(statutory_floor=[bavaria])
    assert quote(made, facts(captured=1_000, jurisdiction="DE-BY"), NOW).amount == 500
    assert quote(made, facts(captured=1_000, jurisdiction="DE-BE"), NOW).outcome == "denied"
    # Germany is told, and Bavaria is in it: that is not known, and the policy says what then.
    told = facts(captured=1_000, jurisdiction="DE")
    asked = quote(made, told, NOW)
    assert (asked.outcome, asked.code, asked.amount) == ("ask", "fact_missing", 0)
    assert asked.trace[-2].numbers["facts"] == "jurisdiction"
    denied = quote(policy(statutory_floor=[bavaria], unknown="deny"), told, NOW)
    assert (denied.outcome, denied.code, denied.amount) == ("denied", "fact_missing", 0)
    # What the whole country's law gives covers each part, and then nothing is missing.
    both = policy(statutory_floor=[FLOOR, {**bavaria, "name": "land"}])
    for place in ("DE", "DE-BY", "DE-BE"):
        assert quote(both, facts(captured=1_000, jurisdiction=place), NOW).amount == 500
    assert quote(made, facts(captured=1_000, jurisdiction="US"), NOW).outcome == "denied"


def test_a_floor_is_for_its_components_and_gives_way_to_what_is_as_good() -> None:
    fare = {**FLOOR, "components": ["fare"]}
    parts = {"fare": 800, "tax": 200}
    here = {"captured": 1_000, "components": parts, "jurisdiction": "DE"}
    assert quote(policy(statutory_floor=[fare]), facts(**here), NOW).amount == 400
    equal = policy(otherwise={"percent_bps": 4_000}, statutory_floor=[fare])
    assert quote(equal, facts(**here), NOW).code == "otherwise"


def test_the_smallest_refund_is_one_that_is_made() -> None:
    made = policy(currency="EUR", min_refund=900, otherwise=FULL)
    assert quote(made, facts(captured=900), NOW).amount == 900
    assert quote(made, facts(captured=899), NOW).code == "below_minimum"


def test_the_policy_limits_itself_and_not_the_law() -> None:
    limits: dict[str, Any] = {"currency": "EUR", "max_refunds": 1, "min_refund": 900}
    made = policy(**limits, otherwise={"percent_bps": 8_000}, statutory_floor=[FLOOR])
    here = {"captured": 1_000, "jurisdiction": "DE"}
    first = quote(made, facts(**here), NOW)
    assert (first.amount, first.code, first.total) == (500, "statutory_floor", 500)
    elsewhere = quote(made, facts(captured=1_000, jurisdiction="US"), NOW)
    assert (elsewhere.amount, elsewhere.code) == (0, "below_minimum")
    over = quote(made, facts(captured=9_000, jurisdiction="US", refunds_count=1), NOW)
    assert (over.amount, over.code) == (0, "max_refunds_reached")


def test_what_is_missing_decides_only_where_the_answer_depends_on_it() -> None:
    made = policy(
        tiers=[
            {"when": {"since_purchase": {"to": "1d"}}, **FULL},
            {"when": {"since_purchase": {"from": "1d"}, **WEEK}, "percent_bps": 5_000},
        ]
    )
    soon = quote(made, facts(captured=100, purchased="1h"), NOW)
    assert (soon.amount, soon.outcome) == (100, "refundable")
    late = quote(made, facts(captured=100, purchased="2d"), NOW)
    assert (late.amount, late.outcome, late.code) == (0, "ask", "fact_missing")
    step = next(one for one in late.trace if one.code == "fact_missing")
    assert step.numbers["facts"] == "before_service"


def test_what_holds_either_way_is_known() -> None:
    # Both parts of `any` look at what is missing, and one of them is true whatever it is.
    made = policy(
        tiers=[
            {
                "when": {
                    "since_purchase": {"to": "9d"},
                    "any": [WEEK, {"before_service": {"to": "7d"}}],
                },
                **FULL,
            }
        ]
    )
    assert quote(made, facts(captured=100), NOW).amount == 100


def test_the_trace_names_only_the_fact_that_decides() -> None:
    made = policy(
        tiers=[
            {"when": {"since_delivery": {"to": "9d"}, "no_show": True}, "percent_bps": 3_000},
            {"when": {"since_delivery": {"to": "9d"}, "no_show": False}, "percent_bps": 3_000},
        ],
        unknown="deny",
    )
    quoted = quote(made, facts(captured=100, purchased="30d"), NOW)
    assert (quoted.amount, quoted.outcome, quoted.code) == (0, "denied", "fact_missing")
    step = next(one for one in quoted.trace if one.code == "fact_missing")
    assert step.numbers["facts"] == "since_delivery"


def test_nothing_was_delivered_before_it_was_bought() -> None:
    tiers = [{"when": {"since_delivery": {"to": "14d"}}, **FULL}]
    made = policy(tiers=tiers, otherwise={"percent_bps": 0}, unknown="deny")
    assert quote(made, facts(captured=100, purchased="1h"), NOW).amount == 100
    assert quote(made, facts(captured=100, purchased="14d"), NOW).amount == 0


def test_nobody_has_stayed_away_from_what_has_not_begun() -> None:
    tiers = [{"when": {"no_show": False}, **FULL}]
    made = policy(tiers=tiers, otherwise={"percent_bps": 0})
    assert quote(made, facts(captured=100, before="10d", no_show=True), NOW).amount == 100
    assert quote(made, facts(captured=100, before="-10d", no_show=True), NOW).amount == 0


def test_an_amount_to_approve_is_of_all_that_goes_back() -> None:
    approval = {"when": "over_amount", "over": 40}
    made = policy(approval=approval, currency="EUR", otherwise=FULL)
    first = quote(made, facts(captured=100), NOW)
    assert [needs_approval(made, first, amount) for amount in (40, 41)] == [False, True]
    third = quote(made, facts(captured=100, refunded=30), NOW)
    assert [needs_approval(made, third, amount) for amount in (10, 11)] == [False, True]


def test_what_is_sure_is_given_also_where_a_fact_is_missing() -> None:
    tiers = [{"when": WEEK, **FULL}]
    tax = {"tax": {"refundable": "yes"}}
    given = facts(captured=100, components={"fare": 80, "tax": 20})
    denied = quote(policy(tiers=tiers, components=tax, unknown="deny"), given, NOW)
    assert (denied.amount, denied.outcome) == (20, "refundable")
    asked = quote(policy(tiers=tiers, components=tax, unknown="ask"), given, NOW)
    assert (asked.amount, asked.outcome, asked.approval) == (20, "ask", True)


@pytest.mark.parametrize(
    ("when", "amounts"),
    [
        ({"when": "never"}, {1: False, 500: False, 501: False}),
        ({"when": "always"}, {1: True, 500: True, 501: True}),
        ({"when": "outside_policy"}, {1: False, 500: False, 501: True}),
        ({"when": "over_amount", "over": 400}, {400: False, 401: True, 500: True, 501: True}),
        ({"when": "over_amount", "over": 900}, {500: False, 501: True}),
    ],
)
def test_who_has_to_approve(when: dict[str, Any], amounts: dict[int, bool]) -> None:
    made = policy(approval=when, currency="EUR", otherwise={"percent_bps": 5_000})
    quoted = quote(made, facts(captured=1_000), NOW)
    assert quoted.amount == 500
    assert {amount: needs_approval(made, quoted, amount) for amount in amounts} == amounts


def test_nothing_to_approve_where_nothing_goes_back() -> None:
    made = policy(approval={"when": "always"})
    quoted = quote(made, facts(captured=1_000), NOW)
    assert (quoted.amount, quoted.approval) == (0, False)


def boundary(name: str, **given: Any) -> tuple[RefundQuote, RefundQuote, RefundQuote]:
    """Quote now, and on both sides of the next boundary."""
    made, known = example(name), facts(**given)
    now = quote(made, known, NOW)
    assert now.next_boundary is not None
    tick = timedelta(microseconds=1)
    last, first = (quote(made, known, at) for at in (now.next_boundary - tick, now.next_boundary))
    return now, last, first


@pytest.mark.parametrize(
    ("name", "given", "after"),
    [
        ("lodging_firm", {"captured": 100, "purchased": "40d", "before": "31d"}, 24 * 3_600),
        ("lodging_firm", {"captured": 100, "purchased": "2h", "before": "10d"}, 22 * 3_600),
        ("app_store", {"captured": 100, "purchased": "1h"}, 47 * 3_600),
        ("shop_restocking", {"captured": 500, "currency": "USD", "delivered": "-1d"}, 31 * 86_400),
    ],
)
def test_the_next_boundary_is_the_first_instant_of_another_answer(
    name: str, given: dict[str, Any], after: int
) -> None:
    now, last, first = boundary(name, **given)
    assert now.next_boundary is not None
    assert now.next_boundary - NOW in (
        timedelta(seconds=after),
        timedelta(seconds=after, microseconds=1),
    )
    assert (last.amount, last.outcome) == (now.amount, now.outcome)
    assert (first.amount, first.outcome) != (now.amount, now.outcome)


def test_there_is_no_boundary_where_time_changes_nothing() -> None:
    known = facts(captured=100, purchased="3d", before="10d", refunded=100)
    assert quote(example("lodging_firm"), known, NOW).next_boundary is None


def test_a_clock_that_has_not_started_shows_nothing_yet() -> None:
    made = policy(tiers=[{"when": {"since_delivery": {"to": "1s"}}, **FULL}])
    quoted = quote(made, facts(captured=100, delivered="-5d"), NOW)
    assert (quoted.amount, quoted.trace[0].numbers["since_delivery"]) == (100, 0)


def test_a_quote_can_be_written_down() -> None:
    document = quote(example("lodging_firm"), facts(captured=100, before="40d"), NOW).document()
    assert document["amount"] == 100
    assert document["breakdown"] == [
        {"component": "fare", "captured": 100, "total": 100, "this": 100}
    ]
    assert {"code", "text", "numbers"} == set(document["trace"][0])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"captured": -1}, "refund_facts_negative"),
        ({"captured": 1, "units": (1, -1)}, "refund_facts_negative"),
        ({"captured": 10, "components": {"fare": 11, "tax": -1}}, "refund_facts_negative"),
        ({"captured": 10, "components": {"fare": 9}}, "refund_facts_components"),
        ({"captured": 10, "components": {"soul": 10}}, "refund_facts_components"),
        ({"captured": 10, "units": (3, 4)}, "refund_facts_units"),
        (
            {"captured": 10, "units": (2, 5), "components": {"fare": 9, "tax": 1}},
            "refund_facts_units",
        ),
    ],
)
def test_facts_that_cannot_be_are_refused(given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidField) as refused:
        facts(**given)
    assert refused.value.code == code


@pytest.mark.parametrize("wrong", [{"tzinfo": None}, {"year": 1899}, {"year": 9_001}])
def test_an_instant_names_its_time_zone_and_is_not_far_away(wrong: dict[str, Any]) -> None:
    known = facts(captured=1)
    with pytest.raises(InvalidField) as refused:
        quote(None, known, NOW.replace(**wrong))
    assert (refused.value.code, refused.value.field) == ("refund_facts_time", "as_of")
    for name in ("purchased_at", "captured_at", "delivered_at", "service_at"):
        changed: dict[str, Any] = {name: NOW.replace(**wrong)}
        with pytest.raises(InvalidField) as refused:
            replace(known, **changed)
        assert (refused.value.code, refused.value.field) == ("refund_facts_time", name)


@pytest.mark.parametrize("year", [YEAR_MIN, YEAR_MAX])
def test_the_farthest_service_has_a_boundary(year: int) -> None:
    made = policy(tiers=[{"when": {"before_service": {"from": "-3650d", "to": "3650d"}}, **FULL}])
    far = replace(facts(captured=1), service_at=NOW.replace(year=year))
    assert (quote(made, far, NOW).next_boundary is None) is (year == YEAR_MIN)
