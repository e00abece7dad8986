"""Addresses and user agents can be erased; all that is chained stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.clock import new_id
from paykeel.errors import InvalidField, NotFound
from paykeel.terms import erasing
from paykeel.terms.evidence_facts import ClientFacts
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant

FACTS = ClientFacts(ip="203.0.113.9", user_agent="Mozilla/5.0")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def chained(admin: asyncpg.Connection) -> list[str]:
    rows = await admin.fetch("SELECT to_jsonb(t)::text AS row FROM terms_acceptance t ORDER BY 1")
    return [row["row"] for row in rows]


async def test_one_acceptance_is_erased(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    (said,) = await accept_terms(paykeel, merchant, facts=FACTS)
    (other,) = await accept_terms(paykeel, merchant, "agent-8", facts=FACTS)
    before = await chained(admin)
    assert await acceptances.erase(whose, acceptance_id=said.acceptance_id, author="Ann") == 1
    assert await acceptances.erase(whose, acceptance_id=said.acceptance_id, author="Ben") == 0
    erased = await acceptances.get(whose, said.acceptance_id)
    assert (erased.ip, erased.user_agent) == (None, None)
    assert erased.erased_at is not None
    assert (erased.ip_hash, erased.user_agent_hash) == (said.ip_hash, said.user_agent_hash)
    assert await acceptances.get(whose, other.acceptance_id) == other
    row = await admin.fetchrow(
        "SELECT ip, ip_salt, user_agent, user_agent_salt, erased_by FROM terms_personal"
        " WHERE erased_at IS NOT NULL"
    )
    assert row is not None
    assert tuple(row) == (None, None, None, None, "Ann")
    assert await chained(admin) == before


async def test_all_of_a_buyer_or_all_before_an_instant_is_erased(
    paykeel: Paykeel, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    said = [
        one
        for number in range(9)
        for one in await accept_terms(
            paykeel,
            merchant,
            f"agent-{number % 3}",
            keys=("terms",),
            # One without anything personal between the others.
            facts=ClientFacts() if number == 4 else FACTS,
        )
    ]
    assert await acceptances.erase(whose, buyer_id="agent-1", author="Ann") == 2
    assert await acceptances.erase(whose, buyer_id="agent-1", author="Ann") == 0
    assert await acceptances.erase(whose, before=said[5].occurred_at, author="Ann") == 3
    assert await acceptances.erase(whose, before=said[0].occurred_at, author="Ann") == 0
    left = [await acceptances.get(whose, one.acceptance_id) for one in said]
    assert [one.ip is None for one in left] == [
        True, True, True, True, True, False, False, True, False
    ]  # fmt: skip


async def test_more_is_erased_than_one_statement_looks_at(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, facts=FACTS)
    columns = [
        row["column_name"]
        for row in await admin.fetch(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = 'terms_acceptance' ORDER BY ordinal_position"
        )
    ]
    copied = ", ".join(
        {"acceptance_id": "gen_random_uuid()", "presentation_id": "NULL",
         "presentation_sha256": "NULL", "decision": "'withdraw'"}.get(name, name)
        for name in columns
    )  # fmt: skip
    rows = 2 * erasing.ROWS_MAX
    await admin.execute(
        f"INSERT INTO terms_acceptance ({', '.join(columns)})"  # noqa: S608 - columns of the table
        f" SELECT {copied} FROM terms_acceptance, generate_series(1, {rows})"
    )
    await admin.execute(
        "INSERT INTO terms_personal (merchant_id, acceptance_id, ip, ip_salt)"
        " SELECT t.merchant_id, t.acceptance_id, '203.0.113.9', sha256('salt')"
        " FROM terms_acceptance t"
        " WHERE NOT EXISTS (SELECT FROM terms_personal p WHERE p.acceptance_id = t.acceptance_id)"
    )
    later = datetime.now(UTC) + timedelta(minutes=1)
    half = (
        "UPDATE terms_personal SET ip = NULL, ip_salt = NULL, user_agent = NULL,"
        " user_agent_salt = NULL, erased_at = now() WHERE acceptance_id < $1"
    )
    done = await admin.execute(half, "80000000-0000-0000-0000-000000000000")
    expected = rows + 1 - int(done.split()[1])
    assert await acceptances.erase(whose, before=later, author="Ann") == expected
    assert await acceptances.erase(whose, buyer_id="agent-7", author="Ann") == 0
    count = "SELECT count(*) FROM terms_personal WHERE erased_at IS NULL"
    assert await admin.fetchval(count) == 0


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({}, "acceptance_id", "field_required"),
        ({"buyer_id": "agent-7", "before": NOW}, "acceptance_id", "field_required"),
        ({"before": NOW.replace(tzinfo=None)}, "before", "instant_malformed"),
        ({"buyer_id": ""}, "buyer_id", "text_empty"),
        ({"buyer_id": "agent-7", "author": " "}, "author", "text_empty"),
    ],
)
async def test_what_to_erase_is_said_in_one_way(
    paykeel: Paykeel, merchant: Merchant, given: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await paykeel.terms.acceptances.erase(merchant.merchant_id, **{"author": "Ann"} | given)
    assert (caught.value.field, caught.value.code) == (field, code)


async def test_an_acceptance_that_is_not_there_is_not_erased(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    with pytest.raises(NotFound) as caught:
        await paykeel.terms.acceptances.erase(
            merchant.merchant_id, acceptance_id=new_id(), author="Ann"
        )
    assert caught.value.code == "terms_acceptance_unknown"


async def test_the_application_cannot_change_what_was_said(
    paykeel: Paykeel, merchant: Merchant, urls: Any
) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, facts=FACTS)
    app = await asyncpg.connect(urls.app)
    try:
        for statement in (
            "UPDATE terms_acceptance SET buyer_id = 'x'",
            "DELETE FROM terms_acceptance",
            "TRUNCATE terms_acceptance CASCADE",
            "UPDATE terms_presentations SET buyer_id = 'x'",
            "DELETE FROM terms_presentations",
            "TRUNCATE terms_presentations CASCADE",
            "DELETE FROM terms_personal",
            "TRUNCATE terms_personal",
            "UPDATE terms_personal SET acceptance_id = gen_random_uuid()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
    finally:
        await app.close()
