"""The logistic score: what it says, when it says nothing, and what it is made of."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.fraud.model import (
    VALUE_MAX,
    Contribution,
    Feature,
    Kind,
    LogisticModel,
    Missing,
    logistic,
    read_model,
)

AMOUNT = Feature(name="payment.amount_ref", kind=Kind.INT, mean=5e3, scale=4e3, weight=2.0)
RATIO = Feature(name="velocity.ratio", kind=Kind.DOUBLE, mean=0.5, scale=0.25, weight=-1.0)
KNOWN = Feature(name="ip.known", kind=Kind.BOOL, mean=0.0, scale=1.0, weight=0.5, default=1.0)
MODEL = LogisticModel("sample", (AMOUNT, RATIO, KNOWN), intercept=-1.0)
WHOLE = {"payment.amount_ref": 9_000, "velocity.ratio": 0.75, "ip.known": False}

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def test_a_score_is_the_logistic_of_the_standardised_sum() -> None:
    assert MODEL.score(WHOLE) == pytest.approx(1 / (1 + math.exp(-(-1 + 2 - 1 + 0))))


def test_contributions_add_up_and_come_weightiest_first() -> None:
    parts = MODEL.contributions(WHOLE)
    assert parts == (
        Contribution("payment.amount_ref", 9_000.0, 2.0),
        Contribution("velocity.ratio", 0.75, -1.0),
        Contribution("ip.known", 0.0, 0.0),
    )
    assert MODEL.score(WHOLE) == logistic(MODEL.intercept + sum(one.log_odds for one in parts))


def test_a_default_stands_in_for_a_missing_value() -> None:
    known = {name: value for name, value in WHOLE.items() if name != "ip.known"}
    assert MODEL.score(known) == MODEL.score({**WHOLE, "ip.known": True})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payment.amount_ref", None),
        ("payment.amount_ref", True),
        ("payment.amount_ref", 9_000.0),
        ("payment.amount_ref", "9000"),
        ("payment.amount_ref", 10**400),
        ("velocity.ratio", 1),
        ("velocity.ratio", False),
        ("velocity.ratio", math.nan),
        ("velocity.ratio", math.inf),
        ("velocity.ratio", -1e300),
    ],
)
def test_without_a_fitting_value_there_is_no_score(name: str, value: object) -> None:
    changed = {**WHOLE, name: value}
    assert MODEL.score(changed) == Missing(name)
    assert MODEL.contributions(changed) == ()


@pytest.mark.parametrize("value", [0, 1, "yes", 1.0])
def test_only_true_and_false_are_boolean(value: object) -> None:
    assert MODEL.score({**WHOLE, "ip.known": value}) == MODEL.score({**WHOLE, "ip.known": True})


@given(st.floats(-1e30, 1e30, allow_nan=False))
def test_the_logistic_never_leaves_its_range(log_odds: float) -> None:
    assert 0 <= logistic(log_odds) <= 1
    assert logistic(log_odds) + logistic(-log_odds) == pytest.approx(1)


@given(
    st.integers(-(2**63), 2**63 - 1),
    FINITE,
    st.floats(1e-9, 1e6),
    st.floats(-VALUE_MAX, VALUE_MAX),
    FINITE,
)
def test_no_model_within_the_limits_overflows(
    value: int, weight: float, scale: float, mean: float, intercept: float
) -> None:
    feature = Feature(name="a", kind=Kind.INT, mean=mean, scale=scale, weight=weight)
    score = LogisticModel("sample", (feature, KNOWN), intercept).score({"a": value})
    assert isinstance(score, float)
    assert 0 <= score <= 1


@given(st.lists(st.tuples(FINITE, FINITE, st.floats(1e-9, 1e6)), min_size=1, max_size=5), FINITE)
def test_what_is_written_is_read_back_with_the_same_hash(
    numbers: list[tuple[float, float, float]], intercept: float
) -> None:
    features = tuple(
        Feature(name=f"f{place}", kind=Kind.DOUBLE, mean=mean, scale=scale, weight=weight)
        for place, (weight, mean, scale) in enumerate(numbers)
    )
    model = read_model(LogisticModel("sample", features, intercept).canonical())
    again = read_model(json.dumps(model.document(), indent=3))
    assert again == model
    assert again.sha256 == model.sha256


def test_the_hash_sees_every_number_and_the_order() -> None:
    hashes = {
        MODEL.sha256,
        LogisticModel("other", MODEL.features, -1.0).sha256,
        LogisticModel("sample", MODEL.features, -1.0000000000000002).sha256,
        LogisticModel("sample", MODEL.features[::-1], -1.0).sha256,
    }
    assert len(hashes) == 4
    assert all(len(digest) == 64 for digest in hashes)
