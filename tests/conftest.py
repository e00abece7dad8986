"""A new, migrated database for each test, on a real server; and a Paykeel that uses it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel import Paykeel, PurchaseRequest, Settings
from tests.rates import give_rates
from tests.servers import Databases, Urls, close_all, databases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from paykeel.merchants import Merchant

DEFAULT_VERSION = 18


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is under tests/database on both embedded servers."""
    if "postgres_version" not in metafunc.fixturenames:
        return
    both = "tests/database" in metafunc.definition.nodeid
    external = "PAYKEEL_TEST_DATABASE_URL" in os.environ
    versions = [18, 16] if both and not external else [DEFAULT_VERSION]
    metafunc.parametrize(
        "postgres_version", versions, ids=[f"pg{version}" for version in versions], scope="session"
    )


def pytest_sessionfinish() -> None:
    """Stop the servers, whatever happened."""
    close_all()


@pytest.fixture(scope="session")
def server(postgres_version: int) -> Databases:
    """The server of this test."""
    return databases(postgres_version)


@pytest.fixture
def urls(server: Databases) -> Iterator[Urls]:
    """A migrated database of this test's own."""
    made = server.new()
    yield made
    server.drop(made)


def settings_for(urls: Urls, **changes: object) -> Settings:
    """Settings with deadlines that suit a test."""
    values: dict[str, object] = {
        "database_url": urls.app,
        "migration_database_url": urls.owner,
        "gateway_ms_max": 1_000,
        "recovery_grace_ms": 200,
        "recovery_interval_ms": 50,
        "recovery_backoff_ms_min": 50,
        "recovery_backoff_ms_max": 1_000,
        "log_level": "CRITICAL",
        # Tests of fraud prevention ask for it; all others buy as often as they like.
        "fraud_default_ruleset": "none",
        **changes,
    }
    return Settings.model_validate(values)


@pytest.fixture
def settings(urls: Urls) -> Settings:
    """Settings for this test's database."""
    return settings_for(urls)


@pytest.fixture
async def paykeel(settings: Settings) -> AsyncIterator[Paykeel]:
    """An open Paykeel, without a worker."""
    async with Paykeel.open(settings) as opened:
        yield opened


@pytest.fixture
async def merchant(paykeel: Paykeel) -> Merchant:
    """A merchant in test mode, with the rates of the example."""
    made = await paykeel.merchants.create("Harbour Market", "test")
    await give_rates(paykeel, made.merchant_id)
    return await paykeel.merchants.get(made.merchant_id)


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that owns the tables."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def admin(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the superuser."""
    connection = await asyncpg.connect(urls.admin)
    yield connection
    await connection.close()


def order(**changes: object) -> PurchaseRequest:
    """A plausible purchase."""
    values: dict[str, object] = {
        "amount": 1_250,
        "currency": "EUR",
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "payment_method": "pm_ok",
        "reference": "order-17",
        **changes,
    }
    return PurchaseRequest(**values)  # type: ignore[arg-type]
