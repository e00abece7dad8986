"""What people decide about notices of refunds, and what the audit says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel
from paykeel.errors import InvalidField, NotFound, Refused
from paykeel.gateways.port import Succeeded
from paykeel.money import Money
from tests.database.helpers import again, audited, buy, topics_of
from tests.database.noticing import (
    BECAUSE,
    GIVEN,
    book,
    dark,
    dismiss,
    notices,
    tell,
)
from tests.database.refunding import (
    AMOUNT,
    OTHER_EYES,
    outside_notice,
    refund,
    refunds_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls


async def test_a_person_dismisses_with_a_reason_and_it_stays_dismissed(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    await tell(paykeel, payment, amount=AMOUNT + 1)
    done = await dismiss(paykeel, payment)
    assert (done.dismissed_by, done.dismissed_because) == (f"operator:{OTHER_EYES}", BECAUSE)
    now = await again(paykeel, payment)
    last = now.timeline[-1]
    assert (last.type, last.actor) == (
        "payment.refund_notice_dismissed", f"operator:{OTHER_EYES}",
    )  # fmt: skip
    assert last.data["because"] == BECAUSE
    assert (await topics_of(admin, payment))[-1] == "payment.refund_notice_dismissed"
    await tell(paykeel, payment, amount=AMOUNT + 1)
    assert (await again(paykeel, payment)).version == now.version
    for verb in (book, dismiss):
        with pytest.raises(Refused) as caught:
            await verb(paykeel, payment)
        assert caught.value.code == "refund_notice_decided"
    await audited(paykeel)


async def test_a_person_decides_only_about_what_was_told_to_their_merchant(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    await tell(paykeel, payment, amount=AMOUNT + 1)
    other = await paykeel.merchants.create("Another Market")
    service = refunds_of(paykeel)
    how: dict[str, Any] = {"operator": OTHER_EYES, "because": BECAUSE}
    for verb in (service.book_notice, service.dismiss_notice):
        for whose, name in ((other, "re_1"), (merchant, "re_2"), (merchant, "re\x00")):
            with pytest.raises(NotFound):
                await verb(payment.payment_id, name, merchant_id=whose.merchant_id, **how)
        for field in how:
            with pytest.raises(InvalidField):
                await verb(
                    payment.payment_id, "re_1", merchant_id=merchant.merchant_id,
                    **{**how, field: " "},
                )  # fmt: skip
    assert await service.notices(merchant_id=other.merchant_id) == []
    assert len(await notices(paykeel, payment, "open")) == 1


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"status": "lost"}, "choice_unknown"),
        ({"rows_max": 0}, "limit_out_of_range"),
        ({"rows_max": 1_001}, "limit_out_of_range"),
    ],
    ids=str,
)
async def test_a_list_that_makes_no_sense_is_refused(
    paykeel: Paykeel, merchant: Merchant, how: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await refunds_of(paykeel).notices(merchant_id=merchant.merchant_id, **how)
    assert caught.value.code == code


async def test_a_notice_without_a_name_is_about_nothing(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    for name in ("", "\x00"):
        with pytest.raises(NotFound, match="which refund"):
            await tell(paykeel, payment, name)
    huge = Succeeded(Money(10**30, "EUR"))
    await refunds_of(paykeel).take_notice(outside_notice(payment, outcome=huge))
    assert await notices(paykeel, payment) == [("re_1", "open", "room")]
    assert (await again(paykeel, payment)).refundable == 0


# ----------------------------------------------------------------------------------- the audit

#: A change that a superuser makes behind everybody's back.
PLANTED = {
    "an amount": "UPDATE refund_notices SET amount = 299 WHERE gateway_id = 're_there'",
    "a currency": "UPDATE refund_notices SET currency = 'USD' WHERE gateway_id = 're_there'",
    "a name": "UPDATE refund_notices SET gateway_id = 're_2' WHERE gateway_id = 're_there'",
    "whose it is": "UPDATE refund_notices SET status = 'ours' WHERE gateway_id = 're_there'",
    "that ours was made there": (
        "UPDATE refund_notices SET status = 'booked' WHERE gateway_id = 're_1'"
    ),
    "what it became": "UPDATE refund_notices SET refund_id = gen_random_uuid()",
    "that it was told": "DELETE FROM refund_notices WHERE gateway_id = 're_there'",
    "that it is booked": (
        "UPDATE refund_notices SET status = 'open', refund_id = NULL, next_try_at = now()"
        " WHERE gateway_id = 're_there'"
    ),
}


#: What is planted of one that a person dismissed.
DISMISSED = {
    "who": "UPDATE refund_notices SET dismissed_by = 'operator:Mallory'",
    "why": "UPDATE refund_notices SET dismissed_because = 'nothing'",
    "when": "UPDATE refund_notices SET dismissed_at = dismissed_at + interval '1 second'",
    "how much": "UPDATE refund_notices SET amount = 1",
    "of what": "UPDATE refund_notices SET currency = 'USD'",
    "that it was told": "DELETE FROM refund_notices",
    "that it was dismissed": (
        "UPDATE refund_notices SET status = 'open', next_try_at = now(), dismissed_by = NULL,"
        " dismissed_because = NULL, dismissed_at = NULL"
    ),
    "that nobody said so": (
        "INSERT INTO refund_notices (merchant_id, payment_id, gateway_id, amount, currency,"
        " told_at, status, dismissed_by, dismissed_because, dismissed_at)"
        " SELECT merchant_id, payment_id, 're_2', 5, 'EUR', now(), 'dismissed', 'operator:Mallory',"
        " 'nothing', now() FROM payments"
    ),
}


@pytest.mark.parametrize("what", DISMISSED)
async def test_the_audit_compares_what_was_dismissed_with_its_event(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, what: str
) -> None:
    payment = await buy(paykeel, merchant)
    await tell(paykeel, payment, amount=AMOUNT + 1)
    await dismiss(paykeel, payment)
    await audited(paykeel)
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(DISMISSED[what])
    (found,) = (await paykeel.auditor.audit()).differences
    assert (found.kind, found.payment_id) == ("refund_notices", payment.payment_id)


@pytest.mark.parametrize("what", PLANTED)
async def test_the_audit_names_what_became_of_a_notice_and_cannot_be(
    urls: Urls, admin: asyncpg.Connection, what: str
) -> None:
    async with dark(urls, GIVEN) as (paykeel, payment, _):
        await refund(paykeel, payment)
        await tell(paykeel, payment)
        await tell(paykeel, payment, "re_there", 300)
        await audited(paykeel)
        await admin.execute("SET session_replication_role = replica")
        await admin.execute(PLANTED[what])
        report = await paykeel.auditor.audit()
        assert {one.kind for one in report.differences} == {"refund_notices"}
        assert {one.payment_id for one in report.differences} == {payment.payment_id}


async def test_the_audit_lists_what_is_open(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    await tell(paykeel, payment, amount=AMOUNT + 1)
    report = await paykeel.auditor.audit()
    assert report.differences == ()
    (found,) = report.open_items
    assert (found.kind, found.payment_id) == ("open_notices", payment.payment_id)
    assert "1251 minor units of EUR as re_1, which is not booked (waits for: room)" in found.detail
    await dismiss(paykeel, payment)
    assert (await paykeel.auditor.audit()).open_items == ()
