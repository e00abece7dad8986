"""Acceptances with all that stands around them, to prove and to tamper with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.sealing.tables import TERMS, TERMS_EVENTS
from paykeel.terms.acceptance import Asked
from paykeel.terms.digests import version_sha256
from paykeel.terms.evidence import TermsEvidence
from paykeel.terms.evidence_facts import ClientFacts
from tests.database.sealing import tamper
from tests.database.terms import accept_terms, require_terms

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.terms.acceptance import Acceptance
    from paykeel.terms.model import TermsVersion

FACTS = ClientFacts(
    method="scroll_click",
    scrolled_to_end=True,
    dwell_ms=12_345,
    ip="203.0.113.9",
    user_agent="Browser/1.0 (any)",
    client_locale="de-AT",
    time_zone="Europe/Vienna",
    page_url="https://shop.example/pay",
    request_id="r-17",
)
TEXTS = {"en": "# Refunds\n\n*All* is paid back.\n", "de": "# Erstattung\n\nAlles.\n"}

#: Copies of an acceptance, as if they had been taken over from another system.
_COPIES = """
INSERT INTO terms_acceptance (
    merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id, version_id,
    version_sha256, locale, text_sha256, method, actor_kind, imported_from, occurred_at,
    recorded_at)
SELECT a.merchant_id, i, 'agent-' || n, 'agent', 'accept', a.document_id, a.scope_id, a.version_id,
    a.version_sha256, a.locale, a.text_sha256, 'import', 'human', 'the old shop', now(), now()
FROM terms_acceptance a
CROSS JOIN unnest($2::uuid[]) WITH ORDINALITY AS u (i, n)
WHERE a.acceptance_id = $1
"""
#: Columns stay as they are, and may not be null.
_DROPS = """
SELECT format(
    'ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', c.conrelid::regclass, c.conname
) AS statement
FROM pg_constraint c
WHERE c.conrelid = ANY ($1::text[]::regclass[]) AND c.contype <> 'n'
UNION ALL
SELECT format('DROP INDEX %s', i.indexrelid::regclass)
FROM pg_index i
WHERE i.indrelid = ANY ($1::text[]::regclass[]) AND i.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """Two documents; two subjects who accepted both, the first of whom was shown German texts."""

    evidence: TermsEvidence
    versions: tuple[TermsVersion, ...]
    first: tuple[Acceptance, ...]
    second: tuple[Acceptance, ...]

    @property
    def acceptance(self) -> Acceptance:
        """What the first subject said to the refund policy."""
        (found,) = (one for one in self.first if one.document_key == "refunds")
        return found


def evidence_of(paykeel: Paykeel) -> TermsEvidence:
    """Return what makes evidence."""
    return TermsEvidence(paykeel.database, paykeel.sealing)


async def play(paykeel: Paykeel, merchant: Merchant) -> Scene:
    """Publish, show and accept; nothing is sealed yet."""
    terms = await require_terms(paykeel, merchant, reaccept_after_days=365, summary="First.")
    refunds = await require_terms(
        paykeel, merchant, key="refunds", purpose="refund_policy", texts=TEXTS
    )
    acceptances, whose = paykeel.terms.acceptances, merchant.merchant_id
    asked = Asked(buyer_id="agent-7", buyer_role="agent", locales=("de-AT",))
    shown = await acceptances.present(whose, asked)
    first = await acceptances.decide(whose, shown.nonce, "agent-7", "accept", FACTS)
    second = await accept_terms(paykeel, merchant, "agent-8", facts=FACTS)
    return Scene(evidence_of(paykeel), (terms, refunds), first, second)


async def seal(paykeel: Paykeel, merchant: Merchant) -> None:
    """Seal whatever was said, and whatever happened."""
    for table in (TERMS, TERMS_EVENTS):
        await paykeel.sealing.seal_merchant(merchant.merchant_id, table)


async def rewrite(
    paykeel: Paykeel, admin: asyncpg.Connection, version: TermsVersion, key: str, locale: str
) -> str:
    """Replace a published text, and all hashes that stand with it; return the version's, in hex."""
    whole = "Nothing is paid back.\n"
    await tamper(
        admin,
        f"UPDATE terms_texts SET content = '{whole}', "  # noqa: S608
        f"content_sha256 = sha256('{whole}') "
        f"WHERE version_id = '{version.version_id}' AND locale = '{locale}'",
    )
    documents, whose = paykeel.terms.documents, version.merchant_id
    made_up = version_sha256(
        await documents.get(whose, key),
        version,
        await documents.texts(whose, version.version_id),
    ).hex()
    await tamper(
        admin,
        f"UPDATE terms_versions SET version_sha256 = '\\x{made_up}' "  # noqa: S608
        f"WHERE version_id = '{version.version_id}'",
    )
    return made_up


async def copy_acceptance(
    admin: asyncpg.Connection, acceptance_id: UUID, new_ids: list[UUID]
) -> None:
    """Add imported acceptances of the same text under these ids."""
    await admin.execute(_COPIES, acceptance_id, new_ids)


async def drop_constraints(admin: asyncpg.Connection, tables: tuple[str, ...]) -> None:
    """Take away everything by which the database itself would refuse a change."""
    await tamper(admin, *(row["statement"] for row in await admin.fetch(_DROPS, list(tables))))
