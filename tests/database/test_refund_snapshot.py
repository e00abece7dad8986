"""A purchase is made under the refund policy that holds at its instant, and keeps it for good."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.errors import IdempotencyKeyReused, Misconfigured
from tests.database.helpers import again, ask, audited, body, buy, opened
from tests.database.refund_policies import policy, publish_policy
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

SLIP: dict[str, Any] = {"author": "Ben", "because": "A slip."}


def held(payment: Payment) -> str | None:
    """Return the policy that a payment was made under."""
    if payment.refund_policy_sha256 is None:
        assert (payment.refund_policy_key, payment.refund_policy_version) == (None, None)
        return None
    return f"{payment.refund_policy_key} {payment.refund_policy_version}"


async def test_without_a_policy_there_is_none(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    assert held(payment) is None
    assert "refund_policy" not in payment.document()
    assert await paykeel.refund_policies.snapshot(payment) is None


async def test_a_purchase_carries_what_held_and_a_later_version_changes_nothing(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    first = await publish_policy(paykeel, merchant)
    answer = await ask(paykeel, merchant)
    told = body(answer)["refund_policy"]
    assert told == {"key": "flexible", "version": 1, "sha256": first.sha256.hex()}
    payment = await buy(paykeel, merchant)
    assert held(payment) == held(await again(paykeel, payment)) == "flexible 1"
    await publish_policy(paykeel, merchant, hours=48)
    # A repetition is answered as it was; the next purchase is under the next version.
    assert body(await ask(paykeel, merchant))["refund_policy"] == told
    assert held(await buy(paykeel, merchant, "next")) == "flexible 2"
    assert held(await again(paykeel, payment)) == "flexible 1"
    said = await paykeel.refund_policies.snapshot(payment)
    assert said is not None
    assert said.document()["tiers"][0]["when"] == {"before_service": {"from": "1d"}}
    # Withdrawn or not, it is what this payment was made under.
    await paykeel.refund_policies.withdraw("flexible", 1, merchant_id=merchant.merchant_id, **SLIP)
    assert await paykeel.refund_policies.snapshot(payment) == said
    await audited(paykeel)


async def test_another_process_carries_a_publication_at_once_and_to_the_instant(
    urls: Urls,
) -> None:
    """Both processes have read the policies before; no restart, and nothing has to run out."""
    async with opened(urls) as here, opened(urls) as there:
        merchant = await here.merchants.create("Harbour Market")
        assert held(await buy(there, merchant, "before")) is None
        await publish_policy(here, merchant)
        assert held(await buy(there, merchant, "at-once")) == "flexible 1"
        begins = here.database.now() + timedelta(seconds=1.5)
        await publish_policy(here, merchant, hours=48, effective_from=begins)
        assert held(await buy(there, merchant, "still")) == "flexible 1"
        await asyncio.sleep((begins - there.database.now()).total_seconds() + 0.05)
        assert held(await buy(there, merchant, "now")) == "flexible 2"
        await here.refund_policies.withdraw("flexible", 2, merchant_id=merchant.merchant_id, **SLIP)
        assert held(await buy(there, merchant, "back")) == "flexible 1"


async def test_terms_and_policies_are_of_one_revision(urls: Urls) -> None:
    """Whichever of the two a process has read anew, the older one is read again with it."""
    async with opened(urls) as here, opened(urls) as there:
        merchant = await here.merchants.create("Harbour Market")
        await require_terms(here, merchant)
        await accept_terms(here, merchant, "agent-7")
        await publish_policy(here, merchant)
        assert held(await buy(there, merchant, "first")) == "flexible 1"
        for number in range(2, 6):
            known = await there.terms.known(merchant.merchant_id)
            if number % 2:
                await publish_policy(here, merchant, hours=number)
                there.terms.forget(merchant.merchant_id, known.revision)
                await there.terms.known(merchant.merchant_id)
            else:
                await require_terms(here, merchant, version=f"{number}.0.0", change="minor",
                                    requires_reacceptance=False)  # fmt: skip
                there.refund_policies.forget(merchant.merchant_id, known.revision)
                await there.refund_policies.known(merchant.merchant_id)
            version = (number + 1) // 2
            assert held(await buy(there, merchant, f"{number}")) == f"flexible {version}"


async def test_purchases_while_policies_change_carry_one_that_held_meanwhile(urls: Urls) -> None:
    async with opened(urls) as here, opened(urls) as there:
        merchant = await here.merchants.create("Harbour Market")
        await publish_policy(here, merchant)

        async def shop(lane: int) -> list[tuple[int, int]]:
            """Return the versions that had been published before and after each purchase."""
            seen = []
            for number in range(12):
                before = (await here.refund_policies.get("flexible",
                          merchant_id=merchant.merchant_id)).version.policy_version  # fmt: skip
                payment = await buy(there, merchant, f"{lane}-{number}")
                assert payment.refund_policy_version is not None
                seen.append((before, payment.refund_policy_version))
            return seen

        async def change() -> None:
            for hours in range(1, 9):
                await publish_policy(here, merchant, hours=hours)
                await asyncio.sleep(0.1)

        changing = asyncio.create_task(change())
        bought = await asyncio.gather(*(shop(lane) for lane in range(4)))
        await changing
        assert all(before <= carried for seen in bought for before, carried in seen)


async def test_the_most_specific_policy_is_carried(paykeel: Paykeel, merchant: Merchant) -> None:
    scopes: dict[str, dict[str, str]] = {
        "general": {},
        "agents": {"buyer_role": "agent", "channel": "web"},
        "germany": {"jurisdiction": "DE"},
        "bavaria": {"jurisdiction": "DE-BY", "channel": "kiosk"},
        "cards": {"jurisdiction": "DE-BY", "channel": "kiosk", "payment_method": "card"},
        "deposits": {"product": "deposit", "buyer_role": "operator", "jurisdiction": "FR"},
    }
    for key, scope in scopes.items():
        await publish_policy(paykeel, merchant, key=key, scope=scope)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("general 1", {}),
        ("general 1", {"payment_method_type": "card"}),
        ("general 1", {"channel": "web", "buyer_role": "operator"}),
        ("agents 1", {"channel": "web"}),
        ("germany 1", {"jurisdiction": "DE"}),
        ("germany 1", {"jurisdiction": "DE-HH"}),
        ("germany 1", {"jurisdiction": "DE-BY"}),
        ("bavaria 1", {"jurisdiction": "DE-BY", "channel": "kiosk"}),
        ("cards 1", {"jurisdiction": "DE-BY", "channel": "kiosk", "payment_method_type": "card"}),
        ("bavaria 1", {"jurisdiction": "DE-BY", "channel": "kiosk", "payment_method_type": "sepa"}),
        ("deposits 1", {"kind": "deposit", "jurisdiction": "FR", "buyer_role": "operator"}),
    ]
    for number, (name, place) in enumerate(cases):
        assert held(await buy(paykeel, merchant, f"order-{number}", **place)) == name, place


async def test_the_way_of_paying_belongs_to_the_request(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    first = await ask(paykeel, merchant, payment_method_type="card")
    assert (await ask(paykeel, merchant, payment_method_type="card")).body == first.body
    with pytest.raises(IdempotencyKeyReused):
        await ask(paykeel, merchant, payment_method_type="sepa")
    with pytest.raises(IdempotencyKeyReused):
        await ask(paykeel, merchant)


async def test_of_a_batch_each_carries_its_own(paykeel: Paykeel, merchant: Merchant) -> None:
    await publish_policy(paykeel, merchant, key="german", scope={"jurisdiction": "DE"})
    await publish_policy(paykeel, merchant, key="french", scope={"jurisdiction": "FR"})
    places = ["DE", "FR", "IT"] * 8
    payments = await asyncio.gather(
        *(
            buy(paykeel, merchant, f"order-{number}", jurisdiction=place)
            for number, place in enumerate(places)
        )
    )
    names = {"DE": "german 1", "FR": "french 1", "IT": None}
    assert [held(payment) for payment in payments] == [names[place] for place in places]
    await audited(paykeel)


async def test_the_snapshot_changes_for_nobody(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await publish_policy(paykeel, merchant)
    payment = await buy(paykeel, merchant)
    changes = (
        "refund_policy_version = 2",
        "refund_policy_sha256 = sha256('another')",
        "refund_policy_key = 'firm'",
        "refund_policy_key = NULL, refund_policy_version = NULL, refund_policy_sha256 = NULL",
    )
    for change in changes:
        with pytest.raises(asyncpg.RestrictViolationError):
            await admin.execute(f"UPDATE payments SET {change}")  # noqa: S608
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with paykeel.database.connection() as connection:
                await connection.execute(f"UPDATE payments SET {change}")  # noqa: S608
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(
            "INSERT INTO payments SELECT (jsonb_populate_record(p, jsonb_build_object("
            "'payment_id', gen_random_uuid(), 'idempotency_key', 'half',"
            "'refund_policy_key', NULL))).* FROM payments p"
        )
    assert held(await again(paykeel, payment)) == "flexible 1"


async def test_a_snapshot_that_is_not_what_held_is_never_replaced_by_another(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await publish_policy(paykeel, merchant)
    payment = await buy(paykeel, merchant)
    await publish_policy(paykeel, merchant, hours=48)
    other = policy(hours=72)
    assert other != policy()
    for change in (
        """UPDATE refund_policies SET document = jsonb_set(document, '{title}', '"Kinder"')
        WHERE policy_version = 1""",
        # One whole version in the place of another has a hash that fits, and not the payment's.
        """UPDATE refund_policies o SET document = n.document, sha256 = n.sha256
        FROM refund_policies n WHERE o.policy_version = 1 AND n.policy_version = 2""",
        "DELETE FROM refund_policies WHERE policy_version = 1",
    ):
        await admin.execute(change)
        with pytest.raises(Misconfigured) as caught:
            await paykeel.refund_policies.snapshot(payment)
        assert caught.value.code == "refund_policy_changed"


async def test_a_blocked_purchase_says_what_held_as_well(urls: Urls) -> None:
    blocked = {"fraud_default_ruleset": "default"}
    async with opened(urls, changes=blocked) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        await publish_policy(paykeel, merchant)
        answers = [await ask(paykeel, merchant, f"order-{n}") for n in range(40)]
        statuses = {body(answer)["status"] for answer in answers}
        assert statuses - {"succeeded"}, "nothing was held or blocked"
        assert {body(answer)["refund_policy"]["version"] for answer in answers} == {1}
        listed = await paykeel.payments.list(merchant_id=merchant.merchant_id)
        assert {held(payment) for payment in listed.payments} == {"flexible 1"}
