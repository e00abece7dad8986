"""What needs terms waits for them, its key free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from paykeel.errors import TermsNotAccepted
from tests.database.helpers import again, ask, audited, buy

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant


async def test_terms_come_first_and_the_key_stays_free(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    before = await ask(paykeel, merchant, "before")
    await paykeel.terms.require(merchant.merchant_id, "2026-11")
    with pytest.raises(TermsNotAccepted) as caught:
        await buy(paykeel, merchant)
    assert caught.value.data["buyer_id"] == "agent-7"
    for table in ("payments", "payment_idempotency", "fraud_prevention_logs"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 1, table  # noqa: S608
    # Another's acceptance, or that of another version, does not do.
    assert await paykeel.terms.accept(merchant.merchant_id, "agent-8", "2026-11")
    assert await paykeel.terms.accept(merchant.merchant_id, "agent-7", "2026-10")
    with pytest.raises(TermsNotAccepted):
        await buy(paykeel, merchant)
    assert await paykeel.terms.accept(merchant.merchant_id, "agent-7", "2026-11")
    assert not await paykeel.terms.accept(merchant.merchant_id, "agent-7", "2026-11")
    answer = await ask(paykeel, merchant)
    assert answer.status == 201
    # A finished purchase is answered as it was, whatever the terms are now.
    await paykeel.terms.require(merchant.merchant_id, "2027-01")
    assert await ask(paykeel, merchant) == replace(answer, replayed=True)
    assert await ask(paykeel, merchant, "before") == replace(before, replayed=True)
    with pytest.raises(TermsNotAccepted):
        await ask(paykeel, merchant, "new")
    await paykeel.terms.require(merchant.merchant_id, None)
    assert (await ask(paykeel, merchant, "new")).status == 201
    await audited(paykeel)


async def test_terms_are_one_merchants(paykeel: Paykeel, merchant: Merchant) -> None:
    other = await paykeel.merchants.create("Mill Market")
    await paykeel.terms.require(merchant.merchant_id, "2026-11")
    await paykeel.terms.accept(other.merchant_id, "agent-7", "2026-11")
    assert (await buy(paykeel, other)).status == "succeeded"
    with pytest.raises(TermsNotAccepted):
        await buy(paykeel, merchant)


async def test_a_batch_mixes_who_accepted_and_who_did_not(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await paykeel.terms.require(merchant.merchant_id, "2026-11")
    for number in range(0, 20, 2):
        await paykeel.terms.accept(merchant.merchant_id, f"agent-{number}", "2026-11")
    for number in range(20):
        key, buyer = f"order-{number}", f"agent-{number}"
        if number % 2:
            with pytest.raises(TermsNotAccepted):
                await buy(paykeel, merchant, key, buyer_id=buyer)
        else:
            payment = await buy(paykeel, merchant, key, buyer_id=buyer)
            assert await again(paykeel, payment) == payment
