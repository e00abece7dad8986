"""Acceptances: what is shown, what subjects say to it, and what can be told of that later.

What was said is only added to. The client answers with the nonce of a presentation; which version
and which text that means is read from the presentation that was stored, never from the client. The
statement that stores the answer checks that the version is in force, so nobody accepts what has
just been replaced.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import Forbidden, InvalidField, NotFound, Refused
from paykeel.sealing.service import read_kinds
from paykeel.sealing.tables import SealedTable
from paykeel.terms import erasing
from paykeel.terms.acceptance import Acceptance, AcceptancePage, Asked, Presentation, Standing
from paykeel.terms.evidence_facts import (
    PRESENTATIONS,
    ClientFacts,
    check_buyer_id,
    presentation_sha256,
)
from paykeel.terms.importing import ImportReport, import_acceptances
from paykeel.terms.model import TermsDecision, TermsScope
from paykeel.terms.presenting import Presenter, nonce_sha256
from paykeel.terms.salting import salted, told
from paykeel.terms.scopes import check_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from typing import IO

    import asyncpg

    from paykeel.db.pool import Database
    from paykeel.sealing.canonical import Kind
    from paykeel.terms.documents import TermsDocuments
    from paykeel.terms.importing import ImportReject
    from paykeel.terms.model import Catalogue

SQL = load("paykeel.terms", "accepting.sql")
ROWS_MAX = 100
#: Every attempt after the first one finds that others have answered more of the same versions.
ATTEMPTS_MAX = 60

_NONCE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_SHOWN = SealedTable(PRESENTATIONS, PRESENTATIONS)


class _PartlyAnsweredError(Exception):
    """Somebody else has just answered some of the versions: nothing of this is to be kept."""


class Acceptances:
    """Shows texts, records what is said to them, and tells it."""

    def __init__(
        self,
        database: Database,
        catalogue: Callable[[UUID], Awaitable[Catalogue]],
        texts: TermsDocuments,
        *,
        presentation_ms: int,
    ) -> None:
        """Take the database, what reads a merchant's terms, and how long an answer may take."""
        self._database = database
        self._documents = texts
        self._presenter = Presenter(database, catalogue, texts, presentation_ms=presentation_ms)
        self._kinds: Mapping[str, Kind] | None = None

    async def present(self, merchant_id: UUID, asked: Asked) -> Presentation:
        """Store what is shown to a subject, and return it.

        Raises:
            NotFound: There is no such merchant; ``terms_document_unknown``.
            Refused: ``terms_nothing_to_accept``: all is accepted, or nothing is in force.
        """
        return await self._presenter.present(merchant_id, asked)

    async def decide(
        self,
        merchant_id: UUID,
        nonce: str,
        buyer_id: str,
        decision: TermsDecision | str,
        facts: ClientFacts,
        *,
        version_ids: Sequence[UUID] | None = None,
    ) -> tuple[Acceptance, ...]:
        """Record what a subject says to all that it was shown, or to some: all of these or none.

        Saying the same again gives what was stored, with ``replayed``.

        Raises:
            InvalidField: The decision is neither accept nor decline; ``terms_version_not_shown``.
            NotFound: ``terms_nonce_unknown``.
            Forbidden: ``terms_nonce_of_another``: another subject's.
            Refused: ``terms_nonce_used``: something else was said with it before;
                ``terms_presentation_expired``; ``terms_version_stale``: not in force any more;
                ``terms_presentation_outdated``: taken back since it was shown.
        """
        check_buyer_id(buyer_id)
        if decision not in (TermsDecision.ACCEPT, TermsDecision.DECLINE):
            raise InvalidField("decision", "choice_unknown", "Use one of: accept, decline.")
        added: set[UUID] = set()
        for _ in range(ATTEMPTS_MAX):
            shown = await self._shown(merchant_id, nonce, buyer_id)
            wanted = _wanted(shown, version_ids)
            answered = _answered(shown, wanted, decision)
            missing = [one for one in wanted if one not in answered]
            if not missing:
                return await self._read(merchant_id, list(answered.values()), added)
            _refuse_late(shown, missing, decision)
            added |= set(await self._add(merchant_id, shown, missing, decision, facts))
        raise Refused("The terms change too fast.", code="terms_version_stale")

    async def _shown(self, merchant_id: UUID, nonce: str, buyer_id: str) -> asyncpg.Record:
        row = None
        if _NONCE.fullmatch(nonce):
            row = await self._database.fetchrow(
                SQL["find_presentation"],
                merchant_id=merchant_id,
                nonce_sha256=nonce_sha256(nonce),
            )
        if row is None:
            raise NotFound("No presentation has this nonce.", code="terms_nonce_unknown")
        if row["buyer_id"] != buyer_id:
            raise Forbidden("This was shown to another buyer.", code="terms_nonce_of_another")
        return row

    async def _add(
        self,
        merchant_id: UUID,
        shown: asyncpg.Record,
        version_ids: Sequence[UUID],
        decision: str,
        facts: ClientFacts,
    ) -> list[UUID]:
        """Store answers to all of these versions, or to none; return the ids of what is new."""
        digest = presentation_sha256(
            shown["presentation_id"], shown["document"], await self._columns()
        )
        values = {
            "merchant_id": merchant_id,
            "presentation_id": shown["presentation_id"],
            "presentation_sha256": digest,
            "version_ids": list(version_ids),
            "decision": str(decision),
            **told(facts),
            **salted(facts, len(version_ids)),
        }
        try:
            return await self._add_all(values, len(version_ids))
        except _PartlyAnsweredError:
            return []

    async def _add_all(self, values: Mapping[str, object], rows_wanted: int) -> list[UUID]:
        async with self._database.connection() as connection, connection.transaction():
            rows = await fetch_on(connection, SQL["add_decisions"], values)
            if 0 < len(rows) < rows_wanted:
                raise _PartlyAnsweredError
        return [row["acceptance_id"] for row in rows]

    async def withdraw(
        self, merchant_id: UUID, buyer_id: str, document_key: str, facts: ClientFacts
    ) -> tuple[Acceptance, ...]:
        """Take back what a subject has accepted of a document, in all scopes; return what it says.

        Raises:
            InvalidField: The subject is malformed.
            NotFound: ``terms_document_unknown``.
            Refused: ``terms_nothing_to_withdraw``.
        """
        check_buyer_id(buyer_id)
        document = await self._documents.get(merchant_id, document_key)
        whose = {
            "merchant_id": merchant_id,
            "document_id": document.document_id,
            "buyer_id": buyer_id,
        }
        async with self._database.connection() as connection, connection.transaction():
            await fetch_on(connection, SQL["lock_subject"], {"key": _lock_key(whose)})
            accepted = await fetch_on(connection, SQL["accepted_lines"], whose)
            if not accepted:
                raise Refused(
                    f"This buyer has not accepted {document.key}, or taken it back already.",
                    code="terms_nothing_to_withdraw",
                )
            values = {
                "merchant_id": merchant_id,
                "accepted_ids": [row["acceptance_id"] for row in accepted],
                **told(facts),
                **salted(facts, len(accepted)),
            }
            rows = await fetch_on(connection, SQL["add_withdrawals"], values)
        ids = [row["acceptance_id"] for row in rows]
        return await self._read(merchant_id, ids, set(ids))

    async def status(self, merchant_id: UUID, buyer_id: str, context: TermsScope) -> list[Standing]:
        """Return where a subject stands with each document in force, by the document's key.

        Documents that no purchase needs are among them.

        Raises:
            InvalidField: The subject or the context is malformed.
            NotFound: There is no such merchant.
        """
        check_buyer_id(buyer_id)
        return await self._presenter.status(merchant_id, buyer_id, check_scope(context))

    async def history(
        self,
        merchant_id: UUID,
        buyer_id: str,
        cursor: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> AcceptancePage:
        """Return a page of all that a subject said, newest first.

        Raises:
            InvalidField: The subject, the cursor or the number of rows is wrong.
        """
        check_buyer_id(buyer_id)
        if not 1 <= rows_max <= ROWS_MAX:
            raise InvalidField("limit", "limit_out_of_range", f"Ask for 1 to {ROWS_MAX}.")
        rows = await self._database.fetch(
            SQL["list_acceptances"],
            merchant_id=merchant_id,
            buyer_id=buyer_id,
            before=_read_cursor(cursor),
            rows_max=rows_max + 1,
        )
        ids = [row["acceptance_id"] for row in rows[:rows_max]]
        found = await self._read(merchant_id, ids, set(ids))
        return AcceptancePage(found, ids[-1].hex if len(rows) > rows_max else None)

    async def get(self, merchant_id: UUID, acceptance_id: UUID) -> Acceptance:
        """Return one thing that was said.

        Raises:
            NotFound: ``terms_acceptance_unknown``.
        """
        found = await self._read(merchant_id, [acceptance_id], {acceptance_id})
        if not found:
            raise NotFound("There is no such acceptance.", code="terms_acceptance_unknown")
        return found[0]

    async def erase(
        self,
        merchant_id: UUID,
        *,
        author: str,
        acceptance_id: UUID | None = None,
        buyer_id: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Erase addresses and user agents: of one acceptance, a subject, or all said before.

        What is chained stays as it is. Return of how many acceptances something was erased.

        Raises:
            InvalidField: The author is malformed; not exactly one of the three is given.
            NotFound: ``terms_acceptance_unknown``.
        """
        return await erasing.erase(
            self._database,
            merchant_id,
            author=author,
            acceptance_id=acceptance_id,
            buyer_id=buyer_id,
            before=before,
        )

    async def import_file(
        self,
        merchant_id: UUID,
        stream: IO[bytes],
        *,
        source: str,
        on_reject: Callable[[ImportReject], None] | None = None,
        on_progress: Callable[[ImportReport, int], None] | None = None,
    ) -> ImportReport:
        """Import what was accepted in another system; see :mod:`paykeel.terms.importing`."""
        return await import_acceptances(
            self._database,
            merchant_id,
            stream,
            source=source,
            on_reject=on_reject,
            on_progress=on_progress,
        )

    async def _read(
        self, merchant_id: UUID, ids: Sequence[UUID], added: set[UUID]
    ) -> tuple[Acceptance, ...]:
        """Return acceptances in the order of ``ids``; what is not there is left out."""
        rows = await self._database.fetch(
            SQL["get_acceptances"], merchant_id=merchant_id, acceptance_ids=list(ids)
        )
        by_id = {
            row["acceptance_id"]: Acceptance(**row, replayed=row["acceptance_id"] not in added)
            for row in rows
        }
        return tuple(by_id[one] for one in ids if one in by_id)

    async def _columns(self) -> Mapping[str, Kind]:
        if self._kinds is None:
            self._kinds = await read_kinds(self._database, _SHOWN)
        return self._kinds


def _wanted(shown: asyncpg.Record, version_ids: Sequence[UUID] | None) -> list[UUID]:
    """Return the versions that are answered, in the order in which they were shown."""
    if version_ids is None:
        return list(shown["version_ids"])
    chosen = set(version_ids)
    if not chosen:
        raise InvalidField("version_ids", "field_required", "Name one version at least.")
    if not chosen <= set(shown["version_ids"]):
        raise InvalidField(
            "version_ids", "terms_version_not_shown", "Another version was shown with this nonce."
        )
    return [one for one in shown["version_ids"] if one in chosen]


def _answered(shown: asyncpg.Record, wanted: Sequence[UUID], decision: str) -> dict[UUID, UUID]:
    """Return the acceptances of those versions that were answered before, in the order shown."""
    answers = zip(
        shown["answered_ids"] or (),
        shown["acceptance_ids"] or (),
        shown["decisions"] or (),
        strict=True,
    )
    by_version = {version_id: (one, said) for version_id, one, said in answers}
    found = {one: by_version[one] for one in wanted if one in by_version}
    if any(said != decision for _, said in found.values()):
        raise Refused(
            "Something else was said with this nonce. Ask for a new presentation.",
            code="terms_nonce_used",
        )
    return {version_id: one for version_id, (one, _) in found.items()}


def _refuse_late(shown: asyncpg.Record, missing: Sequence[UUID], decision: str) -> None:
    if shown["expired"]:
        raise Refused(
            "This was shown too long ago. Ask for a new presentation.",
            code="terms_presentation_expired",
        )
    stale = set(shown["stale_ids"]).intersection(missing)
    if stale and decision == TermsDecision.ACCEPT:
        raise Refused(
            "A version that was shown is not in force any more. Ask for a new presentation.",
            code="terms_version_stale",
            version_ids=sorted(map(str, stale)),
        )
    if decision == TermsDecision.ACCEPT and not set(shown["taken_back_ids"]).isdisjoint(missing):
        raise Refused(
            "This was shown before the buyer took back what it had accepted. Ask for a new"
            " presentation.",
            code="terms_presentation_outdated",
        )


def _lock_key(whose: Mapping[str, object]) -> int:
    """Return the number of the advisory lock for one subject's word on one document."""
    text = "\n".join(("paykeel terms", *(str(value) for value in whose.values())))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def _read_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(hex=cursor)
    except ValueError as error:
        raise InvalidField(
            "cursor", "cursor_malformed", "Take the cursor from the page before."
        ) from error
