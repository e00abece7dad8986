"""Rulesets are stored for good, under numbers of which none is given twice."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel.errors import NotFound, Overloaded
from paykeel.fraud.rules import read_ruleset
from paykeel.fraud.rulesets import READS_WAITING_MAX
from tests.database.applying import numbered
from tests.database.rulesets import backtested, go_live, store
from tests.unit.fraud.rulesets import document, rule

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls


async def test_what_is_stored_is_numbered_by_what_it_says(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    first = await store(paykeel, merchant)
    same = await store(paykeel, merchant)
    second = await store(paykeel, merchant, rule(score=5), rule("other"))
    back = await store(paykeel, merchant)
    whole = await paykeel.rulesets.get(merchant.merchant_id, "tested", 2)

    assert (first.ruleset_version, first.is_new) == (1, True)
    assert (same.ruleset_version, same.is_new) == (1, False)
    assert (second.ruleset_version, second.is_new) == (2, True)
    assert second.members == [{"key": "dear", "version": 2}, {"key": "other", "version": 1}]
    # Exactly this was stored before, so it has its old number.
    assert back.ruleset_version == 1
    assert whole.document == read_ruleset(document(rule(score=5), rule("other"))).document()
    assert (whole.created_by, whole.sha256) == ("ann", second.sha256)


async def test_a_plan_says_what_would_change_and_stores_nothing(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    stored = await store(paykeel, merchant, rule(), rule("gone"), limits={"daily": 5})
    changed = read_ruleset(
        document(rule(score=5, tests=[]), rule("new"), limits={"daily": 6}, lists=["vip"])
    )
    made = await paykeel.rulesets.plan(merchant.merchant_id, changed)
    same = await paykeel.rulesets.plan(
        merchant.merchant_id, read_ruleset(document(rule(), rule("gone"), limits={"daily": 5}))
    )

    assert [(one.key, str(one.change), one.version_from, one.version_to) for one in made.rules] == [
        ("dear", "changed", 1, 2),
        ("new", "new", None, 1),
        ("gone", "removed", 1, None),
    ]
    assert made.rules[0].fields == ("score",)
    assert [(one.part, one.name, one.before, one.after) for one in made.parts] == [
        ("limits", "daily", 5, 6),
        ("lists", "vip", None, True),
    ]
    assert (made.version_from, made.version_to, made.is_new) == (1, 2, True)
    assert (same.version_to, same.is_new) == (1, False)
    assert {str(one.change) for one in same.rules} == {"same"}
    found = await paykeel.rulesets.versions(merchant.merchant_id)
    assert [one.ruleset_version for one in found] == [stored.ruleset_version]


async def test_the_default_is_compared_with_the_built_in_one(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    built_in = await paykeel.rulesets.get(merchant.merchant_id, "default", 0)
    stricter = read_ruleset({**built_in.document, "on_failure": "block"})
    made = await paykeel.rulesets.plan(merchant.merchant_id, stricter)
    stored = await paykeel.rulesets.apply(merchant.merchant_id, stricter, "ann")

    assert (made.version_from, made.version_to, stored.ruleset_version) == (0, 1, 1)
    assert {str(one.change) for one in made.rules} == {"same"}
    assert [(one.part, one.before, one.after) for one in made.parts] == [
        ("on_failure", "review", "block")
    ]


async def test_sixteen_at_once_from_two_processes_get_sixteen_numbers(
    paykeel: Paykeel, merchant: Merchant, urls: Urls
) -> None:
    words = [sys.executable, "-m", "tests.database.applying", urls.app, str(merchant.merchant_id)]
    processes = [await asyncio.create_subprocess_exec(*words, first, "8") for first in ("0", "8")]
    codes = [await process.wait() for process in processes]
    found = await paykeel.rulesets.versions(merchant.merchant_id)

    assert codes == [0, 0]
    assert sorted(one.ruleset_version for one in found) == list(range(1, 17))
    # Two different rules, however many rulesets have them.
    assert {one.members[0]["version"] for one in found} == {1, 2}
    for number in range(16):
        again = await paykeel.rulesets.apply(merchant.merchant_id, numbered(number), "ben")
        assert not again.is_new


async def test_the_database_refuses_a_number_that_is_taken(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await store(paykeel, merchant)
    for table, key in (("fraud_rulesets", "ruleset"), ("fraud_rules", "rule")):
        other = f"INSERT INTO {table} SELECT * FROM {table}"  # noqa: S608
        with pytest.raises(asyncpg.UniqueViolationError):
            await admin.execute(other)
        columns = await admin.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1 "
            "ORDER BY ordinal_position",
            table,
        )
        names = [row["column_name"] for row in columns]
        given = [f"{name} + 1" if name == f"{key}_version" else name for name in names]
        # What is the same is not stored under another number either.
        with pytest.raises(asyncpg.UniqueViolationError, match="once"):
            await admin.execute(
                f"INSERT INTO {table} ({', '.join(names)}) "  # noqa: S608
                f"SELECT {', '.join(given)} FROM {table}"
            )


async def test_nobody_changes_what_is_stored_or_was_approved(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, urls: Urls
) -> None:
    await go_live(paykeel, admin, merchant, await store(paykeel, merchant))
    app = await asyncpg.connect(urls.app)
    try:
        for connection in (app, admin):
            for statement in (
                "UPDATE fraud_rules SET created_by = 'eve'",
                "UPDATE fraud_rulesets SET created_by = 'eve'",
                "UPDATE fraud_activations SET approved_by = 'eve'",
                "DELETE FROM fraud_rules",
                "DELETE FROM fraud_rulesets",
                "DELETE FROM fraud_activations",
                "TRUNCATE fraud_rules",
                "TRUNCATE fraud_rulesets CASCADE",
                "TRUNCATE fraud_activations",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
    finally:
        await app.close()


async def test_another_merchants_rulesets_are_not_there(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    stored = await store(paykeel, merchant)
    await backtested(admin, merchant, stored)
    asked = await paykeel.rulesets.request_live(merchant.merchant_id, "tested", 1, "ann")
    rulesets = paykeel.rulesets
    other = (await paykeel.merchants.create("Other")).merchant_id

    assert await rulesets.versions(other) == []
    assert await rulesets.history(other) == []
    for refused in (
        rulesets.get(other, "tested", 1),
        rulesets.request_live(other, "tested", 1, "ann"),
        rulesets.set_shadow(other, "tested", 1, "ann"),
        rulesets.approve(other, asked.activation_id, "ben"),
        rulesets.apply(uuid.uuid4(), read_ruleset(document()), "ann"),
        rulesets.request_live(merchant.merchant_id, "default", 0, "ann"),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_only_so_many_documents_wait_to_be_checked(paykeel: Paykeel) -> None:
    found = await asyncio.gather(
        *(paykeel.rulesets.read(document()) for _ in range(READS_WAITING_MAX + 1)),
        return_exceptions=True,
    )
    refused = [one for one in found if isinstance(one, BaseException)]
    assert [type(one) for one in refused] == [Overloaded]
    assert (await paykeel.rulesets.read("ruleset: a\nrules: []")).name == "a"


async def test_pages_follow_each_other(paykeel: Paykeel, merchant: Merchant) -> None:
    for number in range(3):
        await store(paykeel, merchant, rule(score=number), ruleset="b")
    await store(paykeel, merchant, ruleset="a")
    versions = paykeel.rulesets.versions
    first = await versions(merchant.merchant_id, rows_max=2)
    rest = await versions(merchant.merchant_id, after=("b", 3))
    named = await versions(merchant.merchant_id, name="b", rows_max=1)

    assert [(one.ruleset, one.ruleset_version) for one in first] == [("a", 1), ("b", 3)]
    assert [(one.ruleset, one.ruleset_version) for one in rest] == [("b", 2), ("b", 1)]
    assert [(one.ruleset, one.ruleset_version) for one in named] == [("b", 3)]
