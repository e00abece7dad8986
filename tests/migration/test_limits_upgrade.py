"""What merchants might sell for before limits had roles, kinds and dates holds afterwards, too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.db.migrate import load_migrations, migrate

if TYPE_CHECKING:
    from tests.migration.conftest import Connect, EmptyDatabase


async def test_limits_of_the_first_version_are_taken_over(
    database: EmptyDatabase, connect: Connect
) -> None:
    migrations = load_migrations()
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=migrations[:1])
    owner = await connect(database.owner_url)
    for number in (1, 2):
        await owner.execute(
            "INSERT INTO merchants (merchant_id, name, mode) VALUES ($1, 'Market', 'test')",
            UUID(int=number),
        )
    await owner.execute(
        "INSERT INTO merchant_limits (merchant_id, currency, amount_min, amount_max)"
        " VALUES ($1, 'EUR', 5, 500)",
        UUID(int=1),
    )

    await migrate(database.owner_url, lock_ms_max=5_000, migrations=migrations[:2])

    rows = await owner.fetch(
        "SELECT merchant_id, currency, buyer_role, kind, amount_min, amount_max, created_by,"
        " effective_at <= now() AS holds FROM amount_limits ORDER BY merchant_id, currency"
    )
    most = 999_999_999_999
    assert [tuple(row) for row in rows] == [
        (UUID(int=1), "*", "*", "*", 1, most, "migration", True),
        (UUID(int=1), "EUR", "*", "*", 5, 500, "migration", True),
        (UUID(int=2), "*", "*", "*", 1, most, "migration", True),
    ]
    assert await owner.fetchval("SELECT to_regclass('merchant_limits')") is None
    assert await owner.fetchval("SELECT DISTINCT reference_currency FROM merchants") == "EUR"
