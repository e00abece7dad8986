"""What the outside is shown of a payment, and the answers made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.gateways.port import REASONS, DeclineReason
from paykeel.payments.answers import (
    cancel_answer,
    capture_answer,
    completion_answer,
    purchase_answer,
)
from paykeel.payments.encoding import encode, in_order, instant
from paykeel.payments.states import Status
from tests.unit.payments import AMOUNT, STEP, payment


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "succeeded"),
        ({"amount_refunded": 1}, "partially_refunded"),
        ({"amount_refunded": AMOUNT}, "refunded"),
        ({"amount_captured": 400, "amount_refunded": 400}, "refunded"),
        ({"amount_late": 1}, "late_money"),
        ({"status": Status.AUTHORIZED, "amount_captured": 0}, "authorized"),
        ({"status": Status.AUTHORIZED, "amount_captured": 400}, "partially_captured"),
        ({"status": Status.FAILED, "amount_captured": 0, "amount_late": AMOUNT}, "late_money"),
    ],
)
def test_the_status_for_people_is_read_off_the_amounts(
    changes: dict[str, object], shown: str
) -> None:
    changed = replace(payment(Status.SUCCEEDED), **changes)  # type: ignore[arg-type]
    assert changed.display_status == shown


@pytest.mark.parametrize("reason", DeclineReason)
def test_a_failure_says_who_can_mend_it(reason: DeclineReason) -> None:
    failed = payment(Status.FAILED, failure_reason=str(reason), failure_code="05")
    assert failed.document()["failure"] == {
        "reason": str(reason),
        "code": "05",
        "mender": str(REASONS[reason].mender),
        "retry_can_help": REASONS[reason].retry_can_help,
    }


def test_a_block_tells_nothing_more() -> None:
    blocked = payment(Status.BLOCKED, failure_code="rule 7: velocity")
    assert blocked.document()["failure"] == {
        "reason": "blocked",
        "code": None,
        "mender": None,
        "retry_can_help": False,
    }
    answer = purchase_answer(blocked)
    assert answer.status == 402
    assert b"rule" not in answer.body
    assert "reason" not in json.loads(answer.body)


def test_every_reason_is_in_the_table() -> None:
    assert set(REASONS) == set(DeclineReason)


def test_a_document_is_json_and_its_names_are_sorted_where_the_database_forgets_them() -> None:
    made = payment(
        Status.REQUIRES_ACTION, metadata={"b": "1", "a": "2"}, next_action=in_order(STEP)
    )
    document = json.loads(encode(made.document()))
    assert list(document["metadata"]) == ["a", "b"]
    assert list(document["next_action"]) == ["data", "kind", "url"]
    assert list(document["next_action"]["data"]) == ["a", "b"]
    assert document["id"] == str(made.payment_id)
    assert document["buyer"] == {"id": "agent-7", "role": "agent"}


@given(st.datetimes(), st.integers(-14, 14))
def test_an_instant_is_written_in_utc_with_microseconds(at: datetime, hours: int) -> None:
    if not 1 < at.year < 9999:
        return
    aware = at.replace(tzinfo=timezone(timedelta(hours=hours)))
    written = instant(aware)
    assert len(written) == len("2026-11-23T00:00:00.000000Z")
    assert datetime.fromisoformat(written) == aware


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (Status.SUCCEEDED, 201, None),
        (Status.AUTHORIZED, 201, None),
        (Status.PENDING, 202, None),
        (Status.PROCESSING, 202, None),
        (Status.REQUIRES_ACTION, 202, None),
        (Status.IN_REVIEW, 202, None),
        (Status.FAILED, 402, "payment_declined"),
        (Status.BLOCKED, 402, "payment_blocked"),
        (Status.CANCELED, 402, "payment_canceled"),
        (Status.EXPIRED, 402, "payment_expired"),
    ],
)
def test_a_purchase_is_answered_as_it_stands(status: Status, code: int, kind: str | None) -> None:
    made = payment(status)
    answer = purchase_answer(made)
    body = json.loads(answer.body)
    assert (answer.status, answer.replayed) == (code, False)
    if kind is None:
        assert answer.content_type == "application/json"
        assert body == made.document()
    else:
        assert answer.content_type == "application/problem+json"
        assert (body["code"], body["status"], body["payment"]) == (kind, 402, made.document())
        assert body["type"].endswith(kind)


def test_a_decline_says_what_can_be_done() -> None:
    body = json.loads(purchase_answer(payment(Status.FAILED)).body)
    assert body["reason"] == "card_declined"
    assert body["detail"] == (
        "Card declined; the issuer can mend it, and a new purchase may succeed."
    )


def test_operations_are_answered_by_how_they_ended() -> None:
    held = payment(Status.AUTHORIZED)
    assert capture_answer(held, over=True, refused=None).status == 200
    assert capture_answer(held, over=False, refused=None).status == 202
    refused = capture_answer(held, over=True, refused="processing_error")
    assert (refused.status, json.loads(refused.body)["code"]) == (402, "capture_declined")
    assert cancel_answer(held, over=True, refused=None).status == 200
    assert cancel_answer(held, over=False, refused=None).status == 202
    kept = cancel_answer(held, over=True, refused="processing_error")
    assert (kept.status, json.loads(kept.body)["code"]) == (409, "cancel_declined")
    assert completion_answer(payment(Status.SUCCEEDED)).status == 200
    assert completion_answer(payment(Status.REQUIRES_ACTION)).status == 202
    assert completion_answer(payment(Status.FAILED)).status == 402
