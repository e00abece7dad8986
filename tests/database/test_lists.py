"""Lists hold keys and no values; what has expired counts for nothing and goes away."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.keys import KeyMaker
from paykeel.fraud.lists import (
    ENTRIES_MAX,
    PURGE_ROWS_MAX,
    SQL,
    Entry,
    FraudLists,
    ListItem,
    read_entry,
)
from paykeel.fraud.rules import read_ruleset
from paykeel.worker import Worker
from tests.unit.fraud.rulesets import document, rule

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def entry(kind: str = "ip", value: str = "203.0.113.9", **changes: Any) -> Entry:
    """A checked entry."""
    return read_entry({"kind": kind, "value": value, "reason": "card testing", **changes}, NOW)


async def put_expired(
    admin: asyncpg.Connection, merchant: Merchant, count: int, seconds: int = 1
) -> None:
    """Put in items that have expired."""
    await admin.execute(
        """
        INSERT INTO fraud_lists (
            merchant_id, key, list, kind, reason, author, created_at, expires_at)
        SELECT $1, n, 'block', 'card', 'declines', 'rule:card_declines', now() - interval '1 hour',
            now() - make_interval(secs => $3)
        FROM generate_series(1, $2) AS n
        """,
        merchant.merchant_id,
        count,
        seconds,
    )


async def test_a_value_is_found_however_it_is_written_and_stands_nowhere(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    (item,) = await lists.add(merchant_id, "block", entry("email", "Ann@Example.org"), "ben")
    (found,) = await lists.find(merchant_id, "email", "ANN@example.ORG")
    row = await admin.fetchrow("SELECT f::text AS whole FROM fraud_lists f")

    assert found == item
    assert (item.list, item.kind, item.author, item.expires_at) == ("block", "email", "ben", None)
    assert row is not None
    assert "ann" not in row["whole"].lower().replace("ben", "")
    assert await lists.find(merchant_id, "email_domain", "example.org") == ()
    assert await lists.find(merchant_id, "buyer", "ann@example.org") == ()


async def test_adding_again_writes_anew_why_and_until_when(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    await lists.add(merchant_id, "block", entry(), "ann")
    until = "2027-01-01T00:00:00Z"
    await lists.add(merchant_id, "block", entry(reason="again", expires_at=until), "ben")
    await lists.add(merchant_id, "watch", entry(), "ann")
    found = await lists.find(merchant_id, "ip", "::ffff:203.0.113.9")

    assert [(one.list, one.reason, one.author) for one in found] == [
        ("block", "again", "ben"),
        ("watch", "card testing", "ann"),
    ]
    assert found[0].expires_at == datetime(2027, 1, 1, tzinfo=UTC)


async def test_what_is_taken_off_is_off(paykeel: Paykeel, merchant: Merchant) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    await lists.add(merchant_id, "block", entry(), "ann")
    (other,) = await lists.add(merchant_id, "block", entry("device", "d-1"), "ann")
    await lists.remove(merchant_id, "block", "ip", "203.0.113.9")
    await lists.remove_item(merchant_id, "block", other.item_id)

    assert (await lists.show(merchant_id, "block")).items == ()
    for refused in (
        lists.remove(merchant_id, "block", "ip", "203.0.113.9"),
        lists.remove_item(merchant_id, "block", other.item_id),
        lists.remove_item(merchant_id, "block", "nonsense"),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_only_lists_that_somebody_declared_are_there(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    ruleset = read_ruleset(document(rule(when="list.vip"), lists=["vip"]))
    with pytest.raises(NotFound) as refused:
        await lists.add(merchant_id, "vip", entry(), "ann")
    assert refused.value.code == "list_unknown"
    await paykeel.rulesets.apply(merchant_id, ruleset, "ann")
    await lists.add(merchant_id, "vip", entry(), "ann")
    other = (await paykeel.merchants.create("Other")).merchant_id

    assert len((await lists.show(merchant_id, "vip")).items) == 1
    for name in ("vip", "none", "'; DROP TABLE fraud_lists"):
        with pytest.raises(NotFound):
            await lists.show(other, name)
    assert (await lists.show(other, "block")).items == ()


async def test_another_merchant_has_other_keys(paykeel: Paykeel, merchant: Merchant) -> None:
    lists = paykeel.fraud_lists
    (item,) = await lists.add(merchant.merchant_id, "block", entry(), "ann")
    other = (await paykeel.merchants.create("Other")).merchant_id
    (theirs,) = await lists.add(other, "block", entry(), "ann")

    assert item.key != theirs.key
    with pytest.raises(NotFound):
        await lists.remove_item(other, "block", item.item_id)


async def test_pages_follow_each_other_newest_first(paykeel: Paykeel, merchant: Merchant) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    # Of one instant, so that the key decides.
    await lists.put(merchant_id, "block", [entry("buyer", f"b-{n}") for n in range(25)], "ann")
    for number in range(5):
        await lists.put(merchant_id, "block", [entry("card", f"c-{number}")], "ann")
    seen: list[ListItem] = []
    cursor: str | None = None
    while True:
        page = await lists.show(merchant_id, "block", cursor, 7)
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break

    assert [item.kind for item in seen] == ["card"] * 5 + ["buyer"] * 25
    assert len({item.key for item in seen}) == 30
    assert seen == sorted(seen, key=lambda item: (item.created_at, item.key), reverse=True)
    for wrong in ("nonsense", "f" * 32, ""):
        with pytest.raises(InvalidField, match="page before"):
            await lists.show(merchant_id, "block", wrong)


async def test_what_has_expired_counts_for_nothing_and_is_purged(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    await lists.add(merchant_id, "block", entry(), "ann")
    soon = (paykeel.database.now() + timedelta(hours=1)).isoformat()
    await lists.add(merchant_id, "block", entry("device", "d-1", expires_at=soon), "ann")
    await put_expired(admin, merchant, PURGE_ROWS_MAX + 3)
    shown = await lists.show(merchant_id, "block")
    purged = [await Worker(paykeel).purge_lists() for _ in range(3)]
    left = await admin.fetchval("SELECT count(*) FROM fraud_lists")

    assert [item.kind for item in shown.items] == ["device", "ip"]
    assert purged == [PURGE_ROWS_MAX, 3, 0]
    assert left == 2


async def test_many_values_are_stored_at_once(paykeel: Paykeel, merchant: Merchant) -> None:
    lists, merchant_id = paykeel.fraud_lists, merchant.merchant_id
    entries = [entry("buyer", f"b-{number}") for number in range(ENTRIES_MAX)]
    began = time.monotonic()
    stored = await lists.put(merchant_id, "block", [*entries[:-1], entries[0]], "ann")
    assert len(stored) == ENTRIES_MAX - 1
    # Two at once, in opposite orders, wait for each other and do not lock each other out.
    await asyncio.gather(
        lists.put(merchant_id, "block", entries, "ann"),
        lists.put(merchant_id, "block", entries[::-1], "ben"),
    )
    assert time.monotonic() - began < 10
    with pytest.raises(ValueError, match="at most"):
        await lists.put(merchant_id, "block", [*entries, entry()], "ann")


async def test_while_the_secret_changes_both_keys_are_stored(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    merchant_id = merchant.merchant_id
    old, new = KeyMaker((b"o" * 32,)), KeyMaker((b"n" * 32,))
    both = FraudLists(paykeel.database, KeyMaker((b"n" * 32, b"o" * 32)))
    await both.add(merchant_id, "block", entry(), "ann")
    for keys in (old, new):
        lists = FraudLists(paykeel.database, keys)
        assert len(await lists.find(merchant_id, "ip", "203.0.113.9")) == 1
    await both.remove(merchant_id, "block", "ip", "203.0.113.9")
    assert (await both.show(merchant_id, "block")).items == ()


@pytest.mark.parametrize("author", ["", "x" * 101, "4242424242424242"])
async def test_people_have_names(paykeel: Paykeel, merchant: Merchant, author: str) -> None:
    with pytest.raises(InvalidField):
        await paykeel.fraud_lists.add(merchant.merchant_id, "block", entry(), author)


async def test_the_plans_of_reads_are_bounded(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """What is on another list, or never expires, is not read for a page or a purge."""
    await admin.execute(
        """
        INSERT INTO fraud_lists (merchant_id, key, list, kind, reason, author, created_at)
        SELECT $1, n, 'watch', 'card', 'r', 'ann', now() FROM generate_series(1, 20000) AS n
        """,
        merchant.merchant_id,
    )
    await admin.execute("ANALYZE fraud_lists")
    await paykeel.fraud_lists.add(merchant.merchant_id, "block", entry(), "ann")
    for name, values in (
        ("list_items", (merchant.merchant_id, "block", None, None, 20)),
        ("purge_items", (1_000,)),
    ):
        assert await _rows_read(paykeel, name, values) < 100


async def _rows_read(paykeel: Paykeel, name: str, values: tuple[Any, ...]) -> int:
    """Explain a statement on the application's own connection; return the rows its scans gave."""
    async with paykeel.database.connection() as connection, connection.transaction():
        found = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {SQL[name].text}", *values
        )
    return _rows(json.loads(found)[0]["Plan"])


def _rows(plan: dict[str, Any]) -> int:
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    mine = own if "Scan" in plan["Node Type"] else 0
    return int(mine) + sum(_rows(inner) for inner in plan.get("Plans", ()))
