"""Where it is measured: an embedded server in a folder that goes away, with databases in it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from benchmarks.purchases import InstantGateway, documents
from paykeel.core import Core, Urls, migrate_all
from paykeel.db.embedded import start_embedded
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.gateways.registry import Gateways
from paykeel.payments.model import PurchaseRequest
from paykeel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.db.embedded import EmbeddedServer
    from paykeel.db.sql import Statement

SQL = load("benchmarks")
#: So that keys of a past can be made beforehand; of databases that go away.
FRAUD_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Stand:
    """A database to measure in, with one merchant and what a real purchase looks like there."""

    server: EmbeddedServer
    name: str
    merchant_id: UUID
    #: The stored answer of a purchase, its message, and the gateway's name.
    body: str
    payload: str
    gateway: str
    #: The server's version.
    postgres: str
    #: Fraud prevention is measured in a part of its own, and the floor has none.
    rules: str = "none"

    @property
    def app_url(self) -> str:
        """As the application connects."""
        return self.server.url("paykeel_app", self.name)

    @property
    def settings(self) -> Settings:
        """Paykeel's defaults, but for where the database is and what the environment says."""
        return _settings(self.app_url, self.rules)

    async def run_as_admin(self, statement: Statement, **values: object) -> list[asyncpg.Record]:
        """Run a statement as the superuser, however long it takes."""
        connection = await asyncpg.connect(self.server.url("postgres", self.name))
        try:
            return await fetch_on(connection, statement, values)
        finally:
            await connection.close()

    async def checkpoint(self) -> None:
        """Leave nothing to write that came from before."""
        await self.run_as_admin(SQL["checkpoint"])


@asynccontextmanager
async def open_server(folder: Path | None) -> AsyncIterator[EmbeddedServer]:
    """Start a server with Paykeel's own configuration, and remove it with its data at the end."""
    # A short path, because a socket stands in it.
    place = Path(tempfile.mkdtemp(prefix="pkb-", dir=folder))
    try:
        server = await asyncio.to_thread(start_embedded, place / "d")
        try:
            yield server
        finally:
            await asyncio.to_thread(server.release)
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def _settings(app: str, rules: str, owner: str | None = None) -> Settings:
    return Settings.model_validate(
        {
            "database_url": app,
            "migration_database_url": owner,
            "fraud_default_ruleset": rules,
            "fraud_secrets": FRAUD_SECRET,
        }
    )


async def make_stand(server: EmbeddedServer, name: str) -> Stand:
    """Make a migrated database with a merchant who has sold something once."""
    await asyncio.to_thread(server.create_database, name)
    app, owner = server.url("paykeel_app", name), server.url("paykeel_owner", name)
    settings = _settings(app, "none", owner)
    await migrate_all(Urls(app, owner, None), settings)
    async with open_core(settings) as core:
        merchant_id = (await core.merchants.create("Harbour Market", "test")).merchant_id
        request = PurchaseRequest.from_document(documents(1)[0])
        await core.payments.purchase(request, merchant_id=merchant_id, idempotency_key="sample")
        row = await core.database.fetchrow(SQL["sample"], merchant_id=merchant_id)
    if row is None:
        message = "the first purchase did not succeed"
        raise RuntimeError(message)
    return Stand(server, name, merchant_id, **row)


@asynccontextmanager
async def open_core(settings: Settings, *, placeholder: bool = False) -> AsyncIterator[Core]:
    """Open Paykeel with the instant gateway, or with the placeholder as it comes."""
    gateways = None if placeholder else Gateways.of(test=InstantGateway())
    async with Core.open(settings, gateways=gateways) as core:
        yield core
