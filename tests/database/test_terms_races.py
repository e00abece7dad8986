"""What is said at once, from several places, is stored once or not at all."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel.errors import Refused
from paykeel.terms import TermsScope
from paykeel.terms.acceptance import Acceptance, Asked
from paykeel.terms.evidence_facts import ClientFacts
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from uuid import UUID

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.terms.acceptance import Presentation
    from tests.servers import Urls

FACTS = ClientFacts(ip="203.0.113.9")


#: What somebody else says to one version that was shown.
ANSWER = """
INSERT INTO terms_acceptance (
    merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id, version_id,
    version_sha256, locale, text_sha256, presentation_id, presentation_sha256, method, actor_kind,
    occurred_at, recorded_at)
SELECT
    p.merchant_id, gen_random_uuid(), p.buyer_id, p.buyer_role, $3, v.document_id, v.scope_id,
    v.version_id, v.version_sha256, 'en', v.version_sha256, p.presentation_id, p.nonce_sha256,
    'api', 'human', now(), now()
FROM terms_presentations p
JOIN terms_versions v USING (merchant_id)
WHERE p.presentation_id = $1 AND v.version_id = $2
"""


async def show(paykeel: Paykeel, merchant: Merchant, keys: Sequence[str] = ()) -> Presentation:
    asked = Asked(buyer_id="agent-7", buyer_role="agent", keys=tuple(keys))
    return await paykeel.terms.acceptances.present(merchant.merchant_id, asked)


async def outcomes(
    calls: Sequence[Awaitable[tuple[Acceptance, ...]]],
) -> list[tuple[Acceptance, ...] | str]:
    """Return what each gave, or the code with which it was refused."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    told: list[tuple[Acceptance, ...] | str] = []
    for one in found:
        if isinstance(one, Refused):
            told.append(one.code)
        else:
            assert isinstance(one, tuple), one
            told.append(one)
    return told


async def test_a_thousand_acceptances_from_two_processes_are_one(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, key="privacy")
    shown = await show(paykeel, merchant)
    words = [
        sys.executable, "-m", "tests.database.accepting", urls.app, str(merchant.merchant_id),
        # A nonce may begin with a dash.
        shown.nonce, "agent-7", "500",
    ]  # fmt: skip
    pipe = asyncio.subprocess.PIPE
    processes = [await asyncio.create_subprocess_exec(*words, stdout=pipe) for _ in range(2)]
    told = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(out) for out, _ in told) == 1
    for table in ("terms_acceptance", "terms_personal"):
        # One of each document.
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 2, table  # noqa: S608


async def four(paykeel: Paykeel, merchant: Merchant) -> list[UUID]:
    """Publish four documents; return the versions in the order in which answers are stored."""
    made = [await require_terms(paykeel, merchant, key=f"part-{number}") for number in range(4)]
    return sorted(version.version_id for version in made)


async def test_of_yes_and_no_at_once_one_holds_for_all_that_was_shown(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    last = (await four(paykeel, merchant))[-1:]
    random = Random(17)
    for _ in range(20):
        shown = await show(paykeel, merchant, keys=[f"part-{number}" for number in range(4)])
        # Whoever declines the last one races with who has stored all before it.
        said = [("accept", None), ("decline", last)] * 3
        random.shuffle(said)
        told = await outcomes(
            [
                acceptances.decide(whose, shown.nonce, "agent-7", one, FACTS, version_ids=ids)
                for one, ids in said
            ]
        )
        stored = [
            row["decision"]
            for row in await admin.fetch(
                "SELECT decision FROM terms_acceptance WHERE presentation_id = $1",
                shown.presentation_id,
            )
        ]
        assert stored in (["accept"] * 4, ["decline"])
        for one in told:
            if isinstance(one, str):
                assert one == "terms_nonce_used"
            else:
                assert [each.decision for each in one] == stored


@pytest.mark.parametrize("decision", ["accept", "decline"])
async def test_who_comes_second_on_one_version_keeps_nothing_of_the_others_by_itself(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, admin: asyncpg.Connection, decision: str
) -> None:
    """Somebody is about to answer the last one: the answer to all waits, and sees that it did."""
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    last = (await four(paykeel, merchant))[-1]
    shown = await show(paykeel, merchant)
    rival = await asyncpg.connect(urls.app)
    try:
        async with rival.transaction():
            await rival.execute(ANSWER, shown.presentation_id, last, decision)
            call = asyncio.create_task(
                acceptances.decide(whose, shown.nonce, "agent-7", "accept", FACTS)
            )
            await _waits(admin)
    finally:
        await rival.close()
    (told,) = await outcomes([call])
    if decision == "decline":
        assert told == "terms_nonce_used"
        assert await admin.fetchval("SELECT array_agg(decision) FROM terms_acceptance") == [
            "decline"
        ]
    else:
        assert {one.version_id: one.replayed for one in told if not isinstance(one, str)} == {
            item.version.version_id: item.version.version_id == last for item in shown.items
        }
        assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 4
        assert await admin.fetchval("SELECT count(*) FROM terms_personal") == 3


async def _waits(admin: asyncpg.Connection) -> None:
    """Return once some statement of this database waits for a lock."""
    async with asyncio.timeout(20):
        while not await admin.fetchval(  # noqa: ASYNC110 - the database tells
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


async def test_the_same_about_parts_that_overlap_is_stored_once_each(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    versions = [
        (await require_terms(paykeel, merchant, key=f"part-{number}")).version_id
        for number in range(6)
    ]
    shown = await show(paykeel, merchant)
    told = await outcomes(
        [
            acceptances.decide(
                whose, shown.nonce, "agent-7", "accept", FACTS,
                version_ids=versions[start:end] if turn else versions[start:end][::-1],
            )
            for start in range(6)
            for end in range(start + 1, 7)
            for turn in (0, 1)
        ]
    )  # fmt: skip
    assert not any(isinstance(one, str) for one in told)
    new = [said.version_id for one in told for said in one if not isinstance(said, str)
           and not said.replayed]  # fmt: skip
    assert sorted(new) == sorted(versions)
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 6


async def test_what_is_taken_back_at_once_is_taken_back_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, scope=TermsScope(jurisdiction="DE"))
    await accept_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, jurisdiction="DE")
    told = await outcomes(
        [acceptances.withdraw(whose, "agent-7", "terms", FACTS) for _ in range(50)]
    )
    assert Counter(one if isinstance(one, str) else "taken back" for one in told) == {
        "taken back": 1, "terms_nothing_to_withdraw": 49
    }  # fmt: skip
    count = "SELECT count(*) FROM terms_acceptance WHERE decision = 'withdraw'"
    assert await admin.fetchval(count) == 2


async def test_nothing_is_accepted_after_its_successor_is_published(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Acceptances race a publication; none comes after it by what the database saw."""
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    nonces = [(await show(paykeel, merchant)).nonce for _ in range(100)]

    async def accept(nonce: str, turn: int) -> tuple[Acceptance, ...]:
        await asyncio.sleep(turn / 2_000)
        return await acceptances.decide(whose, nonce, "agent-7", "accept", FACTS)

    async def publish() -> tuple[Acceptance, ...]:
        await asyncio.sleep(0.02)
        await require_terms(paykeel, merchant, version="2.0.0")
        return ()

    told = await outcomes([publish(), *(accept(nonce, turn) for turn, nonce in enumerate(nonces))])
    refused = [one for one in told if isinstance(one, str)]
    assert set(refused) <= {"terms_version_stale"}
    stored = await admin.fetchval("SELECT count(*) FROM terms_acceptance")
    assert stored == 100 - len(refused)
    # From now on there is no way.
    left = [acceptances.decide(whose, nonce, "agent-7", "decline", FACTS) for nonce in nonces]
    assert Counter(isinstance(one, str) for one in await outcomes(left)) == Counter(
        {True: stored, False: len(refused)} if refused else {True: stored}
    )


async def test_the_statement_itself_refuses_what_has_just_become_stale_or_late(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """What was read before is old by the time at which the answer is stored."""
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    first = await require_terms(paykeel, merchant)
    privacy = await require_terms(paykeel, merchant, key="privacy")
    shown = await show(paykeel, merchant)
    read = await acceptances._shown(whose, shown.nonce, "agent-7")
    ids = [first.version_id, privacy.version_id]
    await require_terms(paykeel, merchant, version="2.0.0")
    assert await acceptances._add(whose, read, ids, "accept", FACTS) == []
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "UPDATE terms_presentations SET shown_at = now() - interval '2 h', expires_at = now()"
    )
    assert await acceptances._add(whose, read, [privacy.version_id], "accept", FACTS) == []
    assert await acceptances._add(whose, read, ids, "decline", FACTS) == []
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 0
