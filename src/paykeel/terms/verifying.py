"""Verifies everything that acceptances rest on, in the database: chain, versions, then each one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.sealing.tables import TERMS, TERMS_EVENTS
from paykeel.terms.events import erasure_event_faults, event_faults, version_event_faults
from paykeel.terms.proving import (
    PRESENTATIONS,
    Fault,
    Published,
    acceptance_faults,
    text_faults,
    version_faults,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Iterator, Sequence

    from paykeel.sealing.checking import ChainReport
    from paykeel.terms.evidence_reading import (
        EvidenceReader,
        StoredAcceptance,
        StoredVersion,
    )
    from paykeel.terms.proving import Wrong

#: At most so many faults are kept, beside those of the chains; all are counted.
FAULTS_MAX = 100
#: What is sealed of terms.
CHAINS = (TERMS, TERMS_EVENTS)
_TABLES = {one.chain: one.table for one in CHAINS}


@dataclass(frozen=True, slots=True)
class TermsReport:
    """What was looked at, and what is wrong."""

    #: Of each merchant who has acceptances, and who has events.
    chains: tuple[ChainReport, ...]
    versions: int
    texts: int
    acceptances: int
    #: Acceptances that answer a presentation, which was looked at.
    presentations: int
    #: Acceptances with personal data beside them, and how many of these were erased.
    personal: int
    erased: int
    #: What was published, withdrawn and erased.
    events: int
    #: The first ones: of the chains, then of what they protect.
    faults: tuple[Fault, ...]
    faults_total: int

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.faults_total == 0

    @property
    def first(self) -> Fault | None:
        """Where it broke first."""
        return self.faults[0] if self.faults else None

    @property
    def unsealed(self) -> int:
        """How many acceptances and events no seal covers yet."""
        return sum(chain.unsealed for chain in self.chains)


@dataclass(slots=True)
class _Count:
    versions: int = 0
    texts: int = 0
    acceptances: int = 0
    presentations: int = 0
    personal: int = 0
    erased: int = 0
    events: int = 0
    total: int = 0
    kept: list[Fault] = field(default_factory=list)

    def add(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self.total += 1
            if len(self.kept) < FAULTS_MAX:
                self.kept.append(fault)


async def verify_all(
    reader: EvidenceReader, merchants: AsyncIterable[UUID], chains: Sequence[ChainReport]
) -> TermsReport:
    """Check what the chains protect, beside what their own check has found."""
    count = _Count()
    async for merchant_id in merchants:
        await _verify_merchant(reader, merchant_id, count)
    of_chains = [fault for chain in chains for fault in _chain_faults(chain)]
    return TermsReport(
        chains=tuple(chains),
        versions=count.versions,
        texts=count.texts,
        acceptances=count.acceptances,
        presentations=count.presentations,
        personal=count.personal,
        erased=count.erased,
        events=count.events,
        faults=(*of_chains, *count.kept),
        faults_total=count.total + sum(chain.faults_total for chain in chains),
    )


def _chain_faults(chain: ChainReport) -> Iterator[Fault]:
    for one in chain.faults:
        place = [] if one.row_id is None else [f"{_TABLES[one.chain]} {one.row_id}"]
        if one.seal_no is not None:
            place.append(f"seals {one.chain} {one.seal_no}")
        whole = ", ".join(place) or f"seals {one.chain}"
        yield Fault(one.code, whole, one.detail, one.merchant_id)


async def _verify_merchant(reader: EvidenceReader, merchant_id: UUID, count: _Count) -> None:
    # A merchant has few versions, so what acceptances are held against fits into memory.
    known: dict[str, Published | None] = {}

    async def look_at(version_id: UUID) -> None:
        known[str(version_id)] = None
        try:
            stored = await reader.version(merchant_id, version_id)
        except ValueError as error:
            place = f"terms_versions {version_id}"
            count.add([Fault("version_changed", place, str(error), merchant_id)])
            return
        if stored is None:
            return
        count.versions += 1
        count.texts += len(stored.texts)
        count.add(await asyncio.to_thread(_version_faults, merchant_id, stored))
        if stored.document is not None:
            known[str(version_id)] = stored.published(stored.document)

    for version_id in await reader.version_ids(merchant_id):
        await look_at(version_id)
    async for page in reader.acceptances(merchant_id):
        for one in page:
            # It may have been published since the versions were read.
            if one.row["version_id"] not in known:
                await look_at(UUID(one.row["version_id"]))
            count.acceptances += 1
            count.presentations += one.presentation is not None
            count.personal += one.personal is not None
            count.erased += one.personal is not None and one.personal.erased_at is not None
        count.add(await asyncio.to_thread(_page_faults, merchant_id, page, known))
    async for acceptance_id in reader.strays(merchant_id):
        detail = "there is no acceptance that it stands beside"
        place = f"terms_personal {acceptance_id}"
        count.add([Fault("personal_surplus", place, detail, merchant_id)])
    await _verify_events(reader, merchant_id, count)


async def _verify_events(reader: EvidenceReader, merchant_id: UUID, count: _Count) -> None:
    """Hold each row that may change against its events; then see that none is about nothing."""

    def add(faults: Iterable[Wrong]) -> None:
        count.add(Fault(code, place, detail, merchant_id) for code, place, detail in faults)

    async for row in reader.version_events(merchant_id):
        add(version_event_faults(dict(row)))
    async for row in reader.erasure_events(merchant_id):
        add(erasure_event_faults(dict(row)))
    async for row in reader.events(merchant_id):
        count.events += 1
        add(event_faults(dict(row)))


def _version_faults(merchant_id: UUID, stored: StoredVersion) -> list[Fault]:
    version = stored.version
    row = f"terms_versions {version.version_id}"
    faults = [
        Fault(code, f"terms_texts {version.version_id} {text.locale} {part}", detail, merchant_id)
        for text in stored.texts
        for code, part, detail in text_faults(text)
    ]
    if stored.document is None:
        detail = f"its document {version.document_id} is not there"
        faults.append(Fault("document_missing", row, detail, merchant_id))
        return faults
    if stored.scope_document_id is None:
        detail = f"its scope {version.scope_id} is not there"
        faults.append(Fault("scope_missing", row, detail, merchant_id))
        return faults
    if stored.scope_document_id != version.document_id:
        place = f"terms_scopes {version.scope_id}"
        detail = "it is of another document than its version"
        faults.append(Fault("version_changed", place, detail, merchant_id))
    faults += [
        Fault(code, row, detail, merchant_id)
        for code, _, detail in version_faults(stored.document, version, stored.texts)
    ]
    return faults


def _page_faults(
    merchant_id: UUID, page: Sequence[StoredAcceptance], known: dict[str, Published | None]
) -> list[Fault]:
    return [
        Fault(code, _place(one, part), detail, merchant_id)
        for one in page
        for code, part, detail in _faults_of(one, known)
    ]


def _faults_of(one: StoredAcceptance, known: dict[str, Published | None]) -> Iterator[Wrong]:
    published = known[one.row["version_id"]]
    return acceptance_faults(one.row, published, one.presentation, one.personal)


def _place(one: StoredAcceptance, part: str) -> str:
    match part:
        case "presentation":
            row = f"{PRESENTATIONS} {one.row.get('presentation_id')}"
        case "ip" | "user_agent":
            return f"terms_personal {one.acceptance_id} {part}"
        case "text":
            row = f"terms_texts {one.row['version_id']} {one.row['locale']}"
        case _:
            row = f"terms_versions {one.row['version_id']}"
    return f"{row}, {TERMS.table} {one.acceptance_id}"
