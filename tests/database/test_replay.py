"""Every logged decision replays to itself, from its row and the ruleset that it names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from paykeel.clock import new_id
from paykeel.errors import Misconfigured, NotFound
from paykeel.fraud.history import Replayer, differences
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.database.shopping import asking, logged, shopping
from tests.rulesets import enforce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as opened:
        yield opened


@pytest.fixture
async def shop(judging: Paykeel) -> Merchant:
    return await judging.merchants.create("Harbour Market", "test")


async def test_every_decision_replays_to_the_same_decision(
    judging: Paykeel, shop: Merchant
) -> None:
    await shopping(judging, shop)
    await asyncio.gather(
        *(buy(judging, shop, f"many-{n}", buyer_id="agent-0", amount=90_000) for n in range(12))
    )
    await buy(judging, shop, "elsewhere", currency="ISK", amount=5)
    replayer = Replayer(judging.database)
    decisions = set()
    for row in await logged(judging):
        found = await replayer.find(row["payment_id"], merchant_id=shop.merchant_id)
        judgement = await replayer.replay(found)
        assert differences(found, judgement) == ()
        decisions.add(found.decision)
    assert {"allow", "block"} <= decisions


async def test_a_stored_ruleset_replays_too_unless_it_was_changed(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await enforce(judging, admin, shop.merchant_id, asking())
    await shopping(judging, shop, 4)
    replayer = Replayer(judging.database)
    rows = [
        await replayer.find(row["payment_id"], merchant_id=shop.merchant_id)
        for row in await logged(judging)
    ]
    for row in rows:
        assert differences(row, await replayer.replay(row)) == ()
    await admin.execute("ALTER TABLE fraud_rulesets DISABLE TRIGGER USER")
    await admin.execute("UPDATE fraud_rulesets SET document = jsonb_set(document, '{lists}', '[]')"
                        ", members = '[]'")  # fmt: skip
    await admin.execute(
        "UPDATE fraud_rulesets SET document = jsonb_set(document, '{on_failure}', '\"block\"')"
    )
    with pytest.raises(Misconfigured) as changed:
        await Replayer(judging.database).replay(rows[0])
    assert changed.value.code == "ruleset_changed"
    await admin.execute("UPDATE fraud_rulesets SET sha256 = sha256('x')")
    with pytest.raises(NotFound) as gone:
        await Replayer(judging.database).replay(rows[0])
    assert gone.value.code == "ruleset_not_kept"
    with pytest.raises(NotFound):
        await replayer.find(new_id(), merchant_id=shop.merchant_id)
