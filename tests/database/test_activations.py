"""What is live takes two people and evidence, and every process finds it in time."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.clock import SystemClock, new_id
from paykeel.errors import InvalidField, Refused, RulesetRefused
from paykeel.fraud.activations import SQL
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.rules import read_ruleset
from paykeel.fraud.rulesets import Rulesets
from tests.conftest import settings_for
from tests.database.rulesets import backtested, decided, go_live, store
from tests.unit.fraud.rulesets import document, rule

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.settings import Settings
    from tests.servers import Urls

CACHE_MS = 200


@pytest.fixture
def settings(urls: Urls) -> Settings:
    """Settings with which the default rules hold, as they do unless somebody turns them off."""
    return settings_for(urls, fraud_default_ruleset="default")


@pytest.fixture
async def unbound(admin: asyncpg.Connection) -> asyncpg.Connection:
    """A connection that puts log rows in without the payments that they are about."""
    await admin.execute("SET session_replication_role = replica")
    return admin


async def test_the_built_in_rules_judge_until_something_is_live(
    paykeel: Paykeel, merchant: Merchant, urls: Urls
) -> None:
    active = await paykeel.rulesets.active(merchant.merchant_id)
    off = settings_for(urls, fraud_default_ruleset="none")
    async with type(paykeel).open(off) as other:
        none = await other.rulesets.active(merchant.merchant_id)

    assert (active.live.ruleset.name, active.live.ruleset.version) == ("default", 0)
    assert (len(active.live.live), len(active.live.shadow)) == (8, 1)
    assert active.live_sha256.hex() == active.live.ruleset.sha256
    assert (none.live.ruleset.name, none.live.live) == ("none", ())
    assert active.shadow is None


async def test_going_live_needs_evidence_and_a_second_person(
    paykeel: Paykeel, merchant: Merchant, unbound: asyncpg.Connection
) -> None:
    stored = await store(paykeel, merchant)
    rulesets, merchant_id = paykeel.rulesets, merchant.merchant_id
    with pytest.raises(Refused) as refused:
        await rulesets.request_live(merchant_id, "tested", 1, "ann")
    assert refused.value.code == "evidence_missing"
    assert "backtest" in refused.value.message
    backtest_id = await backtested(unbound, merchant, stored)
    asked = await rulesets.request_live(merchant_id, "tested", 1, "ann", backtest_id)
    again = await rulesets.request_live(merchant_id, "tested", 1, "ann")

    assert (asked.status, asked.approved_by) == ("waiting", None)
    assert asked.evidence == {"backtest_id": str(backtest_id), "decisions": 5}
    assert again.activation_id == asked.activation_id
    # Nothing is live by that.
    assert (await rulesets.active(merchant_id)).live.ruleset.name == "default"
    for same in ("ann", " Ann"):
        with pytest.raises(Refused) as refused:
            await rulesets.approve(merchant_id, asked.activation_id, same)
        assert refused.value.code == "second_person_needed"
        with pytest.raises(asyncpg.CheckViolationError, match="take_two"):
            await unbound.execute(
                "UPDATE fraud_activations SET approved_by = $1, approved_at = now()", same
            )
    approved = await rulesets.approve(merchant_id, asked.activation_id, "ben")
    repeated = await rulesets.approve(merchant_id, asked.activation_id, "ben")
    with pytest.raises(Refused) as refused:
        await rulesets.approve(merchant_id, asked.activation_id, "eve")

    assert (approved.status, approved.requested_by, approved.approved_by) == (
        "in_force",
        "ann",
        "ben",
    )
    assert repeated == approved
    assert refused.value.code == "activation_approved"
    active = await rulesets.active(merchant_id)
    assert (active.live.ruleset.name, active.live.ruleset.version) == ("tested", 1)
    assert active.live.live[0].rule.version == 1
    assert active.live_sha256 == stored.sha256


@pytest.mark.parametrize(
    "changes", [{"sha256": b"x" * 32}, {"days": 31}, {"decisions": 0}], ids=str
)
async def test_a_backtest_of_something_else_is_no_evidence(
    paykeel: Paykeel, merchant: Merchant, unbound: asyncpg.Connection, changes: dict[str, Any]
) -> None:
    stored = await store(paykeel, merchant)
    await decided(unbound, merchant, 1)
    backtest_id = await backtested(unbound, merchant, stored, **changes)
    for named in (None, backtest_id, uuid.uuid4()):
        with pytest.raises(Refused) as refused:
            await paykeel.rulesets.request_live(merchant.merchant_id, "tested", 1, "ann", named)
        assert refused.value.code == "evidence_missing"


async def test_where_nothing_was_decided_a_backtest_of_nothing_is_enough(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    stored = await store(paykeel, merchant)
    await backtested(admin, merchant, stored, decisions=0)
    asked = await paykeel.rulesets.request_live(merchant.merchant_id, "tested", 1, "ann")
    assert asked.evidence["decisions"] == 0


async def test_enough_decisions_in_the_shadow_are_evidence(
    urls: Urls, paykeel: Paykeel, merchant: Merchant, unbound: asyncpg.Connection
) -> None:
    stored = await store(paykeel, merchant)
    other = await paykeel.merchants.create("Other")
    said = {"ruleset": stored.ruleset, "version": stored.ruleset_version, "rules": []}
    await decided(unbound, other, 10, said)
    await decided(unbound, merchant, 10, {**said, "version": 2})
    await decided(unbound, merchant, 9, said)
    few = settings_for(urls, fraud_shadow_decisions_min=10)
    async with type(paykeel).open(few) as opened:
        ask = opened.rulesets.request_live
        with pytest.raises(Refused, match="9 of 10 decisions") as refused:
            await ask(merchant.merchant_id, "tested", 1, "ann")
        assert refused.value.code == "evidence_missing"
        await decided(unbound, merchant, 5, said)
        asked = await ask(merchant.merchant_id, "tested", 1, "ann")
    # Counted no further than is needed.
    assert asked.evidence == {"shadow_decisions": 10}


async def test_the_shadow_changes_at_once_and_can_be_emptied(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    rulesets, merchant_id = paykeel.rulesets, merchant.merchant_id
    await store(paykeel, merchant)
    placed = await rulesets.set_shadow(merchant_id, "tested", 1, "ann")
    again = await rulesets.set_shadow(merchant_id, "tested", 1, "ben")
    active = await rulesets.active(merchant_id)
    emptied = await rulesets.set_shadow(merchant_id, None, None, "ben")
    after = await rulesets.active(merchant_id)
    history = await rulesets.history(merchant_id)

    assert (placed.status, again.activation_id) == ("in_force", placed.activation_id)
    assert active.shadow is not None
    assert active.shadow.ruleset.name == "tested"
    assert active.live.ruleset.name == "default"
    assert (emptied.ruleset, after.shadow) == (None, None)
    assert [(one.place, one.ruleset, one.status) for one in history] == [
        ("shadow", None, "in_force"),
        ("shadow", "tested", "replaced"),
    ]
    with pytest.raises(InvalidField):
        await rulesets.set_shadow(merchant_id, "tested", None, "ann")


async def test_what_was_asked_for_long_ago_is_asked_for_again(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await backtested(admin, merchant, await store(paykeel, merchant))
    asked = await paykeel.rulesets.request_live(merchant.merchant_id, "tested", 1, "ann")
    await admin.execute("UPDATE fraud_activations SET requested_at = now() - interval '8 days'")
    with pytest.raises(Refused) as refused:
        await paykeel.rulesets.approve(merchant.merchant_id, asked.activation_id, "ben")
    anew = await paykeel.rulesets.request_live(merchant.merchant_id, "tested", 1, "ann")

    assert refused.value.code == "activation_expired"
    assert anew.activation_id != asked.activation_id


async def test_what_is_live_now_needs_no_second_activation(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    rulesets, merchant_id = paykeel.rulesets, merchant.merchant_id
    first = await store(paykeel, merchant)
    second = await store(paykeel, merchant, rule(score=5))
    await go_live(paykeel, admin, merchant, first)
    live = await rulesets.request_live(merchant_id, "tested", 1, "eve")
    await go_live(paykeel, admin, merchant, second)
    await backtested(admin, merchant, first)
    back = await rulesets.request_live(merchant_id, "tested", 1, "eve")

    assert (live.status, back.status) == ("in_force", "waiting")
    active = await rulesets.active(merchant_id)
    assert active.live.ruleset.version == 2


async def test_other_processes_follow_within_the_caches_time(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    stored = await store(paykeel, merchant)
    other = Rulesets(paykeel.database, SystemClock(), CelEngine(), CACHE_MS)
    before = await other.active(merchant.merchant_id)
    await go_live(paykeel, admin, merchant, stored)
    cached = await other.active(merchant.merchant_id)
    await asyncio.sleep(CACHE_MS * 2 / 1000)
    after = await other.active(merchant.merchant_id)

    assert cached is before
    assert after.live.ruleset.name == "tested"


async def test_however_many_ask_one_reads_and_compiles(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    found = await asyncio.gather(
        *(paykeel.rulesets.active(merchant.merchant_id) for _ in range(50))
    )
    assert {id(one) for one in found} == {id(found[0])}


async def test_a_ruleset_that_does_not_compile_takes_no_purchase_down(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    rulesets, merchant_id = paykeel.rulesets, merchant.merchant_id
    await go_live(paykeel, admin, merchant, await store(paykeel, merchant))
    # As if another release had stored it.
    broken = read_ruleset(document(rule(when="payment.amount > 1"))).document()
    broken["rules"][0]["when"] = "payment.forgotten > 1"
    await admin.execute(
        """
        INSERT INTO fraud_rulesets (
            merchant_id, ruleset, ruleset_version, document, members, sha256, created_by)
        VALUES ($1, 'tested', 2, $2::text::jsonb, '[{"key": "dear", "version": 1}]', $3, 'ann')
        """,
        merchant_id,
        json.dumps(broken),
        b"y" * 32,
    )
    put = """
        INSERT INTO fraud_activations (
            merchant_id, activation_id, place, ruleset, ruleset_version, requested_by,
            approved_by, approved_at)
        VALUES ($1, $2, 'live', 'tested', 2, 'ann', 'ben', now() + interval '1 second')
        """
    last = Rulesets(paykeel.database, SystemClock(), CelEngine(), 0)
    assert (await last.active(merchant_id)).live.ruleset.version == 1
    await admin.execute(put, merchant_id, new_id())
    goes_on = await last.active(merchant_id)
    fresh = Rulesets(paykeel.database, SystemClock(), CelEngine(), 0, otherwise="none")
    begins = await fresh.active(merchant_id)

    # This process goes on with what it judged by.
    assert (goes_on.live.ruleset.name, goes_on.live.ruleset.version) == ("tested", 1)
    # One that begins now has the default, even where nothing would be judged otherwise.
    assert (begins.live.ruleset.name, len(begins.live.live)) == ("default", 8)
    assert "live tested 2" in goes_on.unusable[0]
    assert begins.live_sha256.hex() == begins.live.ruleset.sha256
    with pytest.raises(RulesetRefused):
        await rulesets.set_shadow(merchant_id, "tested", 2, "ann")


@pytest.mark.parametrize("author", ["", "x" * 101, "4242424242424242", "a\x00b"])
async def test_people_have_names(paykeel: Paykeel, merchant: Merchant, author: str) -> None:
    rulesets, merchant_id = paykeel.rulesets, merchant.merchant_id
    for refused in (
        rulesets.apply(merchant_id, read_ruleset(document()), author),
        rulesets.set_shadow(merchant_id, None, None, author),
        rulesets.request_live(merchant_id, "tested", 1, author),
        rulesets.approve(merchant_id, uuid.uuid4(), author),
    ):
        with pytest.raises(InvalidField):
            await refused


async def test_what_is_read_again_and_again_is_found_by_an_index(
    paykeel: Paykeel, merchant: Merchant, unbound: asyncpg.Connection
) -> None:
    await store(paykeel, merchant)
    await decided(unbound, merchant, 20_000)
    await decided(unbound, merchant, 30, {"ruleset": "tested", "version": 1})
    for number in range(50):
        name, version = ("tested", 1) if number % 2 else (None, None)
        await paykeel.rulesets.set_shadow(merchant.merchant_id, name, version, "ann")
    await unbound.execute("ANALYZE fraud_prevention_logs, fraud_activations")
    for name, index, values in (
        ("rulesets_in_force", "fraud_activations_in_force", (merchant.merchant_id,)),
        (
            "count_shadow_decisions",
            "fraud_prevention_logs_in_shadow",
            (merchant.merchant_id, "tested", "1", 1_000),
        ),
    ):
        async with paykeel.database.connection() as connection:
            plan = await connection.fetch(f"EXPLAIN {SQL[name].text}", *values)
        assert index in "".join(row[0] for row in plan), name
