"""What was accepted in another system is taken over once, marked as imported; the rest is told."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import InvalidField, InvalidInput
from paykeel.sealing.canonical import salted_hash
from paykeel.terms import TermsScope
from paykeel.terms.evidence_facts import ClientFacts
from paykeel.terms.importing import BATCH_ROWS, REJECTS_MAX
from tests.database.helpers import buy
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.terms.importing import ImportReject, ImportReport

HEADER = "ref,buyer_id,buyer_role,document,version,locale,accepted_at"
TIME = "2025-01-02T03:04:05Z"


async def bring(
    paykeel: Paykeel, merchant: Merchant, *lines: str, header: str = HEADER, **more: Any
) -> ImportReport:
    stream = io.BytesIO("\n".join((header, *lines)).encode())
    return await paykeel.terms.acceptances.import_file(
        merchant.merchant_id, stream, **{"source": "old shop"} | more
    )


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.lines, report.added, report.repeated, report.rejected


async def test_an_imported_acceptance_counts_and_is_marked(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    version = await require_terms(paykeel, merchant)
    line = f'a-1,agent-7,agent,terms,1.0.0,EN,{TIME},203.0.113.9,"Mozilla, 5.0"'
    report = await bring(paykeel, merchant, line, header=f"{HEADER},ip,user_agent")
    assert counts(report) == (1, 1, 0, 0)
    (said,) = (await acceptances.history(whose, "agent-7")).acceptances
    assert (said.method, said.imported_from, said.imported_ref) == ("import", "old shop", "a-1")
    assert (said.presentation_id, said.presentation_sha256) == (None, None)
    assert said.version_sha256 == version.version_sha256
    (text,) = await paykeel.terms.documents.texts(whose, version.version_id)
    assert (said.locale, said.text_sha256) == ("en", text.content_sha256)
    assert said.occurred_at == datetime.fromisoformat(TIME)
    assert said.recorded_at > said.occurred_at
    assert (said.ip, said.user_agent) == ("203.0.113.9", "Mozilla, 5.0")
    salts = await admin.fetchrow("SELECT ip_salt, user_agent_salt FROM terms_personal")
    assert salts is not None
    assert said.ip_hash == salted_hash(salts["ip_salt"], "203.0.113.9")
    assert said.user_agent_hash == salted_hash(salts["user_agent_salt"], "Mozilla, 5.0")
    assert (await buy(paykeel, merchant)).status == "succeeded"
    # It came before what was said here.
    await acceptances.withdraw(whose, "agent-7", "terms", ClientFacts())
    await bring(paykeel, merchant, f"a-2,agent-7,agent,terms,1.0.0,en,{TIME}")
    (standing,) = await acceptances.status(whose, "agent-7", TermsScope("agent"))
    assert standing.state == "withdrawn"


async def test_a_file_may_be_imported_again(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    lines = [
        *(f"a-{number},agent-{number},agent,terms,1.0.0,en,{TIME}" for number in range(5)),
        *(f",agent-{number},operator,terms,1.0.0,en,{TIME}" for number in range(5)),
    ]
    assert counts(await bring(paykeel, merchant, *lines)) == (10, 10, 0, 0)
    assert counts(await bring(paykeel, merchant, *lines)) == (10, 0, 10, 0)
    # Twins within a file, too.
    twins = [f"b,agent-7,agent,terms,1.0.0,en,{TIME}"] * 3
    assert counts(await bring(paykeel, merchant, *twins)) == (3, 1, 2, 0)
    # Another source has refs of its own.
    assert counts(await bring(paykeel, merchant, *lines, source="other shop")) == (10, 10, 0, 0)
    changed = lines[0].replace("agent-0", "agent-9")
    report = await bring(paykeel, merchant, changed)
    assert [one.code for one in report.rejects] == ["terms_import_ref_taken"]
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 21


async def test_wrong_lines_are_told_and_keep_no_other_out(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    whose = merchant.merchant_id
    await require_terms(paykeel, merchant)
    await require_terms(paykeel, merchant, scope=TermsScope(jurisdiction="DE"))
    await require_terms(paykeel, merchant, version="2.0.0", scope=TermsScope("operator", "DE"))
    german = f"{TIME},DE"
    lines = [
        f"1,agent-1,agent,terms,1.0.0,en,{TIME},*",
        f"2,agent-1,agent,terms,1.0.0,en,{german}",
        f"3,agent-1,agent,terms,1.0.0,en,{TIME},",
        f"4,agent-1,agent,privacy,1.0.0,en,{TIME},*",
        f"5,agent-1,agent,terms,7.0.0,en,{TIME},*",
        f"6,agent-1,agent,terms,2.0.0,en,{TIME},",
        f"7,agent-1,operator,terms,2.0.0,en,{TIME},",
        f"8,agent-1,unknown,terms,2.0.0,en,{TIME},",
        f"9,agent-1,agent,terms,1.0.0,fr,{TIME},*",
        "10,agent-1,agent,terms,1.0.0,en,2999-01-02T03:04:05Z,*",
        f"11,,agent,terms,1.0.0,en,{TIME},*",
    ]
    told: list[ImportReject] = []
    report = await bring(
        paykeel, merchant, *lines, header=f"{HEADER},jurisdiction", on_reject=told.append
    )
    assert counts(report) == (11, 4, 0, 7)
    assert told == report.rejects
    assert sorted((one.line, one.field, one.code) for one in told) == [
        (4, "version", "terms_version_ambiguous"),
        (5, "document", "terms_document_unknown"),
        (6, "version", "terms_version_unknown"),
        (7, "version", "terms_version_unknown"),
        (10, "locale", "terms_text_unknown"),
        (11, "accepted_at", "instant_in_future"),
        (12, "buyer_id", "field_required"),
    ]
    history = await paykeel.terms.acceptances.history(whose, "agent-1")
    assert Counter(one.version for one in history.acceptances) == {"1.0.0": 2, "2.0.0": 2}
    assert len({one.scope_id for one in history.acceptances}) == 3


async def test_a_draft_and_another_merchants_document_are_unknown(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await require_terms(paykeel, merchant)
    other = await paykeel.merchants.create("Mill Market")
    report = await bring(paykeel, other, f"1,agent-1,agent,terms,1.0.0,en,{TIME}")
    assert [one.code for one in report.rejects] == ["terms_document_unknown"]


async def test_a_long_file_is_imported_batch_by_batch(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    lines = [
        f"{number},agent-{number},agent,terms,{'1.0.0' if number % 2 else '9.9.9'},en,{TIME}"
        for number in range(2 * BATCH_ROWS + 2 * REJECTS_MAX + 2)
    ]
    seen: list[tuple[int, int]] = []
    report = await bring(
        paykeel,
        merchant,
        *lines,
        on_progress=lambda done, read: seen.append((done.added + done.rejected, read)),
    )
    assert counts(report) == (len(lines), len(lines) // 2, 0, len(lines) // 2)
    assert len(report.rejects) == REJECTS_MAX
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == len(lines) // 2
    assert [done for done, _ in seen][:2] == [BATCH_ROWS, 2 * BATCH_ROWS]
    assert seen[-1] == (len(lines), len("\n".join((HEADER, *lines)).encode()))


async def test_two_imports_of_one_file_at_once_add_each_line_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    lines = [f"{n},agent-{n},agent,terms,1.0.0,en,{TIME}" for n in range(2 * BATCH_ROWS)]
    reports = await asyncio.gather(
        bring(paykeel, merchant, *lines),
        bring(paykeel, merchant, *lines[::-1]),
        bring(paykeel, merchant, *lines),
    )
    assert sum(one.added for one in reports) == len(lines)
    assert sum(one.repeated for one in reports) == 2 * len(lines)
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == len(lines)


async def test_what_stops_an_import_is_told_before_anything_is_stored(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await require_terms(paykeel, merchant)
    line = f"1,agent-1,agent,terms,1.0.0,en,{TIME}"
    with pytest.raises(InvalidInput) as caught:
        await bring(paykeel, merchant, line, header="ref,buyer")
    assert caught.value.code == "acceptances_header_malformed"
    for source in ("", " shop", "x" * 201, "4242 4242 4242 4242"):
        with pytest.raises(InvalidField):
            await bring(paykeel, merchant, line, source=source)
    assert await admin.fetchval("SELECT count(*) FROM terms_acceptance") == 0


async def test_an_import_says_nothing_about_what_is_said_here(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """A newer word stays the last one, whenever the import comes."""
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    await require_terms(paykeel, merchant)
    (here,) = await accept_terms(paykeel, merchant)
    await bring(paykeel, merchant, f"1,agent-7,agent,terms,1.0.0,en,{TIME}")
    (standing,) = await acceptances.status(whose, "agent-7", TermsScope("agent"))
    assert standing.acceptance_id == here.acceptance_id
    assert here.occurred_at > datetime(2025, 1, 3, tzinfo=UTC)
