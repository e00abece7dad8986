"""The gate of a purchase: what needs terms waits for them, exactly, its key free."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import TermsAcceptanceRequired
from paykeel.terms import TermsScope
from paykeel.terms.drafting import Draft
from paykeel.terms.evidence_facts import ClientFacts
from tests.database.helpers import again, ask, audited, body, buy, opened
from tests.database.refund_policies import publish_policy
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

EMPTY_WHILE_REFUSED = (
    "payments", "payment_idempotency", "payment_attempts", "payment_events",
    "fraud_prevention_logs", "outbox", "payment_metrics",
)  # fmt: skip


async def refused(paykeel: Paykeel, merchant: Merchant, *args: Any, **changes: Any) -> list[str]:
    """Return which documents are missing."""
    with pytest.raises(TermsAcceptanceRequired) as caught:
        await buy(paykeel, merchant, *args, **changes)
    assert caught.value.data["presentation_url"] == "/v1/terms/presentations"
    return [f"{one['document']} {one['version']}" for one in caught.value.data["missing"]]


async def test_terms_come_first_and_the_key_stays_free(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant, version="1.0.0")
    assert await refused(paykeel, merchant) == ["terms 1.0.0"]
    for table in EMPTY_WHILE_REFUSED:
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608
    # Another's acceptance does not do.
    await accept_terms(paykeel, merchant, "agent-8")
    assert await refused(paykeel, merchant) == ["terms 1.0.0"]
    await accept_terms(paykeel, merchant, "agent-7")
    answer = await ask(paykeel, merchant)
    assert answer.status == 201
    assert "warnings" not in body(answer)
    await require_terms(paykeel, merchant, version="2.0.0")
    # A finished purchase is answered as it was, whatever the terms are now.
    assert await ask(paykeel, merchant) == replace(answer, replayed=True)
    assert await refused(paykeel, merchant, "new") == ["terms 2.0.0"]
    await accept_terms(paykeel, merchant, "agent-7")
    assert (await ask(paykeel, merchant, "new")).status == 201
    await audited(paykeel)


async def test_every_required_document_is_listed_and_no_optional_one(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant, key="privacy", version="1.0.0")
    await require_terms(paykeel, merchant, key="terms", version="3.1.0")
    await paykeel.terms.documents.create(
        merchant.merchant_id, "news", "marketing", "Our news", author="ann"
    )
    assert await refused(paykeel, merchant) == ["privacy 1.0.0", "terms 3.1.0"]
    await accept_terms(paykeel, merchant, "agent-7", keys=("privacy",))
    assert await refused(paykeel, merchant) == ["terms 3.1.0"]


async def test_terms_are_one_merchants(paykeel: Paykeel, merchant: Merchant) -> None:
    other = await paykeel.merchants.create("Mill Market")
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, other)
    await accept_terms(paykeel, other, "agent-7")
    assert (await buy(paykeel, other)).status == "succeeded"
    assert await refused(paykeel, merchant) == ["terms 1.0.0"]


async def test_a_batch_mixes_who_accepted_and_who_did_not(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    for number in range(0, 20, 2):
        await accept_terms(paykeel, merchant, f"agent-{number}")
    results = await asyncio.gather(
        *(
            buy(paykeel, merchant, f"order-{number}", buyer_id=f"agent-{number}")
            for number in range(20)
        ),
        return_exceptions=True,
    )
    for number, result in enumerate(results):
        if number % 2:
            assert isinstance(result, TermsAcceptanceRequired), number
        else:
            assert not isinstance(result, BaseException), result
            assert await again(paykeel, result) == result


async def test_a_withdrawal_closes_the_gate_and_a_new_acceptance_opens_it(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7")
    assert (await buy(paykeel, merchant)).status == "succeeded"
    acceptances = paykeel.terms.acceptances
    await acceptances.withdraw(merchant.merchant_id, "agent-7", "terms", ClientFacts())
    assert await refused(paykeel, merchant, "after") == ["terms 1.0.0"]
    await accept_terms(paykeel, merchant, "agent-7")
    assert (await buy(paykeel, merchant, "after")).status == "succeeded"


async def test_a_decline_takes_nothing_back(paykeel: Paykeel, merchant: Merchant) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7", decision="decline")
    assert await refused(paykeel, merchant) == ["terms 1.0.0"]
    await accept_terms(paykeel, merchant, "agent-7")
    await accept_terms(paykeel, merchant, "agent-7", decision="decline", keys=("terms",))
    assert (await buy(paykeel, merchant)).status == "succeeded"


async def test_a_version_gates_at_its_instant_in_a_process_that_knew_nothing_of_it(
    urls: Urls,
) -> None:
    """Both processes have read the terms before; no restart, and no cache that has to run out."""
    async with opened(urls) as here, opened(urls) as there:
        merchant = await here.merchants.create("Harbour Market")
        await require_terms(here, merchant)
        await accept_terms(here, merchant, "agent-7")
        assert (await buy(there, merchant, "before")).status == "succeeded"
        await require_terms(here, merchant, version="2.0.0")
        assert await refused(there, merchant, "at-once") == ["terms 2.0.0"]
        await accept_terms(there, merchant, "agent-7")
        begins = here.database.now() + timedelta(seconds=1.5)
        await require_terms(here, merchant, version="3.0.0", effective_from=begins)
        assert (await buy(there, merchant, "still")).status == "succeeded"
        await asyncio.sleep((begins - there.database.now()).total_seconds() + 0.05)
        assert await refused(there, merchant, "now") == ["terms 3.0.0"]


async def test_in_the_grace_period_the_answer_warns_and_stays_as_it_was(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7")
    version = await require_terms(paykeel, merchant, version="2.0.0", grace_days=3)
    answer = await ask(paykeel, merchant)
    assert answer.status == 201
    [warning] = body(answer)["warnings"]
    assert warning["code"] == "terms_acceptance_due"
    assert (warning["document"], warning["version"]) == ("terms", "2.0.0")
    assert version.grace_until is not None
    assert warning["due_at"].startswith(version.grace_until.isoformat()[:19])
    # It is stored with the payment: whoever reads it later, or asks again, sees the same.
    stored = await paykeel.payments.list(merchant_id=merchant.merchant_id)
    assert stored.payments[0].document()["warnings"] == [warning]
    await accept_terms(paykeel, merchant, "agent-7", keys=("terms",))
    assert await ask(paykeel, merchant) == replace(answer, replayed=True)
    assert "warnings" not in body(await ask(paykeel, merchant, "after"))
    # Whoever never accepted anything has no grace.
    assert await refused(paykeel, merchant, "new", buyer_id="agent-9") == ["terms 2.0.0"]
    await audited(paykeel)


async def test_what_was_accepted_too_long_ago_is_asked_again(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant, reaccept_after_days=30)
    await accept_terms(paykeel, merchant, "agent-7")
    assert (await buy(paykeel, merchant)).status == "succeeded"
    await admin.execute("SET session_replication_role = replica")
    long_ago = "UPDATE terms_acceptance SET occurred_at = now() - interval '30 days 1 minute'"
    await admin.execute(long_ago)
    assert await refused(paykeel, merchant, "later") == ["terms 1.0.0"]


async def test_the_line_that_fits_best_is_what_must_be_accepted(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    documents = paykeel.terms.documents
    await require_terms(paykeel, merchant)
    draft = Draft(version="1.0.0", texts={"de": "# AGB\n\nFür Bayern."},
                  scope=TermsScope(jurisdiction="DE-BY", channel="kiosk"))  # fmt: skip
    version = await documents.draft(merchant.merchant_id, "terms", draft, author="ann")
    await documents.publish(merchant.merchant_id, version.version_id, author="ann")
    await accept_terms(paykeel, merchant, "agent-7")
    bavarian: dict[str, Any] = {"jurisdiction": "DE-BY", "channel": "kiosk"}
    assert (await buy(paykeel, merchant, "anywhere", jurisdiction="FR")).status == "succeeded"
    assert await refused(paykeel, merchant, "there", **bavarian) == ["terms 1.0.0"]
    await accept_terms(paykeel, merchant, "agent-7", **bavarian)
    assert (await buy(paykeel, merchant, "there", **bavarian)).status == "succeeded"
    # The one accepted for there is no word about the line for everybody.
    assert (await buy(paykeel, merchant, "again")).status == "succeeded"


async def test_a_withdrawn_version_keeps_its_gate_under_a_minor_one(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7")
    major = await require_terms(paykeel, merchant, version="2.0.0")
    await require_terms(paykeel, merchant, version="2.1.0", change="minor")
    documents, whose = paykeel.terms.documents, merchant.merchant_id
    await documents.withdraw(whose, major.version_id, "a slip", author="ann")
    assert await refused(paykeel, merchant) == ["terms 2.1.0"]


async def test_who_accepted_a_version_that_is_withdrawn_has_still_accepted_the_one_before(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7")
    newer = await require_terms(paykeel, merchant, version="2.0.0")
    await accept_terms(paykeel, merchant, "agent-7")
    documents, whose = paykeel.terms.documents, merchant.merchant_id
    await documents.withdraw(whose, newer.version_id, "a slip", author="ann")
    assert (await buy(paykeel, merchant)).status == "succeeded"
    context = TermsScope("agent", "*", "purchase", "*")
    [standing] = await paykeel.terms.acceptances.status(whose, "agent-7", context)
    assert standing.state == "accepted"


async def test_a_promised_grace_outlasts_the_next_version_and_no_age_cuts_it_off(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    await accept_terms(paykeel, merchant, "agent-7")
    await admin.execute("SET session_replication_role = replica")
    await admin.execute("UPDATE terms_acceptance SET occurred_at = now() - interval '2 years'")
    promised = await require_terms(paykeel, merchant, version="2.0.0", grace_days=10)
    await require_terms(paykeel, merchant, version="3.0.0", grace_days=30, reaccept_after_days=365)
    [warning] = body(await ask(paykeel, merchant))["warnings"]
    assert promised.grace_until is not None
    assert warning["version"] == "3.0.0"
    assert warning["due_at"].startswith(promised.grace_until.isoformat()[:19])


RUNS = "SELECT name, statement, generic_plans + custom_plans AS runs FROM pg_prepared_statements"


async def test_the_gate_adds_no_statement_to_a_purchase(urls: Urls) -> None:
    """One caller is served by one connection, and the server counts how often each ran there."""
    async with opened(urls, changes={"pool_size": 2}) as paykeel:

        async def runs_of(merchant: Merchant, key: str) -> Counter[str]:
            async with paykeel.database.connection() as connection:
                before = Counter({r["statement"]: r["runs"] for r in await connection.fetch(RUNS)})
            assert (await buy(paykeel, merchant, key)).status == "succeeded"
            async with paykeel.database.connection() as connection:
                after = Counter({r["statement"]: r["runs"] for r in await connection.fetch(RUNS)})
            return after - before - Counter([RUNS])

        free = await paykeel.merchants.create("Harbour Market")
        bound = await paykeel.merchants.create("Mill Market")
        for key in ("terms", "privacy", "refunds"):
            await require_terms(paykeel, bound, key=key)
        # Nor does the refund policy under which it is made.
        await publish_policy(paykeel, bound)
        await publish_policy(paykeel, bound, key="firm", scope={"jurisdiction": "DE"})
        await accept_terms(paykeel, bound, "agent-7")
        for merchant in (free, bound):
            await buy(paykeel, merchant, "first")
        assert await runs_of(bound, "second") == await runs_of(free, "second")
        assert sum((await runs_of(bound, "third")).values()) == 2
