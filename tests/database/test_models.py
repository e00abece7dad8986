"""Models: trained on labelled history, registered for good, and refused when they were changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.errors import InvalidField, Misconfigured, NotFound
from paykeel.fraud.backtest import Period
from paykeel.fraud.learning import Learned, Learner
from paykeel.fraud.model import Feature, Kind, LogisticModel
from paykeel.fraud.models import Models
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.database.past import write_past
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls


def model(name: str = "score", weight: float = 2.0) -> LogisticModel:
    amount = Feature(
        name="payment.amount_ref", kind=Kind.INT, mean=5_000.0, scale=1e-9, weight=weight
    )
    return LogisticModel(name, (amount,), -3.0)


async def register(paykeel: Paykeel, merchant: Merchant, made: LogisticModel) -> tuple[int, bool]:
    kept, added = await paykeel.models.register(
        made, {"auc": 0.9}, merchant_id=merchant.merchant_id, author="ann"
    )
    return kept.model_version, added


async def learn(paykeel: Paykeel, merchant: Merchant, **changes: Any) -> Learned:
    now = paykeel.database.now() + timedelta(seconds=1)
    return await Learner(paykeel.database).learn(
        **{
            "merchant_id": merchant.merchant_id,
            "period": Period(since=now - timedelta(days=30), until=now),
            "name": "score",
            **changes,
        }
    )


async def test_versions_count_up_and_the_same_model_is_the_same_version(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    assert await register(paykeel, merchant, model()) == (1, True)
    assert await register(paykeel, merchant, model(weight=1.0)) == (2, True)
    assert await register(paykeel, merchant, model()) == (1, False)
    assert await register(paykeel, merchant, model("other")) == (1, True)
    found = await paykeel.models.list(merchant_id=merchant.merchant_id)
    assert [(one.model, one.model_version, one.enabled) for one in found] == [
        ("other", 1, False), ("score", 2, False), ("score", 1, False),
    ]  # fmt: skip
    newest = await paykeel.models.get("score", merchant_id=merchant.merchant_id)
    assert newest.document == model(weight=1.0).document()
    with pytest.raises(InvalidField) as refused:
        await register(paykeel, merchant, model("a-b"))
    assert refused.value.code == "model_name_malformed"


async def test_writers_at_one_moment_get_a_version_each(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    made = [model(weight=float(n + 1)) for n in range(4)]
    versions = await asyncio.gather(*(register(paykeel, merchant, one) for one in made))
    assert sorted(version for version, _ in versions) == [1, 2, 3, 4]


async def test_a_score_is_off_until_somebody_enables_it(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id, "author": "ann"}
    await register(paykeel, merchant, model())
    assert await paykeel.models.active(merchant.merchant_id) is None
    enabled, changed = await paykeel.models.enable("score", 1, **who)
    assert (enabled.enabled, changed) == (True, True)
    assert (await paykeel.models.enable("score", 1, **who))[1] is False
    assert await paykeel.models.active(merchant.merchant_id) == model()
    current = await paykeel.models.current(merchant.merchant_id)
    assert current is not None
    assert (current.version, current.sha256) == (1, model().sha256)
    assert await paykeel.models.disable(**who)
    assert not await paykeel.models.disable(**who)
    assert await paykeel.models.active(merchant.merchant_id) is None
    rows = await admin.fetch(
        "SELECT model, model_version, author FROM fraud_model_activations ORDER BY activation_no"
    )
    assert [tuple(row) for row in rows] == [("score", 1, "ann"), (None, None, "ann")]
    with pytest.raises(NotFound):
        await paykeel.models.enable("score", 9, **who)
    other = await paykeel.merchants.create("Elsewhere", "test")
    with pytest.raises(NotFound):
        await paykeel.models.get("score", merchant_id=other.merchant_id)


async def test_a_model_that_was_changed_is_refused(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id, "author": "ann"}
    await register(paykeel, merchant, model())
    await paykeel.models.enable("score", 1, **who)
    with pytest.raises(asyncpg.PostgresError, match="history"):
        await admin.execute("UPDATE fraud_models SET document = '{}'")
    await admin.execute("ALTER TABLE fraud_models DISABLE TRIGGER USER")
    for changed in ('{"intercept": -2.5}', '{"format": "pickle"}'):
        await admin.execute("UPDATE fraud_models SET document = document || $1::jsonb", changed)
        fresh = Models(paykeel.database, paykeel.clock, cache_ms=1_000)
        assert await fresh.active(merchant.merchant_id) is None, "no score rather than a wrong one"
        for refused in (
            paykeel.models.check(merchant.merchant_id),
            paykeel.models.enable("score", 1, **who),
        ):
            with pytest.raises(Misconfigured) as told:
                await refused
            assert told.value.code == "model_changed"


async def test_what_is_enabled_is_found_out_in_time_by_others(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await register(paykeel, merchant, model())
    other = Models(paykeel.database, paykeel.clock, cache_ms=50)
    assert await other.active(merchant.merchant_id) is None
    await paykeel.models.enable("score", 1, merchant_id=merchant.merchant_id, author="ann")
    await asyncio.sleep(0.1)
    found = await asyncio.gather(*(other.active(merchant.merchant_id) for _ in range(20)))
    assert set(found) == {model()}


async def test_rules_can_use_the_score(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await enforce(
        paykeel,
        admin,
        merchant.merchant_id,
        {"ruleset": "scored", "rules": [rule("risky", "ml.score > 0.9")]},
    )
    await register(paykeel, merchant, model())
    assert (await buy(paykeel, merchant, amount=9_000)).status == "succeeded"
    await paykeel.models.enable("score", 1, merchant_id=merchant.merchant_id, author="ann")
    await asyncio.sleep(paykeel.settings.merchant_cache_ms / 1_000 + 0.05)
    assert (await buy(paykeel, merchant, "dear", amount=9_000)).status == "blocked"
    assert (await buy(paykeel, merchant, "cheap", amount=900)).status == "succeeded"


async def test_training_beats_guessing_and_is_compared_with_the_rules(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await write_past(admin, merchant.merchant_id, 2_000)
    learned = await learn(paykeel, merchant)
    figures = learned.figures()
    assert figures["fitted_frauds"] + figures["tested_frauds"] <= 100
    assert figures["auc"] > 0.9
    assert figures["average_precision"] > 10 * 0.05
    assert 0.5 < figures["baseline"]["rules"]["auc"] <= 1.0
    names = {one.name for one in learned.trained.model.features}
    assert "payment.amount_ref" in names
    assert not names & {"payment.amount", "ml.score", "list.block"}
    kept, _ = await paykeel.models.register(
        learned.trained.model, figures, merchant_id=merchant.merchant_id, author="ann"
    )
    assert kept.figures == figures
    two = await learn(
        paykeel, merchant, features=["payment.amount_ref", "velocity.buyer_attempts_1h"]
    )
    assert len(two.trained.model.features) == 2
    silent = await learn(paykeel, merchant, genuine_after=timedelta(hours=2))
    assert silent.trained.figures.fitted > 2 * learned.trained.figures.fitted


async def test_labels_that_came_after_the_split_are_not_fitted_to(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await write_past(admin, merchant.merchant_id, 2_000)
    before = await learn(paykeel, merchant)
    await admin.execute("ALTER TABLE fraud_labels DISABLE TRIGGER USER")
    late = await admin.execute(
        "UPDATE fraud_labels l SET known_at = now() FROM payments p"
        " WHERE p.payment_id = l.payment_id AND p.created_at < $1 AND l.label = 'fraud'"
        " AND p.created_at > $1 - interval '5 days'",
        before.test_from,
    )
    moved = int(late.split()[1])
    after = await learn(paykeel, merchant)
    assert moved > 5
    assert after.trained.figures.fitted_frauds == before.trained.figures.fitted_frauds - moved
    assert after.trained.figures.unlabelled == before.trained.figures.unlabelled + moved


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"features": ["payment.amout"]}, "training_feature_unknown"),
        ({"features": ["ml.score"]}, "training_feature_unknown"),
        ({"features": ["buyer.id"]}, "training_feature_unknown"),
        ({}, "training_labels_too_few"),
    ],
)
async def test_what_cannot_be_trained_is_refused(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    changes: dict[str, Any],
    code: str,
) -> None:
    await write_past(admin, merchant.merchant_id, 60)
    with pytest.raises(InvalidField) as refused:
        await learn(paykeel, merchant, **changes)
    assert refused.value.code == code


async def test_without_a_past_there_is_nothing_to_train_on(
    urls: Urls, paykeel: Paykeel, merchant: Merchant
) -> None:
    assert settings_for(urls).database_url is not None
    with pytest.raises(InvalidField) as refused:
        await learn(paykeel, merchant)
    assert refused.value.code == "training_features_out_of_range"
