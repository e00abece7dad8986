"""What a refund policy may say: every mistake is told with its place."""

from __future__ import annotations

from typing import Any

import pytest

from paykeel.errors import InvalidInput, RefundPolicyRefused
from paykeel.refunds import conditions, covering, parsing
from paykeel.refunds.clocks import Clock, Every, NoShow, Within
from paykeel.refunds.mistakes import MISTAKES
from paykeel.refunds.parsing import policy_of, policy_of_text
from paykeel.refunds.policy import ANY, PolicyScope, canonical, policy_sha256
from tests.unit.refunds.policies import mistakes, policy

FULL = {"percent_bps": 10_000}
NONE = {"percent_bps": 0}
DAY = {"since_purchase": {"to": "24h"}}


def made(**fields: Any) -> dict[str, Any]:
    return {"key": "p", "title": "P", "otherwise": NONE, **fields}


def tier(when: Any, **fields: Any) -> dict[str, Any]:
    return {"when": when, **FULL, **fields}


@pytest.mark.parametrize(
    ("fields", "code", "path"),
    [
        ({"colour": "red"}, "field_unknown", "colour"),
        ({"key": "No spaces"}, "name_malformed", "key"),
        ({"title": ""}, "text_empty", "title"),
        ({"title": "x" * 101}, "text_too_long", "title"),
        ({"title": "4242 4242 4242 4242"}, "card_number_refused", "title"),
        ({"title": 5}, "text_required", "title"),
        ({"scope": {"buyer_role": "guest"}}, "choice_unknown", "scope.buyer_role"),
        ({"scope": {"jurisdiction": "Germany"}}, "jurisdiction_malformed", "scope.jurisdiction"),
        ({"scope": {"product": "A B"}}, "name_malformed", "scope.product"),
        ({"scope": []}, "object_required", "scope"),
        ({"currency": "EURO"}, "currency_unknown", "currency"),
        ({"currency": "XAU"}, "currency_not_tender", "currency"),
        ({"rounding": "nearest"}, "choice_unknown", "rounding"),
        ({"unknown": "guess"}, "choice_unknown", "unknown"),
        ({"approval": {"when": "sometimes"}}, "choice_unknown", "approval.when"),
        ({"approval": {"when": "over_amount"}}, "over_misplaced", "approval.over"),
        ({"approval": {"when": "always", "over": 5}}, "over_misplaced", "approval.over"),
        (
            {"approval": {"when": "always", "four_eyes": 1}},
            "boolean_required",
            "approval.four_eyes",
        ),
        ({"approval": {"when": "over_amount", "over": 5}}, "currency_required", "approval.over"),
        ({"max_refunds": 0}, "out_of_range", "max_refunds"),
        ({"max_refunds": parsing.REFUNDS_MAX + 1}, "out_of_range", "max_refunds"),
        ({"max_refunds": "3"}, "integer_required", "max_refunds"),
        ({"min_refund": 5}, "currency_required", "min_refund"),
        ({"tiers": {}}, "list_required", "tiers"),
        ({"tiers": [tier(DAY)] * (parsing.TIERS_MAX + 1)}, "too_many", "tiers"),
        ({"tiers": [FULL]}, "field_required", "tiers[0].when"),
        ({"tiers": [{"when": DAY}]}, "field_required", "tiers[0].percent_bps"),
        ({"tiers": [tier(DAY, percent_bps=10_001)]}, "out_of_range", "tiers[0].percent_bps"),
        ({"tiers": [tier(DAY, percent_bps=99.5)]}, "integer_required", "tiers[0].percent_bps"),
        ({"tiers": [tier(DAY, fee=-1)]}, "out_of_range", "tiers[0].fee"),
        ({"tiers": [tier(DAY, fee=100)]}, "currency_required", "tiers[0].fee"),
        ({"tiers": [tier(DAY, fee_cap_bps=100)]}, "cap_without_fee", "tiers[0].fee_cap_bps"),
        ({"tiers": [tier(DAY, units_kept=1_001)]}, "out_of_range", "tiers[0].units_kept"),
        ({"tiers": [{"when": DAY, **NONE, "fee": 1}]}, "nothing_to_keep_of", "tiers[0].fee"),
        ({"otherwise": {**NONE, "units_kept": 1}}, "nothing_to_keep_of", "otherwise.units_kept"),
        ({"otherwise": {**FULL, "fee": 1}}, "currency_required", "otherwise.fee"),
        ({"otherwise": {**FULL, "when": DAY}}, "field_unknown", "otherwise.when"),
        ({"components": {"soul": {}}}, "field_unknown", "components.soul"),
        (
            {"components": {"tax": {"refundable": "no", "percent_bps": 1}}},
            "percent_misplaced",
            "components.tax.percent_bps",
        ),
        ({"components": {"tax": {}}}, "field_required", "components.tax.refundable"),
        ({"exceptions": {"whim": FULL}}, "field_unknown", "exceptions.whim"),
        ({"exceptions": {"fraud": {}}}, "field_required", "exceptions.fraud.percent_bps"),
        ({"statutory_floor": [{}]}, "field_required", "statutory_floor[0].name"),
    ],
)
def test_a_mistake_is_told_with_its_place(fields: dict[str, Any], code: str, path: str) -> None:
    assert (code, path) in mistakes(made(**fields))
    assert code in MISTAKES


@pytest.mark.parametrize(
    ("when", "code", "path"),
    [
        ({}, "condition_empty", ""),
        ([], "object_required", ""),
        ({"since_birth": {"to": "1d"}}, "field_unknown", ".since_birth"),
        ({"since_purchase": {}}, "interval_empty", ".since_purchase"),
        ({"since_purchase": "24h"}, "object_required", ".since_purchase"),
        ({"since_purchase": {"from": "2d", "to": "1d"}}, "interval_empty", ".since_purchase"),
        ({"since_purchase": {"from": "1d", "to": "24h"}}, "interval_empty", ".since_purchase"),
        ({"since_purchase": {"to": "1 day"}}, "duration_malformed", ".since_purchase.to"),
        ({"since_purchase": {"to": "1.5h"}}, "duration_malformed", ".since_purchase.to"),
        ({"since_purchase": {"to": 24}}, "duration_malformed", ".since_purchase.to"),
        ({"since_purchase": {"to": "007d"}}, "duration_malformed", ".since_purchase.to"),
        ({"since_purchase": {"from": "0h"}}, "duration_malformed", ".since_purchase.from"),
        ({"since_purchase": {"to": "-2h"}}, "duration_malformed", ".since_purchase.to"),
        ({"before_service": {"to": "-0h"}}, "duration_malformed", ".before_service.to"),
        ({"before_service": {"to": "3651d"}}, "duration_too_long", ".before_service.to"),
        ({"no_show": "yes"}, "boolean_required", ".no_show"),
        ({"any": []}, "condition_empty", ".any"),
        ({"all": None}, "list_required", ".all"),
        ({"any": [DAY, {}]}, "condition_empty", ".any[1]"),
        ({"any": [DAY] * (conditions.CONDITIONS_MAX + 1)}, "too_many", ".any"),
        ({"any": [{"all": [DAY] * 20}] * 2}, "condition_too_long", ""),
        ({"all": [{"any": [{"all": [{"any": [DAY]}]}]}]}, "condition_too_deep",
         ".all[0].any[0].all[0].any[0]"),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_told_with_its_place(when: Any, code: str, path: str) -> None:
    assert (code, f"tiers[0].when{path}") in mistakes(made(tiers=[tier(when)]))
    assert code in MISTAKES


def test_every_mistake_is_told_and_not_only_the_first() -> None:
    document = {
        "title": "",
        "rounding": "odd",
        "tiers": [tier({"since_purchase": {"to": "soon"}}), tier({}, percent_bps=-1)],
    }
    assert mistakes(document) == {
        ("field_required", "key"),
        ("text_empty", "title"),
        ("choice_unknown", "rounding"),
        ("duration_malformed", "tiers[0].when.since_purchase.to"),
        ("condition_empty", "tiers[1].when"),
        ("out_of_range", "tiers[1].percent_bps"),
    }


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_a_policy_is_an_object(document: Any) -> None:
    assert ("object_required", "") in mistakes(document)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2", "yaml_duplicate_key"),
        ("a: &b 1", "yaml_alias"),
        ("a: !!int 1", "yaml_tag"),
        ("a: [", "yaml_syntax"),
        ("a: 010", "yaml_number"),
        ("? [a]\n: 1", "yaml_key"),
        ("x" * 262_145, "document_too_long"),
        ("[" * 13 + "]" * 13, "document_too_large"),
    ],
)
def test_only_plain_yaml_is_read(text: str, code: str) -> None:
    with pytest.raises(RefundPolicyRefused) as refused:
        policy_of_text(text)
    assert isinstance(refused.value, InvalidInput)
    assert [one["code"] for one in refused.value.data["mistakes"]] == [code]
    assert code in MISTAKES


def test_a_gap_is_refused() -> None:
    tiers = [tier({"before_service": {"from": "7d"}}), tier({"before_service": {"to": "6d"}})]
    assert mistakes({"key": "p", "title": "P", "tiers": tiers}) == {("tier_gap", "tiers")}
    assert mistakes({"key": "p", "title": "P"}) == {("tier_gap", "tiers")}
    whole = [tier({"before_service": {"from": "7d"}}), tier({"before_service": {"to": "7d"}})]
    assert policy_of({"key": "p", "title": "P", "tiers": whole}).otherwise is None


def test_a_gap_is_told_by_an_example() -> None:
    tiers = [tier({"any": [DAY, {"before_service": {"from": "7d"}}]})]
    with pytest.raises(RefundPolicyRefused) as refused:
        policy_of({"key": "p", "title": "P", "tiers": tiers})
    (only,) = refused.value.data["mistakes"]
    assert "since_purchase 1d, before_service 604799s" in only["message"]


def test_an_overlap_is_refused_also_in_one_second_and_one_corner() -> None:
    one = tier({"since_purchase": {"to": "24h"}, "before_service": {"from": "7d"}})
    other = tier({"since_purchase": {"from": "86399s"}, "before_service": {"to": "604801s"}})
    assert mistakes(made(tiers=[one, other])) == {("tier_overlap", "tiers[1].when")}
    apart = tier({"since_purchase": {"from": "24h"}, "before_service": {"to": "8d"}})
    policy(tiers=[one, apart])


def test_a_no_show_is_a_dimension_like_others() -> None:
    tiers = [tier({"no_show": True}, percent_bps=0), tier({"before_service": {"from": "1d"}})]
    assert mistakes(made(tiers=tiers)) == {("tier_overlap", "tiers[1].when")}


def test_what_can_never_hold_is_refused() -> None:
    never = {"all": [DAY, {"since_purchase": {"from": "48h"}}]}
    assert mistakes(made(tiers=[tier(never)])) == {("tier_unreachable", "tiers[0].when")}
    always = {"any": [{"no_show": True}, {"no_show": False}]}
    assert mistakes(made(tiers=[tier(always)])) == {("tier_unreachable", "otherwise")}
    floor = {"name": "f", "jurisdictions": ["*"], "when": never, **FULL}
    assert mistakes(made(statutory_floor=[floor])) == {
        ("tier_unreachable", "statutory_floor[0].when")
    }


def test_the_number_of_cells_is_limited() -> None:
    def cells(count: int) -> list[Any]:
        clocks = ("since_purchase", "since_capture", "since_delivery", "before_service")
        return [
            tier({clock: {"from": f"{day}d", "to": f"{day + 1}d"} for clock in clocks})
            for day in range(1, count, 2)
        ]

    assert covering.CELLS_MAX == 8**4
    policy(tiers=cells(6))
    assert mistakes(made(tiers=cells(8))) == {("too_many_cells", "tiers")}
    floor = {"name": "f", "jurisdictions": ["*"], "when": cells(20)[-1]["when"], **FULL}
    # What a floor looks at counts as well: a quote tries both.
    assert mistakes(made(tiers=cells(6), statutory_floor=[floor])) == {("too_many_cells", "tiers")}


def test_floors_are_limited_and_have_names_and_places() -> None:
    floor = {"name": "f", "jurisdictions": ["DE"], "when": DAY, **FULL}
    assert ("name_repeated", "statutory_floor[1].name") in mistakes(
        made(statutory_floor=[floor, floor])
    )
    assert ("too_many", "statutory_floor") in mistakes(made(statutory_floor=[floor] * 11))
    many = {**floor, "jurisdictions": ["DE"] * (parsing.JURISDICTIONS_MAX + 1)}
    assert ("too_many", "statutory_floor[0].jurisdictions") in mistakes(
        made(statutory_floor=[many])
    )
    for wrong, code in ([], "out_of_range"), (["Bavaria"], "jurisdiction_malformed"):
        found = mistakes(made(statutory_floor=[{**floor, "jurisdictions": wrong}]))
        assert code in {one for one, _ in found}
    assert ("name_repeated", "tiers[1].name") in mistakes(
        made(tiers=[tier(DAY, name="a"), tier({"since_purchase": {"from": "24h"}}, name="a")])
    )


def test_names_side_by_side_must_all_hold() -> None:
    (only,) = policy(tiers=[tier({**DAY, "no_show": False})]).tiers
    assert only.when == Every((Within(Clock.SINCE_PURCHASE, None, 86_400), NoShow(value=False)))
    assert only.name == "tier_1"


def test_the_canonical_form_does_not_depend_on_the_order() -> None:
    assert canonical({"b": [1, {"d": True, "c": "é"}], "a": None}) == (
        '{"a":null,"b":[1,{"c":"é","d":true}]}'.encode()
    )
    one, other = policy(rounding="half_up"), policy()
    assert policy_sha256(one.document()) == policy_sha256(other.document())
    assert policy_sha256(one.document()) != policy_sha256(policy(rounding="up").document())
    with pytest.raises(TypeError):
        canonical({"a": 0.5})


def test_a_scope_is_for_what_it_names() -> None:
    german = PolicyScope(jurisdiction="DE", product="ticket")
    assert german.covers(PolicyScope("agent", "ticket", "DE-BY", "web", "card"))
    assert not german.covers(PolicyScope("agent", "hotel", "DE"))
    assert not german.covers(PolicyScope(product="ticket"))
    assert (german.weight, PolicyScope().weight) == (2, 0)
    assert PolicyScope("agent", "a", "DE-BY", "web", "card").weight == 6
    assert german.meets(PolicyScope("agent", ANY, "DE-BY"))
    assert PolicyScope(jurisdiction="DE-BY").meets(german)
    assert not german.meets(PolicyScope(payment_method="card", jurisdiction="FR"))
    assert not PolicyScope(payment_method="card").meets(PolicyScope(payment_method="cash"))
