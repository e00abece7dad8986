"""Statements about terms read what they are asked for, however much was accepted before.

The plans are those that are worst: made while the tables were empty, and kept.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.clock import new_id
from paykeel.db.sql import Statement, load
from tests.database.helpers import opened
from tests.database.many import TALKER, fill, keep, leave_untended
from tests.database.terms import require_terms
from tests.database.test_fraud_plans import Call, tried
from tests.database.test_plans import bulk_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from paykeel import Paykeel
    from paykeel.terms.model import TermsVersion
    from tests.servers import Urls

FILES = (
    "queries.sql", "documents.sql", "presenting.sql", "accepting.sql", "erasing.sql",
    "importing.sql", "evidence.sql",
)  # fmt: skip
SQL: dict[str, Statement] = {
    name: statement for file in FILES for name, statement in load("paykeel.terms", file).items()
}
PAGE, MANY = 101, 50
NOBODY = UUID(int=0)
#: A document, its one line and version, and the texts of it, read a few times.
FEW = dict.fromkeys(("terms_documents", "terms_scopes", "terms_versions", "terms_texts"), 4)
_UNTOLD = dict.fromkeys(
    (
        "actor_id", "on_behalf_of", "authority", "scrolled_to_end", "dwell_ms", "client_locale",
        "time_zone", "client_at", "page_url", "request_id", "payment_id", "ip", "user_agent",
    )
)  # fmt: skip
_SALTS = dict.fromkeys(("ip_salts", "ip_hashes", "user_agent_salts", "user_agent_hashes"))
_SAID = {"method": "button_click", "actor_kind": "human", **_UNTOLD}


def salts(count: int) -> dict[str, Any]:
    """No personal data, so many times."""
    return {name: [None] * count for name in _SALTS}


def saying(whose: Mapping[str, Any], version: TermsVersion) -> dict[str, Call]:
    """Return the statements by which a subject is shown something, and says what it says."""
    one, talker = bulk_id(7), {**whose, "buyer_id": TALKER}
    return {
        "read_catalogue": Call(SQL["read_catalogue"], whose, FEW),
        "last_words": Call(
            SQL["last_words"],
            {
                **talker,
                "scope_ids": [version.scope_id, NOBODY],
                "enough": [f"{{{version.version_id}}}", "{}"],
                "sinces": ["{NULL}", "{}"],
            },
            # What was accepted, taken back, and said last.
            {"terms_acceptance": 3},
        ),
        "find_presentation": Call(
            SQL["find_presentation"],
            {**whose, "nonce_sha256": b"n" * 32},
            FEW,
        ),
        "add_decisions": Call(
            SQL["add_decisions"],
            {
                **whose,
                **salts(1),
                **_SAID,
                "presentation_id": one,
                "version_ids": [version.version_id],
                "acceptance_ids": [new_id()],
                "decision": "accept",
                "presentation_sha256": b"p" * 32,
            },
            {**FEW, "terms_presentations": 1, "terms_acceptance": 1},
        ),
        "accepted_lines": Call(
            SQL["accepted_lines"],
            {**talker, "document_id": version.document_id},
            {**FEW, "terms_acceptance": 1},
        ),
        "add_withdrawals": Call(
            SQL["add_withdrawals"],
            {**whose, **salts(1), **_SAID, "accepted_ids": [one], "acceptance_ids": [new_id()]},
            {"terms_acceptance": 1},
        ),
    }


def reading(whose: Mapping[str, Any]) -> dict[str, Call]:
    """Return the statements that read what was said, and what proves it."""
    talker = {**whose, "buyer_id": TALKER, "rows_max": PAGE}
    many = [bulk_id(number) for number in range(1, MANY + 1)]
    page = {**whose, "after": bulk_id(20_000), "rows_max": PAGE}
    each = dict.fromkeys(("terms_acceptance", "terms_personal", "terms_presentations"), PAGE)
    return {
        "list_acceptances": Call(
            SQL["list_acceptances"], {**talker, "before": None}, {"terms_acceptance": PAGE}
        ),
        "a later page": Call(
            SQL["list_acceptances"], {**talker, "before": bulk_id(7)}, {"terms_acceptance": PAGE}
        ),
        "get_acceptances": Call(
            SQL["get_acceptances"],
            {**whose, "acceptance_ids": many},
            {
                "terms_acceptance": MANY,
                "terms_personal": MANY,
                "terms_documents": MANY,
                "terms_versions": MANY,
            },
        ),
        "find_evidence": Call(
            SQL["find_evidence"],
            {**whose, "acceptance_id": bulk_id(9)},
            dict.fromkeys(each, 1),
        ),
        "evidence_page": Call(SQL["evidence_page"], page, each),
        "personal_page": Call(SQL["personal_page"], page, each),
        "erasure_events": Call(
            SQL["erasure_events"], page, {"terms_personal": PAGE, "terms_events": PAGE}
        ),
        "version_events": Call(
            SQL["version_events"], {**page, "after": NOBODY}, {**FEW, "terms_events": 4}
        ),
        "event_page": Call(SQL["event_page"], page, {**each, **FEW, "terms_events": PAGE}),
        "find_public_text": Call(
            SQL["find_public_text"], {"content_sha256": b"c" * 32, "version_id": None}, FEW
        ),
    }


def changing(whose: Mapping[str, Any], paykeel: Paykeel) -> dict[str, Call]:
    """Return the statements that erase and import."""
    at = paykeel.database.now()
    page = {**whose, "author": "Ann", "after": bulk_id(20_000), "rows_max": PAGE}
    page["event_ids"] = [new_id() for _ in range(PAGE)]
    told = {
        "numbers": list(range(MANY)),
        "acceptance_ids": [new_id() for _ in range(MANY)],
        "buyer_ids": [f"member-{number}" for number in range(MANY)],
        "refs": [str(number) for number in range(MANY)],
        "accepted_ats": [at - timedelta(days=9)] * MANY,
        "buyer_roles": ["unknown"] * MANY,
        "documents": ["terms"] * MANY,
        "versions": ["1.0.0"] * MANY,
        "locales": ["en"] * MANY,
        **dict.fromkeys(
            (
                "ips", "ip_salts", "ip_hashes", "user_agents", "user_agent_salts",
                "user_agent_hashes", "jurisdictions", "products", "channels",
            ),
            [None] * MANY,
        ),
    }  # fmt: skip
    both = {"terms_acceptance": PAGE, "terms_personal": 2 * PAGE}
    return {
        "erase_one": Call(
            SQL["erase_one"],
            {**whose, "author": "Ann", "acceptance_id": bulk_id(9), "event_id": new_id()},
            {"terms_acceptance": 1, "terms_personal": 1},
        ),
        "erase_of_buyer": Call(
            SQL["erase_of_buyer"], {**page, "buyer_id": TALKER, "after": NOBODY}, both
        ),
        "erase_before": Call(SQL["erase_before"], {**page, "before": at}, both),
        "add_imported": Call(
            SQL["add_imported"],
            {**whose, **told, "source": "shop"},
            {**dict.fromkeys((*FEW, "terms_acceptance"), MANY), "terms_versions": 2 * MANY},
        ),
    }


@pytest.mark.slow
async def test_a_plan_of_empty_tables_reads_no_more_when_much_was_accepted(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        version = await require_terms(paykeel, merchant)
        whose = {"merchant_id": merchant.merchant_id}
        asked = {
            **saying(whose, version),
            **reading(whose),
            **changing(whose, paykeel),
        }
        statements = {call.statement.text: call.statement for call in asked.values()}
        async with paykeel.database.connection() as connection:
            empty = {text: await keep(connection, each) for text, each in statements.items()}
            await fill(admin, merchant.merchant_id)
            faults = await tried(connection, asked, empty)
        async with paykeel.database.connection() as connection:
            full = {text: await keep(connection, each) for text, each in statements.items()}
            faults += [f"full, {fault}" for fault in await tried(connection, asked, full)]
            await admin.execute("ANALYZE")
            faults += [f"analyzed, {fault}" for fault in await tried(connection, asked, full)]
        assert faults == [], "\n".join(faults)
