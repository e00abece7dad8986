"""Why a purchase was judged as it was: told to risk people in full, and to buyers not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from paykeel import Paykeel
from paykeel.api.fraud_alert_documents import FraudDecision
from paykeel.api.fraud_alert_openapi import EXPLAIN
from tests.acceptance.api.kit import Api, calling, problem_of
from tests.conftest import settings_for
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.servers import Urls


@pytest.fixture
async def judged(urls: Urls) -> AsyncIterator[Api]:
    """A merchant whose purchases are judged."""
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as paykeel, calling(paykeel) as api:
        yield api


async def test_a_block_is_explained_and_the_buyer_is_not_told(
    judged: Api, admin: asyncpg.Connection
) -> None:
    live = {
        "ruleset": "small",
        "rules": [
            rule("secret_limit", "payment.amount > 1000", score=60),
            rule("by_country", "card.country == 'NO'"),
        ],
    }
    beside = {"ruleset": "beside", "rules": [rule("dear", "payment.amount > 500", "review")]}
    await enforce(judged.paykeel, admin, judged.merchant_id, live)
    await enforce(judged.paykeel, admin, judged.merchant_id, beside, "shadow")
    blocked = await judged.buy(amount=1_250)
    assert blocked.status_code == 402
    payment = blocked.json()["payment"]
    assert "secret_limit" not in blocked.text
    for path in ("", "/events"):
        assert "secret_limit" not in (await judged.read(f"/v1/payments/{payment['id']}{path}")).text
    answer = await judged.read(f"/v1/payments/{payment['id']}/fraud")
    assert answer.status_code == 200
    said = answer.json()
    FraudDecision.model_validate(said)
    assert (said["object"], said["payment_id"]) == ("fraud_decision", payment["id"])
    assert (said["decision"], said["reasons"], said["score"]) == ("block", ["secret_limit"], 60)
    results = {one["rule"]: one["outcome"] for one in said["rules"]}
    assert results == {"secret_limit": "matched", "by_country": "missing:card.country"}
    assert said["facts"]["payment.amount"] == 1_250
    assert (said["ruleset"], said["ruleset_version"]) == ("small", 1)
    assert len(said["ruleset_sha256"]) == 64
    assert said["engine"].startswith("cel-expr-python ")
    assert said["took_us"] >= 0
    assert (said["shadow"]["ruleset"], said["shadow"]["action"]) == ("beside", "review")
    assert said["model"] is None
    assert list(said) == list(
        EXPLAIN["responses"]["200"]["content"]["application/json"]["examples"]["blocked"]["value"]
    )


async def test_only_who_may_know_is_told(judged: Api) -> None:
    payment_id = (await judged.buy()).json()["id"]
    path = f"/v1/payments/{payment_id}/fraud"
    reader = await judged.other(["fraud:read"], same=True)
    assert (await reader.read(path)).json()["decision"] == "allow"
    shop = await judged.other(["payments:read", "payments:write", "purchases:write"], same=True)
    assert problem_of(await shop.read(path), 403, "forbidden")["detail"].endswith("fraud:read.")
    stranger = await judged.other()
    problem_of(await stranger.read(path), 404, "not_found")
    for nobody in (uuid4(), "nonsense"):
        problem_of(await judged.read(f"/v1/payments/{nobody}/fraud"), 404, "not_found")
