"""A model is read strictly: whatever is not exactly one is refused, with a place and a code."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField
from paykeel.fraud.model import (
    DOCUMENT_BYTES_MAX,
    FEATURES_MAX,
    FORMAT,
    LogisticModel,
    model_of,
    read_model,
)

FEATURE = {
    "name": "payment.amount_ref",
    "kind": "int",
    "default": None,
    "mean": 5000,
    "scale": 4000.5,
    "weight": 2,
}
DOCUMENT = {"format": FORMAT, "name": "sample-1", "intercept": -3, "features": [FEATURE]}


def refused(text: str | bytes) -> tuple[str, str]:
    with pytest.raises(InvalidField) as caught:
        read_model(text)
    return caught.value.field, caught.value.code


def with_feature(**changes: Any) -> str:
    return json.dumps({**DOCUMENT, "features": [{**FEATURE, **changes}]})


def test_a_right_one_is_read() -> None:
    model = read_model(json.dumps(DOCUMENT))
    assert (model.name, model.intercept, len(model.features)) == ("sample-1", -3.0, 1)
    assert read_model(json.dumps(DOCUMENT).encode()) == model


def test_equal_numbers_have_one_hash() -> None:
    written = json.dumps({**DOCUMENT, "intercept": -3.0})
    assert read_model(written).sha256 == read_model(json.dumps(DOCUMENT)).sha256
    zeros = [read_model(with_feature(mean=zero)).sha256 for zero in (0, 0.0, -0.0)]
    assert len(set(zeros)) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": "pickle"}, ("format", "model_format_unknown")),
        ({"format": None}, ("format", "model_format_unknown")),
        ({"name": "Sample"}, ("name", "model_name_malformed")),
        ({"name": "a\n"}, ("name", "model_name_malformed")),
        ({"name": "a" * 41}, ("name", "model_name_malformed")),
        ({"name": 1}, ("name", "model_name_malformed")),
        ({"intercept": "1"}, ("intercept", "model_number_required")),
        ({"intercept": True}, ("intercept", "model_number_required")),
        ({"intercept": 1e7}, ("intercept", "model_number_out_of_range")),
        ({"features": []}, ("features", "model_features_out_of_range")),
        ({"features": {}}, ("features", "model_features_out_of_range")),
        ({"features": [FEATURE] * (FEATURES_MAX + 1)}, ("features", "model_features_out_of_range")),
        ({"features": [FEATURE, FEATURE]}, ("features[1].name", "model_feature_repeated")),
        ({"features": [FEATURE, 7]}, ("features[1]", "object_required")),
        ({"extra": 1}, ("model", "field_unknown")),
    ],
)
def test_a_wrong_model_is_refused(change: dict[str, Any], fault: tuple[str, str]) -> None:
    assert refused(json.dumps({**DOCUMENT, **change})) == fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": "payment."}, ("features[0].name", "model_feature_malformed")),
        ({"name": "a" * 101}, ("features[0].name", "model_feature_malformed")),
        ({"name": None}, ("features[0].name", "model_feature_malformed")),
        ({"kind": "text"}, ("features[0].kind", "model_kind_unknown")),
        ({"kind": ["int"]}, ("features[0].kind", "model_kind_unknown")),
        ({"default": "0"}, ("features[0].default", "model_number_required")),
        ({"default": False}, ("features[0].default", "model_number_required")),
        ({"mean": None}, ("features[0].mean", "model_number_required")),
        ({"mean": 10**400}, ("features[0].mean", "model_number_out_of_range")),
        ({"scale": 0}, ("features[0].scale", "model_number_out_of_range")),
        ({"scale": -1}, ("features[0].scale", "model_number_out_of_range")),
        ({"weight": float("nan")}, ("features[0].weight", "model_number_out_of_range")),
        ({"weight": float("inf")}, ("features[0].weight", "model_number_out_of_range")),
        ({"mean_": 1}, ("features[0]", "field_unknown")),
    ],
)
def test_a_wrong_feature_is_refused(change: dict[str, Any], fault: tuple[str, str]) -> None:
    assert refused(with_feature(**change)) == fault


@pytest.mark.parametrize("name", list(DOCUMENT))
def test_nothing_may_be_left_out(name: str) -> None:
    short = {key: value for key, value in DOCUMENT.items() if key != name}
    assert refused(json.dumps(short)) == (name, "field_required")


@pytest.mark.parametrize("name", list(FEATURE))
def test_no_field_of_a_feature_may_be_left_out(name: str) -> None:
    short = {key: value for key, value in FEATURE.items() if key != name}
    fault = (f"features[0].{name}", "field_required")
    assert refused(json.dumps({**DOCUMENT, "features": [short]})) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        b"\xff",
        "\ud800",
        "[" * 100_000,
        "1" * 5_000,
        pickle.dumps(DOCUMENT),
        json.dumps(DOCUMENT) + "x",
        json.dumps(DOCUMENT).encode("utf-16"),
    ],
)
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    assert refused(text) == ("model", "model_not_json")


def test_a_field_named_twice_is_refused() -> None:
    text = json.dumps(DOCUMENT).replace('"mean": 5000', '"mean": 5000, "mean": 1')
    assert refused(text) == ("model", "model_field_repeated")


def test_a_large_file_is_refused_unread() -> None:
    assert refused(" " * (DOCUMENT_BYTES_MAX + 1)) == ("model", "model_too_large")


@pytest.mark.parametrize("value", [None, 1, "a", [DOCUMENT]])
def test_only_an_object_is_a_model(value: object) -> None:
    assert refused(json.dumps(value)) == ("model", "object_required")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*DOCUMENT, *FEATURE]), inner, max_size=7)
    ),
    max_leaves=12,
)


@given(_JSON)
def test_any_other_value_is_refused_and_never_breaks_the_reader(value: object) -> None:
    try:
        model = model_of(value)
    except InvalidField:
        return
    assert isinstance(model, LogisticModel)
    assert model.sha256


@given(st.sampled_from(list(FEATURE)), _JSON)
def test_a_changed_field_is_read_or_refused(name: str, value: object) -> None:
    try:
        model = model_of({**DOCUMENT, "features": [{**FEATURE, name: value}]})
    except InvalidField:
        return
    assert read_model(model.canonical()) == model
