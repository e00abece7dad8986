"""TermsEvidence: proves one acceptance, and verifies all of them against what was sealed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.errors import NotFound, Refused, Unavailable
from paykeel.sealing.reading import SealReader
from paykeel.sealing.tables import TERMS
from paykeel.terms.bundle_form import Evidence, write_bundle
from paykeel.terms.evidence_page import page_of
from paykeel.terms.evidence_reading import EvidenceReader
from paykeel.terms.verifying import CHAINS, TermsReport, verify_all

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from paykeel.db.pool import Database
    from paykeel.sealing.chain import Head
    from paykeel.sealing.proofs import RowProof
    from paykeel.sealing.service import SealingService

#: How often one looks again whether another process has sealed the row, and after how long.
SEAL_TRIES = 20
SEAL_WAIT_S = 0.1


class TermsEvidence:
    """Makes evidence bundles, and verifies what they are made of."""

    def __init__(self, database: Database, sealing: SealingService) -> None:
        """Take the database, and what seals."""
        self._database = database
        self._sealing = sealing
        self._seals = SealReader(database)
        self._reader = EvidenceReader(database)

    async def bundle(self, merchant_id: UUID, acceptance_id: UUID) -> dict[str, Any]:
        """Return one acceptance with all that proves it: JSON-ready, as terms/bundles.py tells.

        It is sealed at once, if it is not yet. What was tampered with is in the bundle as it was
        found: ``bundles.verify`` tells.

        Raises:
            NotFound: ``terms_acceptance_unknown``.
            Refused: ``terms_evidence_incomplete``: its version, document or text is gone.
            Unavailable: ``terms_not_sealed``: it cannot be sealed at this moment.
            Misconfigured: The key that seals cannot be used.
        """
        found = await self._reader.find(merchant_id, acceptance_id)
        if found is None:
            raise NotFound("There is no such acceptance.", code="terms_acceptance_unknown")
        stored, now = found
        published = await self._reader.version(merchant_id, UUID(stored.row["version_id"]))
        if published is None or published.document is None:
            raise _incomplete("version")
        locale = stored.row["locale"]
        text = next((one for one in published.texts if one.locale == locale), None)
        if text is None:
            raise _incomplete("text")
        evidence = Evidence(
            made_at=now,
            acceptance=stored.row,
            document=published.document,
            version=published.version,
            texts=tuple(replace(one, content="", html="") for one in published.texts),
            text=text,
            presentation=stored.presentation,
            personal=stored.personal,
            proof=await self._proof(merchant_id, acceptance_id),
        )
        return write_bundle(evidence)

    def page(self, bundle: Mapping[str, Any]) -> str:
        """Return a bundle as a page to read and to print; see terms/evidence_page.py."""
        return page_of(bundle)

    async def verify_terms(
        self,
        merchant_id: UUID | None = None,
        *,
        trusted: Collection[bytes] = (),
        heads: Collection[Head] = (),
        accept_late: bool = False,
    ) -> TermsReport:
        """Check everything that acceptances rest on, of one merchant or of all.

        Args:
            merchant_id: Only this one's.
            trusted: Public keys whose signatures count; none: any key's that a seal carries.
            heads: Seals that the chains must hold; those of other chains are left aside.
            accept_late: Whether rows that came late are put up with.
        """
        known = {table.chain for table in CHAINS}
        chains = await self._seals.verify(
            merchant_id,
            trusted=trusted,
            heads=[head for head in heads if head.chain in known],
            accept_late=accept_late,
            tables=CHAINS,
        )
        return await verify_all(self._reader, self._seals.merchants(merchant_id), chains)

    async def _proof(self, merchant_id: UUID, acceptance_id: UUID) -> RowProof:
        last_look = False
        for _ in range(SEAL_TRIES):
            proof = await self._seals.proof(merchant_id, TERMS, acceptance_id)
            if proof is not None:
                return proof
            if last_look:
                # Its id is older than the quick look goes back: the worker's slow look finds it.
                break
            done = await self._sealing.seal_merchant(merchant_id, TERMS)
            if done.busy:
                # Another process seals this chain, and may well be sealing this very row.
                await asyncio.sleep(SEAL_WAIT_S)
            else:
                # Where there was nothing to seal, another may have been faster: look once more.
                last_look = not done.seals
        raise Unavailable(
            "The acceptance is not sealed yet. Ask again in a minute.", code="terms_not_sealed"
        )


def _incomplete(what: str) -> Refused:
    return Refused(
        f"The {what} of this acceptance is not in the database any more.",
        code="terms_evidence_incomplete",
    )
