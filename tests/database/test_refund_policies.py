"""Refund policies are published for good, in one order, and never two for the same purchase."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from paykeel.errors import (
    InvalidField,
    Misconfigured,
    NotFound,
    PaykeelError,
    RefundPolicyRefused,
    Refused,
)
from paykeel.refunds.parsing import policy_of
from paykeel.refunds.policies import VERSIONS_MAX
from paykeel.refunds.policy import PolicyScope, policy_sha256
from tests.database.refund_policies import AUTHOR, policy, publish_policy
from tests.database.terms import require_terms

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant

LATER = timedelta(days=30)


def of(merchant: Merchant) -> dict[str, Any]:
    """Return whose policies are asked for."""
    return {"merchant_id": merchant.merchant_id}


async def refused(
    paykeel: Paykeel, merchant: Merchant, kind: type[PaykeelError] = Refused, **changes: Any
) -> str:
    """Return with which code a publication is refused."""
    with pytest.raises(kind) as caught:
        await publish_policy(paykeel, merchant, **changes)
    return caught.value.code


async def test_a_version_is_published_once_and_found_by_number_and_hash(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    service, whose = paykeel.refund_policies, of(merchant)
    before = paykeel.database.now()
    first = await publish_policy(paykeel, merchant)
    again = await service.publish(policy(), **whose, author="Ben")
    second = await publish_policy(paykeel, merchant, hours=48)
    back = await publish_policy(paykeel, merchant)

    assert (first.policy_key, first.policy_version, first.author) == ("flexible", 1, AUTHOR)
    assert first.effective_from >= before
    assert (again.version, again.is_new) == (first, False)
    assert (second.policy_version, back.policy_version) == (2, 3)
    said = policy_of(policy())
    assert first.sha256 == policy_sha256(said.document()) == back.sha256
    assert (await service.get("flexible", 1, **whose)).policy == said
    assert (await service.get("flexible", **whose)).version == back
    assert (await service.by_hash(first.sha256, **whose)).version == first
    assert await service.list(**whose) == [back, second, first]
    assert await service.list(**whose, after=("flexible", 2), rows_max=5) == [first]
    assert await service.list(**whose, key="firm") == []


async def test_a_plan_says_what_publishing_would_do_and_does_nothing(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    service, whose = paykeel.refund_policies, of(merchant)
    new = await service.plan(policy(), **whose)
    assert (new.change, new.version_from, new.version_to) == ("new", None, 1)
    assert "+key: flexible" in new.difference
    assert (new.sentences_before, len(new.sentences_after)) == ((), 3)
    assert await service.list(**whose) == []

    first = await publish_policy(paykeel, merchant)
    same = await service.plan(policy(), **whose)
    assert (same.change, same.version_to, same.difference) == ("unchanged", 1, ())
    changed = await service.plan(policy(hours=48), **whose, locale="de")
    assert (changed.change, changed.version_from, changed.version_to) == ("changed", 1, 2)
    assert [line for line in changed.difference if re.match(r"[-+]  ", line)] == [
        "-      from: 1d", "+      from: 2d", "-      to: 1d", "+      to: 2d",
    ]  # fmt: skip
    assert changed.sentences_before != changed.sentences_after
    assert "Leistung" in " ".join(changed.sentences_after)
    rival = await service.plan(policy("firm"), **whose)
    assert (rival.change, rival.ties, rival.is_publishable) == ("new", (first,), False)
    assert rival.document()["ties"][0]["key"] == "flexible"

    wrong = await service.plan({"key": "No!", "title": ""}, **whose)
    assert (wrong.change, wrong.is_publishable) == ("refused", False)
    assert {one["path"] for one in wrong.mistakes} >= {"key", "title"}
    text = await service.plan("key: [", **whose)
    assert [one["code"] for one in text.mistakes] == ["yaml_syntax"]
    assert await service.list(**whose) == [first]


async def test_what_cannot_be_published_says_why(paykeel: Paykeel, merchant: Merchant) -> None:
    now = paykeel.database.now()
    assert await refused(paykeel, merchant, RefundPolicyRefused, currency="EURO") == (
        "refund_policy_refused"
    )
    past = now - timedelta(seconds=1)
    assert await refused(paykeel, merchant, InvalidField, effective_from=past) == "instant_in_past"
    first = await publish_policy(paykeel, merchant, effective_from=now + LATER)
    assert await refused(paykeel, merchant, hours=48) == "refund_policy_effective_order"
    at_once = first.effective_from
    assert await refused(paykeel, merchant, hours=48, effective_from=at_once) == (
        "refund_policy_effective_order"
    )
    # The same again is published already, unless it is to begin earlier than it does.
    assert await publish_policy(paykeel, merchant) == first
    assert await publish_policy(paykeel, merchant, effective_from=now + 2 * LATER) == first
    sooner = now + LATER / 2
    assert await refused(paykeel, merchant, effective_from=sooner) == (
        "refund_policy_effective_order"
    )
    advice = "For an earlier one, withdraw flexible 1 first"
    with pytest.raises(Refused, match=advice):
        await publish_policy(paykeel, merchant, effective_from=sooner)
    # What the message says can be done: nothing held so far, so nothing is left without a policy.
    because: dict[str, Any] = {**of(merchant), "author": "Ben", "because": "Sooner."}
    await paykeel.refund_policies.withdraw("flexible", 1, **because)
    moved = await publish_policy(paykeel, merchant, effective_from=sooner)
    assert (moved.policy_version, moved.effective_from) == (2, sooner)
    with pytest.raises(InvalidField) as caught:
        await paykeel.refund_policies.publish(
            policy(), merchant_id=merchant.merchant_id, author=" "
        )
    assert caught.value.field == "author"
    nobody: dict[str, Any] = {"merchant_id": UUID(int=0), "author": AUTHOR}
    with pytest.raises(NotFound):
        await paykeel.refund_policies.publish(policy(), **nobody)


async def test_two_as_specific_for_one_purchase_are_refused(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    now = paykeel.database.now()
    await publish_policy(paykeel, merchant)
    assert await refused(paykeel, merchant, key="firm") == "refund_policy_scope_tie"
    await publish_policy(paykeel, merchant, key="german", scope={"jurisdiction": "DE"})
    for scope in ({"jurisdiction": "DE"}, {"channel": "web"}, {"payment_method": "card"}):
        code = await refused(paykeel, merchant, key="other", scope=scope)
        assert code == "refund_policy_scope_tie", scope
    await publish_policy(paykeel, merchant, key="french", scope={"jurisdiction": "FR"})
    both = {"jurisdiction": "DE", "channel": "web"}
    await publish_policy(paykeel, merchant, key="german_web", scope=both)
    # A part of a country is more specific than the country.
    tie = await refused(paykeel, merchant, key="bavarian", scope={"jurisdiction": "DE-BY"})
    assert tie == "refund_policy_scope_tie"
    # One that begins only later is in the way of what would still hold then.
    later: dict[str, Any] = {"scope": {"jurisdiction": "IT"}, "effective_from": now + LATER}
    await publish_policy(paykeel, merchant, key="italian", **later)
    assert await refused(paykeel, merchant, key="roman", scope={"jurisdiction": "IT"}) == (
        "refund_policy_scope_tie"
    )
    # What a version of another key left behind is free.
    await publish_policy(paykeel, merchant, key="french", scope={"jurisdiction": "ES"})
    await publish_policy(paykeel, merchant, key="parisian", scope={"jurisdiction": "FR"})


async def test_a_withdrawal_brings_back_the_version_before(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    service, whose = paykeel.refund_policies, of(merchant)
    anybody = PolicyScope("agent", "purchase")
    first = await publish_policy(paykeel, merchant)
    second = await publish_policy(paykeel, merchant, hours=48)
    assert await service.in_force(anybody, **whose) == second
    because: dict[str, Any] = {
        **whose, "author": "Ben", "because": "A slip.", "leave_none": True,
    }  # fmt: skip
    taken = await service.withdraw("flexible", 2, **because)
    assert (taken.status, taken.withdrawn_by, taken.withdrawn_because) == (
        "withdrawn", "Ben", "A slip.",
    )  # fmt: skip
    assert await service.in_force(anybody, **whose) == first
    assert (await service.get("flexible", 2, **whose)).version == taken
    with pytest.raises(Refused) as caught:
        await service.withdraw("flexible", 2, **because)
    assert caught.value.code == "refund_policy_withdrawn"
    # Numbers are never given twice, and what was withdrawn can be said again.
    third = await publish_policy(paykeel, merchant, hours=48)
    assert third.policy_version == 3
    for version in (1, 3):
        await service.withdraw("flexible", version, **because)
    assert await service.in_force(anybody, **whose) is None
    assert (await publish_policy(paykeel, merchant)).policy_version == 4
    for key, version in (("flexible", 9), ("firm", 1), ("flexible", 2**31), ("\x00", 1), ("é", 1)):
        with pytest.raises(NotFound) as unknown:
            await service.withdraw(key, version, **because)
        assert unknown.value.code == "refund_policy_unknown"
    with pytest.raises(InvalidField):
        await service.withdraw("flexible", 4, **{**because, "because": "x" * 501})


async def test_a_withdrawal_that_would_bring_back_a_tie_is_refused(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    service, whose = paykeel.refund_policies, of(merchant)
    await publish_policy(paykeel, merchant, scope={"jurisdiction": "DE"})
    await publish_policy(paykeel, merchant, scope={"jurisdiction": "FR"}, leave_none=True)
    await publish_policy(paykeel, merchant, key="firm", scope={"jurisdiction": "DE"})
    because: dict[str, Any] = {
        **whose, "author": "Ben", "because": "A slip.", "leave_none": True,
    }  # fmt: skip
    with pytest.raises(Refused) as caught:
        await service.withdraw("flexible", 2, **because)
    assert caught.value.code == "refund_policy_scope_tie"
    await service.withdraw("flexible", 1, **because)
    await service.withdraw("flexible", 2, **because)


async def test_leaving_purchases_without_a_policy_is_said_on_purpose(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    service, whose = paykeel.refund_policies, of(merchant)
    because: dict[str, Any] = {**whose, "author": "Ben", "because": "A slip."}

    async def refused_to_withdraw(key: str, version: int) -> str:
        with pytest.raises(Refused) as caught:
            await service.withdraw(key, version, **because)
        return caught.value.code

    await publish_policy(paykeel, merchant)
    only = "refund_policy_leaves_none"
    assert await refused_to_withdraw("flexible", 1) == only
    assert await service.in_force(PolicyScope("agent"), **whose) is not None
    # What is planned does not hold meanwhile.
    begins = paykeel.database.now() + LATER
    await publish_policy(paykeel, merchant, hours=48, effective_from=begins)
    assert await refused_to_withdraw("flexible", 1) == only
    await service.withdraw("flexible", 2, **because)
    # Neither does one that is for fewer purchases; one that is for all of them does.
    german: dict[str, Any] = {"key": "german", "scope": {"jurisdiction": "DE"}}
    await publish_policy(paykeel, merchant, **german)
    assert await refused_to_withdraw("flexible", 1) == only
    await publish_policy(paykeel, merchant, **german, hours=48)
    for version in (1, 2):
        await service.withdraw("german", version, **because)
    await publish_policy(paykeel, merchant, scope={"channel": "web"}, leave_none=True)
    # The version before it is for everybody again; the other way round some are left out.
    await service.withdraw("flexible", 3, **because)
    narrow = await publish_policy(paykeel, merchant, scope={"channel": "web"}, leave_none=True)
    await publish_policy(paykeel, merchant)
    await service.withdraw("flexible", 1, **because)
    last = narrow.policy_version + 1
    assert await refused_to_withdraw("flexible", last) == only
    taken = await service.withdraw("flexible", last, **because, leave_none=True)
    assert taken.status == "withdrawn"


async def test_a_version_for_fewer_purchases_leaves_none_without_a_policy_by_mistake(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    service, whose = paykeel.refund_policies, of(merchant)
    only = "refund_policy_leaves_none"
    german: dict[str, Any] = {"scope": {"jurisdiction": "DE"}}
    bavarian: dict[str, Any] = {"scope": {"jurisdiction": "DE-BY"}}
    await publish_policy(paykeel, merchant, **german)
    assert await refused(paykeel, merchant, **bavarian) == only
    begins = paykeel.database.now() + LATER
    assert await refused(paykeel, merchant, **bavarian, effective_from=begins) == only
    planned = await service.plan(policy(**bavarian), **whose)
    assert (planned.leaves_none, planned.is_publishable) == (True, False)
    # For more purchases, for the same ones, or where another policy is for the others: no harm.
    await publish_policy(paykeel, merchant, hours=48, **german)
    await publish_policy(paykeel, merchant, key="every")
    planned = await service.plan(policy(**bavarian), **whose)
    assert (planned.leaves_none, planned.is_publishable) == (False, True)
    # That other policy is going to be for fewer purchases: only as long as this one is for them.
    web = {"channel": "web", "payment_method": "card", "buyer_role": "agent"}
    fewer: dict[str, Any] = {"key": "every", "scope": web}
    assert await refused(paykeel, merchant, **fewer, effective_from=begins) == only
    await publish_policy(paykeel, merchant, **fewer, effective_from=begins, leave_none=True)
    assert await refused(paykeel, merchant, **bavarian) == only
    after = begins + LATER
    assert await refused(paykeel, merchant, **bavarian, effective_from=after) == only
    await service.withdraw("flexible", 2, **whose, author="Ben", because="A slip.")
    with pytest.raises(Refused) as caught:
        await service.withdraw("flexible", 1, **whose, author="Ben", because="A slip.")
    assert caught.value.code == only
    done = await publish_policy(paykeel, merchant, **bavarian, leave_none=True)
    assert done.scope == PolicyScope(jurisdiction="DE-BY")


async def test_policies_are_one_merchants(paykeel: Paykeel, merchant: Merchant) -> None:
    service, other = paykeel.refund_policies, await paykeel.merchants.create("Mill Market")
    first = await publish_policy(paykeel, merchant)
    theirs = of(other)
    assert await service.list(**theirs) == []
    assert await service.in_force(PolicyScope("agent"), **theirs) is None
    with pytest.raises(NotFound):
        await service.get("flexible", 1, **theirs)
    with pytest.raises(NotFound):
        await service.by_hash(first.sha256, **theirs)
    with pytest.raises(NotFound):
        await service.withdraw("flexible", 1, **theirs, author="Ben", because="Theirs.")
    assert (await publish_policy(paykeel, other)).policy_version == 1


async def test_of_many_who_publish_at_once_each_sees_what_the_one_before_did(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    done = await asyncio.gather(
        *(publish_policy(paykeel, merchant, hours=hours % 4 + 1) for hours in range(12)),
        *(publish_policy(paykeel, merchant, key=f"rival_{n}") for n in range(4)),
        return_exceptions=True,
    )
    mine = [one for one in done if not isinstance(one, BaseException)]
    ties = {one.code for one in done if isinstance(one, Refused)}
    held = await paykeel.refund_policies.list(merchant_id=merchant.merchant_id)
    assert {one.name for one in mine} == {one.name for one in held}
    assert len({one.policy_key for one in held}) == 1
    assert ties == {"refund_policy_scope_tie"}
    assert [one.policy_version for one in held] == list(range(len(held), 0, -1))


async def test_publications_of_terms_and_policies_are_counted_as_one(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    async def revision() -> int:
        return int(await admin.fetchval("SELECT terms_revision FROM merchants"))

    await publish_policy(paykeel, merchant)
    await require_terms(paykeel, merchant)
    assert await revision() == 2
    await publish_policy(paykeel, merchant)
    assert await revision() == 2
    await paykeel.refund_policies.withdraw(
        "flexible", 1, merchant_id=merchant.merchant_id, author="Ben", because="A slip.",
        leave_none=True,
    )  # fmt: skip
    assert await revision() == 3


@pytest.mark.parametrize(
    "change",
    [
        """document = jsonb_set(document, '{title}', '"Kinder"')""",
        "document = jsonb_set(document, '{tiers,1,percent_bps}', '5000.5')",
        "sha256 = sha256('another')",
        "buyer_role = 'operator'",
    ],
)
async def test_what_was_changed_behind_our_back_is_never_used(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, change: str
) -> None:
    await publish_policy(paykeel, merchant)
    await publish_policy(paykeel, merchant, hours=48)
    tampering = f"UPDATE refund_policies SET {change} WHERE policy_version = 2"  # noqa: S608
    await admin.execute(tampering)
    with pytest.raises(Misconfigured) as caught:
        await paykeel.refund_policies.get("flexible", 2, merchant_id=merchant.merchant_id)
    assert caught.value.code == "refund_policy_changed"
    first = await paykeel.refund_policies.get("flexible", 1, merchant_id=merchant.merchant_id)
    assert first.version.name == "flexible 1"


async def test_the_application_edits_nothing_that_was_published(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await publish_policy(paykeel, merchant)
    for change in ("document = '{}'", "sha256 = sha256('x')", "effective_from = now()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with paykeel.database.connection() as connection:
                await connection.execute(f"UPDATE refund_policies SET {change}")  # noqa: S608
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with paykeel.database.connection() as connection:
            await connection.execute("DELETE FROM refund_policies")


async def test_there_is_an_end_to_how_many(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    first = await publish_policy(paykeel, merchant)
    more = """
        INSERT INTO refund_policies (
            merchant_id, policy_key, policy_version, document, sha256, buyer_role, product,
            jurisdiction, channel, payment_method, effective_from, status, author, withdrawn_at,
            withdrawn_by, withdrawn_because)
        SELECT merchant_id, policy_key, n, document, sha256, buyer_role, product, jurisdiction,
            channel, payment_method, effective_from, 'withdrawn', author, now(), 'Ben', 'A slip.'
        FROM refund_policies CROSS JOIN generate_series(2, $1::int) AS n
        """
    await admin.execute(more, VERSIONS_MAX - 1)
    last = await publish_policy(paykeel, merchant, hours=48)
    assert (first.policy_version, last.policy_version) == (1, VERSIONS_MAX)
    assert await refused(paykeel, merchant, hours=72) == "refund_policies_too_many"
