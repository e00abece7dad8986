"""What somebody asks to be given back is checked before anything is looked up."""

from __future__ import annotations

from typing import Any

import pytest

from paykeel.errors import InvalidField
from paykeel.refunds.model import RefundRequest

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"amount": 0}, "amount_zero"),
    ({"amount": -1}, "amount_negative"),
    ({"amount": True}, "amount_boolean"),
    ({"amount": 1.5}, "amount_float"),
    ({"amount": "1"}, "amount_not_integer"),
    ({"amount": 10**13}, "amount_too_large"),
    ({"reason": "because"}, "choice_unknown"),
    ({"expected_refunded_amount": -1}, "amount_malformed"),
    ({"expected_refunded_amount": True}, "amount_malformed"),
    ({"requested_by": ""}, "text_empty"),
    ({"override_reason": ""}, "text_empty"),
    ({"override_reason": "x" * 501}, "text_too_long"),
]


@pytest.mark.parametrize(("how", "code"), WRONG, ids=lambda one: str(one)[:40])
def test_a_malformed_request_is_no_request(how: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        RefundRequest(**{"requested_by": "Ada Lindqvist", **how})
    assert caught.value.code == code
