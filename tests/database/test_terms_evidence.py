"""One acceptance is proved by a bundle that verifies without the database."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.clock import new_id
from paykeel.errors import NotFound, Refused, Unavailable
from paykeel.sealing.chain import id_at, ms_of
from paykeel.sealing.reading import SQL as SEALING
from paykeel.sealing.tables import TERMS
from paykeel.terms.acceptance import Asked
from paykeel.terms.bundles import BUNDLE_BYTES_MAX, read_bundle, verify
from paykeel.terms.evidence import TermsEvidence
from paykeel.terms.evidence_facts import ClientFacts
from paykeel.terms.evidence_reading import SQL
from tests.database.many import explain, explain_generic
from tests.database.sealing import sealing, tamper
from tests.database.terms import require_terms
from tests.database.terms_evidence import (
    FACTS,
    TEXTS,
    copy_acceptance,
    evidence_of,
    play,
    seal,
)
from tests.database.test_sealing_plans import pages, scans

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel
    from paykeel.db.sql import Statement
    from paykeel.merchants import Merchant
    from tests.servers import Urls

ROWS = 20_000
#: Pages that a look at one row, or at one page of rows, may touch.
PAGES_MAX = 200


def filed(bundle: dict[str, object]) -> dict[str, object]:
    """Return a bundle as it comes out of a file."""
    return read_bundle(json.dumps(bundle, indent=2))


async def test_what_was_accepted_is_proved_by_itself(paykeel: Paykeel, merchant: Merchant) -> None:
    scene = await play(paykeel, merchant)
    one = scene.acceptance
    key = (await paykeel.sealing.keys.key()).public_key
    bundle = filed(await scene.evidence.bundle(merchant.merchant_id, one.acceptance_id))
    assert verify(bundle, key) == []
    assert {fault.code for fault in verify(bundle, bytes(32))} == {"key_untrusted"}
    assert bundle["form"] == "paykeel-terms-evidence/1"
    said, text, shown = bundle["acceptance"], bundle["text"], bundle["presentation"]
    assert isinstance(said, dict)
    assert isinstance(text, dict)
    assert isinstance(shown, dict)
    assert (said["buyer_id"], said["decision"], said["locale"]) == ("agent-7", "accept", "de")
    assert (said["dwell_ms"], said["scrolled_to_end"]) == (12_345, True)
    assert text["content"] == TEXTS["de"]
    assert shown["button_label"] in shown["notice"]
    assert bundle["personal"]["ip"] == FACTS.ip  # type: ignore[index]
    assert bundle["stripe"]["customer_purchase_ip"] == FACTS.ip  # type: ignore[index]


async def test_an_acceptance_is_sealed_when_it_is_to_be_proved(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    assert await admin.fetchval("SELECT count(*) FROM seals") == 0
    whose = merchant.merchant_id
    bundles = await asyncio.gather(
        *(
            scene.evidence.bundle(whose, one.acceptance_id)
            for one in (*scene.first, *scene.second) * 3
        )
    )
    assert await admin.fetchval("SELECT sum(row_count) FROM seals") == 4
    assert all(verify(bundle) == [] for bundle in bundles)
    # Later ones change nothing of what was proved.
    again = await scene.evidence.bundle(whose, scene.acceptance.acceptance_id)
    first = next(one for one in bundles if one["acceptance"] == again["acceptance"])
    assert {**again, "made_at": None} == {**first, "made_at": None}


async def test_the_workers_seal_serves_as_well(paykeel: Paykeel, merchant: Merchant) -> None:
    scene = await play(paykeel, merchant)
    done = await paykeel.sealing.seal_all()
    # Two publications are sealed with them, in a chain of their own.
    assert (done.seals, done.rows) == (1 + 1, 4 + 2)
    for one in (*scene.first, *scene.second):
        bundle = await scene.evidence.bundle(merchant.merchant_id, one.acceptance_id)
        assert bundle["seal"]["count"] == 4
        assert verify(filed(bundle)) == []


async def test_what_was_erased_is_proved_without_it(paykeel: Paykeel, merchant: Merchant) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    one = scene.acceptance
    await paykeel.terms.acceptances.erase(
        merchant.merchant_id, author="Ann", acceptance_id=one.acceptance_id
    )
    bundle = await scene.evidence.bundle(merchant.merchant_id, one.acceptance_id)
    assert verify(filed(bundle)) == []
    assert bundle["personal"]["erased_by"] == "Ann"
    written = json.dumps(bundle) + scene.evidence.page(bundle)
    assert FACTS.ip is not None
    assert FACTS.user_agent is not None
    assert FACTS.ip not in written
    assert FACTS.user_agent not in written
    assert "erased" in scene.evidence.page(bundle)


async def test_withdrawals_and_withdrawn_versions_are_proved_too(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    scene = await play(paykeel, merchant)
    whose = merchant.merchant_id
    (taken,) = await paykeel.terms.acceptances.withdraw(
        whose, "agent-7", "refunds", ClientFacts(method="api")
    )
    await paykeel.terms.documents.withdraw(
        whose, scene.acceptance.version_id, "It was wrong.", author="Ann"
    )
    accepted = await scene.evidence.bundle(whose, scene.acceptance.acceptance_id)
    withdrawn = await scene.evidence.bundle(whose, taken.acceptance_id)
    assert verify(filed(accepted)) == []
    assert verify(filed(withdrawn)) == []
    assert accepted["told"]["withdrawn_because"] == "It was wrong."
    assert withdrawn["presentation"] is None
    assert withdrawn["stripe"] == {}
    assert "took back" in scene.evidence.page(withdrawn)
    assert (await scene.evidence.verify_terms()).intact


async def test_the_page_has_the_text_as_it_was_shown(paykeel: Paykeel, merchant: Merchant) -> None:
    scene = await play(paykeel, merchant)
    bundle = await scene.evidence.bundle(merchant.merchant_id, scene.acceptance.acceptance_id)
    page = scene.evidence.page(bundle)
    assert "<h1>Erstattung</h1>\n<p>Alles.</p>\n" in page
    assert '<article lang="de"' in page
    for part in (FACTS.ip, bundle["seal"]["signature"], bundle["presentation"]["notice"]):
        assert str(part) in page
    assert "does not verify" not in page
    assert "<script" not in page


async def test_what_was_tampered_with_is_in_the_bundle_and_told(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    one = scene.acceptance
    await tamper(
        admin,
        "UPDATE terms_acceptance SET authority = 'none' "  # noqa: S608
        f"WHERE acceptance_id = '{one.acceptance_id}'",
    )
    bundle = await scene.evidence.bundle(merchant.merchant_id, one.acceptance_id)
    assert [(fault.code, fault.place) for fault in verify(bundle)] == [
        ("row_changed", "acceptance")
    ]
    assert "does not verify" in scene.evidence.page(bundle)


async def test_nobody_gets_evidence_of_another_merchant(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    scene = await play(paykeel, merchant)
    other = await paykeel.merchants.create("Corner Shop", "test")
    for whose, what in (
        (other.merchant_id, scene.acceptance.acceptance_id),
        (merchant.merchant_id, new_id()),
    ):
        with pytest.raises(NotFound) as refused:
            await scene.evidence.bundle(whose, what)
        assert refused.value.code == "terms_acceptance_unknown"


async def test_what_is_gone_cannot_be_proved(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    one = scene.acceptance
    text = f"version_id = '{one.version_id}' AND locale = 'de'"
    for statement in (
        f"DELETE FROM terms_texts WHERE {text}",  # noqa: S608
        f"DELETE FROM terms_documents WHERE document_id = '{one.document_id}'",  # noqa: S608
    ):
        await tamper(admin, statement)
        with pytest.raises(Refused) as refused:
            await scene.evidence.bundle(merchant.merchant_id, one.acceptance_id)
        assert refused.value.code == "terms_evidence_incomplete"


async def test_a_row_that_only_the_slow_look_finds_is_not_proved_yet(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    await seal(paykeel, merchant)
    old = id_at(ms_of(new_id()) - 86_400_000)
    await copy_acceptance(admin, scene.acceptance.acceptance_id, [old])
    with pytest.raises(Unavailable) as refused:
        await scene.evidence.bundle(merchant.merchant_id, old)
    assert refused.value.code == "terms_not_sealed"
    await paykeel.sealing.seal_all()
    assert verify(await scene.evidence.bundle(merchant.merchant_id, old)) == []


async def test_a_busy_chain_is_waited_for(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    await admin.execute(
        "INSERT INTO seal_cursors (merchant_id, chain) VALUES ($1, 'terms')", merchant.merchant_id
    )
    asking = scene.evidence.bundle(merchant.merchant_id, scene.acceptance.acceptance_id)
    async with admin.transaction():
        await admin.execute("SELECT FROM seal_cursors FOR UPDATE")
        waiting = asyncio.create_task(asking)
        await asyncio.sleep(0.3)
        assert not waiting.done()
    assert verify(await waiting) == []


async def test_the_largest_texts_fit_into_a_bundle(paykeel: Paykeel, merchant: Merchant) -> None:
    most = "word <&> " * 29_000
    texts = dict.fromkeys(("en", "de", "fr"), most)
    await require_terms(paykeel, merchant, texts=texts)
    acceptances = paykeel.terms.acceptances
    shown = await acceptances.present(
        merchant.merchant_id, Asked(buyer_id="agent-7", buyer_role="agent")
    )
    (one,) = await acceptances.decide(merchant.merchant_id, shown.nonce, "agent-7", "accept", FACTS)
    bundle = await evidence_of(paykeel).bundle(merchant.merchant_id, one.acceptance_id)
    written = json.dumps(bundle)
    assert len(written) < BUNDLE_BYTES_MAX / 4
    assert verify(read_bundle(written)) == []


async def test_proving_and_verifying_read_by_keys(
    urls: Urls, paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    scene = await play(paykeel, merchant)
    now = ms_of(new_id())
    ids = sorted({new_id() for _ in range(ROWS)})
    await copy_acceptance(admin, scene.acceptance.acceptance_id, ids)
    faults = []
    async with sealing(urls.app, batch_rows=1_000) as service:
        await service.seal_merchant(merchant.merchant_id, TERMS)
        whose = {"merchant_id": merchant.merchant_id}
        row: UUID = ids[ROWS // 2]
        looks: dict[Statement, dict[str, Any]] = {
            SQL["find_evidence"]: {**whose, "acceptance_id": row},
            SQL["evidence_page"]: {**whose, "after": row, "rows_max": 100},
            SQL["personal_page"]: {**whose, "after": row, "rows_max": 100},
            SEALING["row_proof"]: {**whose, "chain": "terms", "row_id": row},
            SEALING["terms_due"]: {"after": id_at(0), "from": id_at(now + 60_000), "rows_max": 9},
            SEALING["terms_unsealed"]: {**whose, "from": ids[-50], "rows_max": 1_000},
            SEALING["terms_unsealed_among"]: {**whose, "row_ids": [row]},
        }
        for when in ("without statistics", "with statistics"):
            async with service.database.connection() as connection:
                for statement, values in looks.items():
                    plan = await explain(connection, statement, values)
                    generic = await explain_generic(connection, statement)
                    name = f"{statement.name}, {when}"
                    faults += [f"{name}: {one}" for one in (*scans(plan), *scans(generic))]
                    # A proof reads the leaves of its seal, of which there are a thousand.
                    most = PAGES_MAX if statement.name != "row_proof" else 10 * PAGES_MAX
                    if pages(plan) > most * (10 if "page" in statement.name else 1):
                        faults.append(f"{name}: {pages(plan)} pages")
            await admin.execute("ANALYZE")
        evidence = TermsEvidence(service.database, service)
        assert verify(await evidence.bundle(merchant.merchant_id, row)) == []
    assert faults == []
