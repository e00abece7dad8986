"""What a refund is of which the gateway tells by itself: every case, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from paykeel.errors import Refused
from paykeel.payments.states import CONCLUDED, Status
from paykeel.refunds.noticed import (
    WHAT_TO_DO,
    Beside,
    Book,
    NoticeStatus,
    Ours,
    RefundNotice,
    Wait,
    WaitsFor,
    check_concluded,
    judge,
)
from tests.unit.payments import AMOUNT, payment

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
OURS = UUID(int=7)
TOLD = 400
NOTHING = Beside(None, None, 0, 0)
SAME = Beside(OURS, TOLD, 0, 0)
NOTICE = RefundNotice(
    merchant_id=UUID(int=1), payment_id=UUID(int=2), gateway_id="re_1", amount=TOLD,
    currency="EUR", told_at=AT, status=NoticeStatus.OPEN, refund_id=None, waits_for=None,
    alarmed_at=None, tries=0, next_try_at=AT, dismissed_by=None, dismissed_because=None,
    dismissed_at=None,
)  # fmt: skip
NOW = replace(payment(Status.SUCCEEDED), amount_captured=AMOUNT)


@pytest.mark.parametrize(
    ("beside", "found"),
    [
        (NOTHING, Book()),
        (SAME, Ours(OURS)),
        (Beside(OURS, TOLD - 1, 0, 0), Wait(WaitsFor.PERSON)),
        (Beside(None, None, 1, 0), Wait(WaitsFor.ANSWER)),
        (Beside(None, None, 1, 1), Wait(WaitsFor.ANSWER)),
        (Beside(None, None, 0, 1), Wait(WaitsFor.PERSON)),
        # Its very id says more than what else is not known.
        (Beside(OURS, TOLD, 2, 2), Ours(OURS)),
        # Late money that was given back here is no refund of its own.
        (Beside(None, None, 1, 1, TOLD), Ours(None)),
        (Beside(None, None, 0, 0, TOLD - 1), Wait(WaitsFor.PERSON)),
    ],
    ids=str,
)
def test_what_it_may_be_decides(beside: Beside, found: object) -> None:
    assert judge(NOW, NOTICE, beside) == found


@pytest.mark.parametrize("status", sorted(Status))
def test_nothing_is_decided_before_the_payment_has_an_end(status: Status) -> None:
    now = replace(NOW, status=status)
    if status in CONCLUDED:
        assert judge(now, NOTICE, NOTHING) == Book()
        check_concluded(now)
        return
    for beside in (NOTHING, SAME):
        assert judge(now, NOTICE, beside, is_another=True) == Wait(WaitsFor.ANSWER)
    with pytest.raises(Refused) as caught:
        check_concluded(now)
    assert caught.value.code == "refund_notice_too_early"


def test_a_person_sets_aside_only_what_no_answer_will_tell() -> None:
    for beside, found in (
        (Beside(None, None, 0, 3), Book()),
        (Beside(None, None, 1, 3), Wait(WaitsFor.ANSWER)),
        (Beside(OURS, TOLD - 1, 0, 0), Wait(WaitsFor.PERSON)),
        (SAME, Ours(OURS)),
    ):
        assert judge(NOW, NOTICE, beside, is_another=True) == found


@pytest.mark.parametrize("told", [(TOLD, "USD"), (0, "EUR"), (-TOLD, "EUR"), (TOLD, "?")], ids=str)
def test_nonsense_is_never_booked_nor_taken_for_ours(told: tuple[int, str]) -> None:
    notice = replace(NOTICE, amount=told[0], currency=told[1])
    for beside, is_another in product((NOTHING, SAME, Beside(None, None, 0, 1)), (False, True)):
        assert judge(NOW, notice, beside, is_another=is_another) == Wait(WaitsFor.PERSON)


@pytest.mark.parametrize(
    ("refunded", "reserved", "fits"),
    [
        (AMOUNT - TOLD, 0, True),
        (0, AMOUNT - TOLD, True),
        (300, 300, True),
        (AMOUNT - TOLD + 1, 0, False),
        (0, AMOUNT - TOLD + 1, False),
        (300, 301, False),
    ],
)
def test_there_is_room_for_what_was_captured_and_no_more(
    refunded: int, reserved: int, *, fits: bool
) -> None:
    now = replace(NOW, amount_refunded=refunded, amount_refund_reserved=reserved)
    assert judge(now, NOTICE, NOTHING) == (Book() if fits else Wait(WaitsFor.ROOM))


def test_what_to_do_is_said_of_open_ones_alone() -> None:
    assert WHAT_TO_DO.keys() == set(WaitsFor)
    for waits_for in WaitsFor:
        waiting = replace(NOTICE, waits_for=waits_for)
        assert waiting.document()["what_to_do"] == WHAT_TO_DO[waits_for]
        over = replace(waiting, status=NoticeStatus.BOOKED, next_try_at=None)
        assert over.what_to_do is None
    assert NOTICE.what_to_do is None


def test_amounts_are_told_as_they_came() -> None:
    assert NOTICE.money == "4.00 EUR"
    assert replace(NOTICE, currency="?", amount=-7).money == "-7 ?"
