"""Imports what was accepted in another system, from CSV, in constant memory.

The file is CSV in UTF-8 with a header that names :data:`COLUMNS` in any order; one line is one
acceptance. A line that is wrong is an :class:`ImportReject`, and the others are taken. The same
line changes nothing when it is imported again: it is known by its source and its ``ref``, or by all
that it says where it has no ``ref``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.terms.import_file import LINE_BYTES_MAX, ImportReject, Past, read_past
from paykeel.terms.salting import salt_and_hash
from paykeel.texts import check_trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from paykeel.db.pool import Database

__all__ = ["LINE_BYTES_MAX", "ImportReject", "ImportReport", "import_acceptances"]

SQL = load("paykeel.terms", "importing.sql")
SOURCE_CHARACTERS_MAX = 200
BATCH_ROWS = 500
#: So many rejects are kept in a report; all are counted.
REJECTS_MAX = 1_000

#: Why the database refuses a line: the column, and what to say.
FAULTS = {
    "terms_document_unknown": ("document", "There is no such document."),
    "terms_version_unknown": (
        "version",
        "The document has no published version of this number for such a buyer.",
    ),
    "terms_version_ambiguous": (
        "version",
        "Several scopes have this version: add jurisdiction, product and channel.",
    ),
    "terms_text_unknown": ("locale", "This version has no text in this language."),
    "instant_in_future": ("accepted_at", "This lies in the future."),
    "terms_import_ref_taken": ("ref", "Another acceptance was imported under this ref."),
}


@dataclass(slots=True)
class ImportReport:
    """What an import did."""

    #: Lines that are neither empty nor the header.
    lines: int = 0
    added: int = 0
    #: They were imported before.
    repeated: int = 0
    rejected: int = 0
    #: The first of them.
    rejects: list[ImportReject] = field(default_factory=list)

    def reject(self, reject: ImportReject) -> None:
        """Count a line that was not taken, and keep it if there is room."""
        self.rejected += 1
        if len(self.rejects) < REJECTS_MAX:
            self.rejects.append(reject)


async def import_acceptances(
    database: Database,
    merchant_id: UUID,
    stream: IO[bytes],
    *,
    source: str,
    on_reject: Callable[[ImportReject], None] | None = None,
    on_progress: Callable[[ImportReport, int], None] | None = None,
) -> ImportReport:
    """Import a file; each batch is stored by itself, so one that breaks off can be run again.

    Args:
        database: Where to.
        merchant_id: Whose they are.
        stream: The file.
        source: The system that it comes from, in the merchant's words, always the same.
        on_reject: Told of each line that is not taken.
        on_progress: Told after each batch of what was done, and how many bytes were read.

    Raises:
        InvalidField: The source is malformed.
        InvalidInput: ``acceptances_header_malformed``: nothing was stored.
    """
    check_trimmed(source, "source", SOURCE_CHARACTERS_MAX)
    report = ImportReport()

    def reject(one: ImportReject) -> None:
        report.reject(one)
        if on_reject is not None:
            on_reject(one)

    async def store(batch: Sequence[Past], bytes_read: int) -> None:
        for one, fault, added in await _store(database, merchant_id, source, batch):
            if fault is not None:
                where, why = FAULTS[fault]
                reject(ImportReject(one.line, where, fault, why))
            elif added:
                report.added += 1
            else:
                report.repeated += 1
        if on_progress is not None:
            on_progress(report, bytes_read)

    batch: dict[str, Past] = {}
    bytes_read = 0
    for one, bytes_read in read_past(stream, database.now()):
        report.lines += 1
        if isinstance(one, ImportReject):
            reject(one)
            continue
        # One statement cannot tell twins apart: the second waits for the next one.
        if one.ref in batch or len(batch) >= BATCH_ROWS:
            await store(list(batch.values()), bytes_read)
            batch = {}
        batch[one.ref] = one
    await store(list(batch.values()), bytes_read)
    return report


async def _store(
    database: Database, merchant_id: UUID, source: str, batch: Sequence[Past]
) -> list[tuple[Past, str | None, bool]]:
    """Store a batch in one statement; return what became of each line."""
    if not batch:
        return []
    rows = await database.fetch(
        SQL["add_imported"],
        merchant_id=merchant_id,
        source=source,
        numbers=list(range(len(batch))),
        acceptance_ids=[new_id() for _ in batch],
        buyer_ids=[one.buyer_id for one in batch],
        buyer_roles=[one.buyer_role for one in batch],
        documents=[one.document for one in batch],
        versions=[one.version for one in batch],
        locales=[one.locale for one in batch],
        accepted_ats=[one.accepted_at for one in batch],
        refs=[one.ref for one in batch],
        jurisdictions=[one.jurisdiction for one in batch],
        products=[one.product for one in batch],
        channels=[one.channel for one in batch],
        **_personal(batch),
    )
    return [(batch[row["number"]], row["fault"], row["added"]) for row in rows]


def _personal(batch: Sequence[Past]) -> dict[str, list[Any]]:
    """Return the addresses and user agents, with salts and hashes."""
    ips = [salt_and_hash(one.ip) for one in batch]
    agents = [salt_and_hash(one.user_agent) for one in batch]
    return {
        "ips": [one.ip for one in batch],
        "ip_salts": [salt for salt, _ in ips],
        "ip_hashes": [digest for _, digest in ips],
        "user_agents": [one.user_agent for one in batch],
        "user_agent_salts": [salt for salt, _ in agents],
        "user_agent_hashes": [digest for _, digest in agents],
    }
