"""What a purchase may be: each limit at, below and above, each refusal with its code."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.cardnumbers import holds_card_number
from paykeel.errors import CardNumberRefused, InvalidField
from paykeel.money import AMOUNT_MAX, Money, tender_currencies
from paykeel.payments.encoding import encode
from paykeel.payments.model import PurchaseRequest
from tests.conftest import order

VISA = "4242 4242 4242 4242"
DOCUMENT: dict[str, Any] = {
    "amount": 1_250,
    "currency": "EUR",
    "buyer": {"id": "agent-7", "role": "agent"},
    "payment_method": "pm_ok",
}
#: The most characters of each text.
LIMITS = {"buyer_id": 128, "payment_method": 255, "reference": 128, "description": 500}
#: As the request's JSON names them.
NAMES = {"buyer_id": "buyer.id", "buyer_role": "buyer.role"}


def refusal(**changes: object) -> tuple[str, str]:
    """Return the field and the code with which a purchase is refused."""
    with pytest.raises(InvalidField) as caught:
        order(**changes)
    return caught.value.field, caught.value.code


@pytest.mark.parametrize(("name", "most"), LIMITS.items())
def test_a_text_may_be_as_long_as_its_limit_and_no_longer(name: str, most: int) -> None:
    shown = NAMES.get(name, name)
    for length in (1, most - 1, most):
        assert getattr(order(**{name: "x" * length}), name) == "x" * length
    assert refusal(**{name: "x" * (most + 1)}) == (shown, "text_too_long")
    assert refusal(**{name: ""}) == (shown, "text_empty")
    assert refusal(**{name: " \t\n"}) == (shown, "text_empty")
    for wrong in (17, True, 1.5, ["x"], {"x": "y"}, b"x"):
        assert refusal(**{name: wrong}) == (shown, "text_required")
    assert refusal(**{name: "a\x00b"}) == (shown, "text_not_storable")
    assert refusal(**{name: "a\ud800b"}) == (shown, "text_not_storable")
    assert refusal(**{name: VISA.replace(" ", "-")}) == (shown, "card_number_refused")


@pytest.mark.parametrize("name", ["buyer_id", "reference", "description"])
def test_characters_are_counted_and_not_bytes(name: str) -> None:
    flowers = "\U0001f33b" * LIMITS[name]
    assert getattr(order(**{name: flowers}), name) == flowers
    assert refusal(**{name: "\U0001f33b" * (LIMITS[name] + 1)})[1] == "text_too_long"


@pytest.mark.parametrize("token", ["pm ok", "pm_ok\n", "pm_\u00e9", "\u0661", "pm\tok", "pm_ok "])
def test_a_token_is_visible_ascii(token: str) -> None:
    assert refusal(payment_method=token) == ("payment_method", "token_malformed")


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (True, "amount_boolean"),
        (12.5, "amount_float"),
        ("1250", "amount_not_integer"),
        (0, "amount_zero"),
        (-1, "amount_negative"),
        (AMOUNT_MAX + 1, "amount_too_large"),
        (4_242_424_242_424_242, "amount_too_large"),
    ],
)
def test_a_wrong_amount_is_refused(amount: object, code: str) -> None:
    assert refusal(amount=amount) == ("amount", code)


def test_amounts_at_the_limits_pass() -> None:
    assert order(amount=1).money == Money(1, "EUR")
    assert order(amount=AMOUNT_MAX).amount == AMOUNT_MAX


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"currency": "eur"}, "currency", "currency_unknown"),
        ({"currency": "XAU"}, "currency", "currency_not_tender"),
        ({"currency": "XXX"}, "currency", "currency_not_tender"),
        ({"currency": VISA}, "currency", "currency_unknown"),
        ({"buyer_role": "admin"}, "buyer.role", "choice_unknown"),
        ({"buyer_role": "AGENT"}, "buyer.role", "choice_unknown"),
        ({"buyer_role": None}, "buyer.role", "choice_unknown"),
        ({"buyer_role": ["agent"]}, "buyer.role", "choice_unknown"),
        ({"capture_method": "later"}, "capture_method", "choice_unknown"),
        ({"capture_method": None}, "capture_method", "choice_unknown"),
        ({"metadata": None}, "metadata", "metadata_not_object"),
        ({"metadata": ["a"]}, "metadata", "metadata_not_object"),
        ({"metadata": "a=b"}, "metadata", "metadata_not_object"),
        ({"metadata": {"": "x"}}, "metadata", "metadata_key_too_long"),
        ({"metadata": {"k" * 41: "x"}}, "metadata", "metadata_key_too_long"),
        ({"metadata": {7: "x"}}, "metadata", "metadata_key_too_long"),
        ({"metadata": {"k": 7}}, "metadata.k", "text_required"),
        ({"metadata": {"k": None}}, "metadata.k", "text_required"),
        ({"metadata": {"k": {"deep": "er"}}}, "metadata.k", "text_required"),
        ({"metadata": {"k": "v" * 501}}, "metadata.k", "text_too_long"),
        ({"metadata": {"k": "a\x00b"}}, "metadata.k", "text_not_storable"),
        ({"metadata": {"a\x00b": "v"}}, "metadata", "text_not_storable"),
        ({"metadata": {"k": VISA}}, "metadata.k", "card_number_refused"),
        ({"metadata": {VISA: "v"}}, "metadata", "card_number_refused"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata", "metadata_too_many"),
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any], field: str, code: str) -> None:
    assert refusal(**changes) == (field, code)


def test_metadata_up_to_its_limits_pass() -> None:
    metadata = {f"{number:040}": "v" * 500 for number in range(49)} | {"k": ""}
    assert order(metadata=metadata).metadata == metadata


def test_a_refusal_never_repeats_a_card_number() -> None:
    for name in ("buyer_id", "reference", "description", "payment_method"):
        with pytest.raises(CardNumberRefused) as caught:
            order(**{name: VISA.replace(" ", "-")})
        assert "4242" not in f"{caught.value} {caught.value.data}"


def test_a_request_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        order().amount = 2  # type: ignore[misc]


@pytest.mark.parametrize("name", DOCUMENT)
@pytest.mark.parametrize("value", ["missing", None])
def test_a_document_says_all_that_is_needed(name: str, value: str | None) -> None:
    document = {**DOCUMENT, name: None}
    if value == "missing":
        del document[name]
    with pytest.raises(InvalidField) as caught:
        PurchaseRequest.from_document(document)
    assert (caught.value.field, caught.value.code) == (name, "field_required")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"ammount": 1}, "ammount", "field_unknown"),
        ({"Amount": 1}, "Amount", "field_unknown"),
        ({"idempotency_key": "k"}, "idempotency_key", "field_unknown"),
        ({"x" * 65: 1}, "…", "field_unknown"),
        ({"new\nline": 1}, "…", "field_unknown"),
        ({VISA: 1}, "request", "card_number_refused"),
        ({"buyer": "agent-7"}, "buyer", "object_required"),
        ({"buyer": ["agent-7"]}, "buyer", "object_required"),
        ({"buyer": {"id": "a"}}, "buyer.role", "field_required"),
        ({"buyer": {"role": "agent"}}, "buyer.id", "field_required"),
        ({"buyer": {"id": "a", "role": "agent", "name": "b"}}, "buyer.name", "field_unknown"),
        ({"buyer": {"id": "a", "role": "boss"}}, "buyer.role", "choice_unknown"),
        ({"buyer": {"id": 7, "role": "agent"}}, "buyer.id", "text_required"),
        ({"amount": 12.5}, "amount", "amount_float"),
        ({"metadata": []}, "metadata", "metadata_not_object"),
    ],
)
def test_a_wrong_document_is_refused(changes: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        PurchaseRequest.from_document({**DOCUMENT, **changes})
    assert (caught.value.field, caught.value.code) == (field, code)


def test_what_is_left_out_has_a_default() -> None:
    request = PurchaseRequest.from_document(DOCUMENT)
    spelled = {
        **DOCUMENT,
        "reference": None,
        "description": None,
        "metadata": None,
        "capture_method": None,
    }
    assert request == PurchaseRequest.from_document(spelled)
    assert request.document() == {
        **spelled,
        "metadata": {},
        "capture_method": "automatic",
    }


def texts(most: int) -> st.SearchStrategy[str]:
    storable = st.characters(codec="utf-8", exclude_characters="\x00")
    return st.text(storable, min_size=1, max_size=most).filter(
        lambda text: bool(text.strip()) and not holds_card_number(text)
    )


REQUESTS = st.builds(
    PurchaseRequest,
    amount=st.integers(1, AMOUNT_MAX),
    currency=st.sampled_from(sorted(tender_currencies())),
    buyer_id=texts(128),
    buyer_role=st.sampled_from(["agent", "operator"]),
    payment_method=st.from_regex(r"pm_[a-z_]{1,50}", fullmatch=True),
    reference=st.none() | texts(40),
    description=st.none() | texts(100),
    metadata=st.dictionaries(texts(10), texts(30), max_size=3),
    capture_method=st.sampled_from(["automatic", "manual"]),
)


@given(REQUESTS)
def test_a_request_survives_its_document(request: PurchaseRequest) -> None:
    written = encode(request.document())
    read = PurchaseRequest.from_document(json.loads(written))
    assert read == request
    assert read.document() == request.document()
    assert encode(read.document()) == written


@given(REQUESTS, REQUESTS)
def test_different_requests_have_different_documents(
    first: PurchaseRequest, second: PurchaseRequest
) -> None:
    assert (first == second) is (first.document() == second.document())


def test_the_way_of_paying_is_told_only_where_it_is_given() -> None:
    assert "payment_method_type" not in order().document()
    told = PurchaseRequest.from_document({**DOCUMENT, "payment_method_type": "card"})
    assert told.document()["payment_method_type"] == "card"
    for wrong in ("", "Card", "1st", "x" * 41, 17):
        assert refusal(payment_method_type=wrong)[0] == "payment_method_type"
