"""What a policy says to machines is true, and what their vocabulary cannot say is not left out."""

from __future__ import annotations

from typing import Any

import pytest

from paykeel.refunds.policy import PolicyScope, RefundPolicy
from paykeel.refunds.schema_org import schema_org, unsaid_fields
from paykeel.refunds.wording import sentences, told
from tests.unit.refunds.policies import NAMES, example, policy

FULL = {"percent_bps": 10_000}
HERE = "https://schema.org/"
CATEGORY = HERE + "MerchantReturn"
FOR_A_FORTNIGHT = {"tiers": [{"when": {"since_delivery": {"to": "14d"}}, **FULL}]}
LAW = {
    "name": "eu",
    "jurisdictions": ["DE", "FR"],
    "when": {"since_delivery": {"to": "14d"}},
    "percent_bps": 10_000,
}


def window(days: int, percent_bps: int = 10_000, **given: Any) -> dict[str, Any]:
    when = {"since_delivery": {"to": f"{days}d"}}
    return {"tiers": [{"when": when, "percent_bps": percent_bps, **given}]}


def of(**fields: Any) -> tuple[str, int | None, tuple[str, ...]]:
    """The category, the days, and what is not said of a policy."""
    found = schema_org(policy(**fields))
    category = found["returnPolicyCategory"].removeprefix(CATEGORY)
    return category, found.get("merchantReturnDays"), unsaid_fields(found)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_policy_says_is_missing(name: str) -> None:
    made: RefundPolicy = example(name)
    found = schema_org(made)
    assert found["@type"] == "MerchantReturnPolicy"
    assert found["description"] == " ".join(sentences(made, "en"))
    unsaid = [(one["name"], one["value"]) for one in found["additionalProperty"]]
    every = list(told(made, "en"))
    if unsaid[0][0] == "scope":
        del unsaid[0]
        assert made.scope != PolicyScope()
    # Only tiers that the fields tell whole are not told again.
    said = [one for one in every if one not in unsaid]
    assert unsaid == [one for one in every if one not in said]
    assert {field for field, _ in said} <= {"tiers", "otherwise"}
    if said:
        assert found["returnPolicyCategory"] != CATEGORY + "Unspecified"


def test_a_shop_tells_its_window_and_names_the_law_beside_it() -> None:
    found = schema_org(example("shop_eu"))
    assert found["returnPolicyCategory"] == CATEGORY + "FiniteReturnWindow"
    assert found["merchantReturnDays"] == 60
    assert "restockingFee" not in found  # The law gives all of it, for a time.
    assert "refundType" not in found
    named = ("scope", "tiers", "otherwise", "components", "statutory_floor", "unknown")
    assert unsaid_fields(found) == named
    law = found["additionalProperty"][4]
    assert "eu_withdrawal" in law["value"]
    assert found["additionalProperty"][0]["value"] == "product goods"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (policy(), {"returnPolicyCategory": CATEGORY + "NotPermitted"}),
        (
            policy(otherwise=FULL),
            {
                "returnPolicyCategory": CATEGORY + "UnlimitedWindow",
                "refundType": HERE + "FullRefund",
            },
        ),
        (
            policy(**window(30, 8_500)),
            {
                "merchantReturnDays": 30,
                "restockingFee": 15,
                "returnFees": HERE + "RestockingFees",
            },
        ),
        (
            policy(currency="KWD", **window(7, fee=2_500)),
            {
                "merchantReturnDays": 7,
                "restockingFee": {"@type": "MonetaryAmount", "value": "2.500", "currency": "KWD"},
            },
        ),
        (policy(scope={"jurisdiction": "DE"}, **FOR_A_FORTNIGHT), {"applicableCountry": "DE"}),
    ],
)
def test_what_the_fields_can_say_is_said_there(made: RefundPolicy, expected: Any) -> None:
    found = schema_org(made)
    assert found.items() >= expected.items()
    assert unsaid_fields(found) == ("unknown",)


@pytest.mark.parametrize(
    "fee",
    [
        window(7, 8_750),  # No whole percent.
        window(7, 5_000, fee=100),
        window(7, fee=100, fee_cap_bps=500),
        window(7, units_kept=1),
        {"tiers": [{"when": {"since_delivery": {"to": "7d"}}, **FULL},
                   {"when": {"since_delivery": {"from": "7d", "to": "9d"}}, "percent_bps": 1}]},
    ],
)  # fmt: skip
def test_a_fee_without_a_word_is_named(fee: dict[str, Any]) -> None:
    found = schema_org(policy(currency="EUR", **fee))
    assert found["merchantReturnDays"] in (7, 9)
    assert not {"restockingFee", "returnFees", "refundType"} & set(found)
    assert unsaid_fields(found) == ("tiers", "otherwise", "unknown")


def test_days_are_counted_from_the_delivery_alone() -> None:
    unsaid = ("tiers", "otherwise", "unknown")
    from_purchase = {"tiers": [{"when": {"since_purchase": {"to": "30d"}}, **FULL}]}
    assert of(**from_purchase) == ("FiniteReturnWindow", None, unsaid)
    hours = {"tiers": [{"when": {"since_delivery": {"to": "36h"}}, **FULL}]}
    assert of(**hours) == ("FiniteReturnWindow", 1, unsaid)
    short = {"tiers": [{"when": {"since_delivery": {"to": "12h"}}, **FULL}]}
    assert of(**short) == ("FiniteReturnWindow", None, unsaid)
    late = {"tiers": [{"when": {"since_delivery": {"from": "2d", "to": "9d"}}, **FULL}]}
    assert of(**late) == ("Unspecified", None, unsaid)
    service = {"tiers": [{"when": {"before_service": {"from": "1d"}}, **FULL}]}
    assert of(**service) == ("Unspecified", None, unsaid)


def test_a_law_is_not_denied_by_a_shorter_window() -> None:
    tiers = ("tiers", "otherwise", "statutory_floor", "unknown")
    # In Germany something comes back, elsewhere nothing does: neither is true for everybody.
    assert of(statutory_floor=[LAW]) == ("Unspecified", None, ("otherwise", *tiers[2:]))
    assert of(**window(7), statutory_floor=[LAW]) == ("Unspecified", None, tiers)
    # What holds wherever the policy does makes the window as long as it is.
    german = {"scope": {"jurisdiction": "DE"}, **window(7), "statutory_floor": [LAW]}
    assert of(**german)[:2] == ("FiniteReturnWindow", 14)
    anywhere = {**LAW, "jurisdictions": ["*"]}
    assert of(**window(7, 9_000), statutory_floor=[anywhere])[:2] == ("FiniteReturnWindow", 14)
    # A longer window of the merchant's own is true everywhere; its fee is not.
    found = schema_org(policy(**window(30, 9_000), statutory_floor=[LAW]))
    assert found["merchantReturnDays"] == 30
    assert "restockingFee" not in found
    # For a duplicate charge nobody sends anything back.
    duplicate = {**LAW, "reasons": ["duplicate"]}
    assert of(statutory_floor=[duplicate])[0] == "NotPermitted"
    nothing = {**LAW, "percent_bps": 0}
    assert of(statutory_floor=[nothing])[0] == "NotPermitted"


def test_exceptions_and_components_are_not_forgotten() -> None:
    tax = {"components": {"tax": {"refundable": "yes"}}}
    assert of(**tax)[0] == "Unspecified"
    assert of(**tax, **window(7))[0] == "Unspecified"
    assert of(**tax, otherwise=FULL)[0] == "UnlimitedWindow"
    kept = {"components": {"service_fee": {"refundable": "no"}}}
    assert of(**kept)[0] == "NotPermitted"
    found = schema_org(policy(**kept, **window(7)))
    assert found["merchantReturnDays"] == 7
    assert "refundType" not in found
    assert "components" in unsaid_fields(found)
    fault = {"exceptions": {"provider_fault": FULL}}
    assert of(**fault) == ("Unspecified", None, ("otherwise", "exceptions", "unknown"))
    assert of(**fault, **window(7)) == ("FiniteReturnWindow", 7, ("exceptions", "unknown"))
    asked = {"exceptions": {"requested_by_buyer": {"percent_bps": 0}}}
    assert of(**asked, **window(7))[0] == "Unspecified"


def test_limits_and_the_rest_of_a_scope_are_named() -> None:
    limits = {"currency": "EUR", "max_refunds": 1, "min_refund": 500}
    assert of(**limits, **window(7))[2] == ("max_refunds", "min_refund", "unknown")
    found = schema_org(policy(scope={"jurisdiction": "DE-BY"}, **window(7)))
    assert found["applicableCountry"] == "DE"
    scope = found["additionalProperty"][0]
    assert (scope["name"], scope["value"]) == ("scope", "jurisdiction DE-BY")
