"""Documents, their versions and texts, presentations and acceptances, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

#: Anybody: a part of a scope that is left open.
ANY = "*"


class Purpose(StrEnum):
    """What a document is for."""

    CONTRACT = "contract"
    PRIVACY = "privacy"
    REFUND_POLICY = "refund_policy"
    #: A free consent: never needed for a purchase.
    MARKETING = "marketing"


class VersionStatus(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class TermsDecision(StrEnum):
    """What a subject says."""

    ACCEPT = "accept"
    DECLINE = "decline"
    #: Takes an acceptance back.
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class TermsScope:
    """For whom a line of versions is: a role, a place, a product and a channel.

    >>> TermsScope(jurisdiction="DE").covers(TermsScope("agent", "DE-BY", "ticket", "web"))
    True
    """

    #: ``agent``, ``operator``, or ``*``.
    buyer_role: str = ANY
    #: ISO 3166-1 or 3166-2: ``DE``, ``DE-BY``, or ``*``.
    jurisdiction: str = ANY
    #: The kind of purchase, or ``*``.
    product: str = ANY
    #: The merchant's own word for where it sells, or ``*``.
    channel: str = ANY

    @property
    def weight(self) -> int:
        """How specific it is: one for each part that is named, one more for a subdivision."""
        parts = (self.buyer_role, self.jurisdiction, self.product, self.channel)
        return sum(part != ANY for part in parts) + ("-" in self.jurisdiction)

    def covers(self, context: TermsScope) -> bool:
        """Say whether a line of this scope is for this context.

        What the context leaves open is covered by a star alone.
        """
        return (
            self.buyer_role in (ANY, context.buyer_role)
            and (
                self.jurisdiction in (ANY, context.jurisdiction)
                or context.jurisdiction.startswith(f"{self.jurisdiction}-")
            )
            and self.product in (ANY, context.product)
            and self.channel in (ANY, context.channel)
        )

    def meets(self, other: TermsScope) -> bool:
        """Say whether there is somebody for whom both are."""

        def one(here: str, there: str) -> bool:
            return ANY in (here, there) or here == there

        places = self.jurisdiction, other.jurisdiction
        return (
            one(self.buyer_role, other.buyer_role)
            and (
                one(*places)
                or places[0].startswith(f"{places[1]}-")
                or places[1].startswith(f"{places[0]}-")
            )
            and one(self.product, other.product)
            and one(self.channel, other.channel)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsDocument:
    """Something that subjects are asked to accept, in all its versions."""

    merchant_id: UUID
    document_id: UUID
    #: The merchant's own word for it, as in addresses and commands.
    key: str
    purpose: Purpose
    #: Whether a purchase needs it.
    required: bool
    title: str
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsVersion:
    """One version of a document, for one scope. What is published never changes."""

    merchant_id: UUID
    version_id: UUID
    document_id: UUID
    scope_id: UUID
    scope: TermsScope
    #: MAJOR.MINOR.PATCH.
    version: str
    #: ``major`` or ``minor``.
    change: str
    #: Whether who accepted an earlier version of the line must accept this one.
    requires_reacceptance: bool
    #: An acceptance counts for so many days; ``None``: for good.
    reaccept_after_days: int | None
    effective_from: datetime | None
    effective_to: datetime | None
    #: Until when an acceptance of the version before is still enough.
    grace_until: datetime | None
    #: Only of a draft that leaves its beginning open: how many days of grace follow it.
    grace_days: int | None = None
    summary: str
    status: VersionStatus
    version_sha256: bytes | None
    author: str
    created_at: datetime
    published_by: str | None = None
    published_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    withdrawn_because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsText:
    """One language of a version: canonical Markdown, and the HTML made of it when it was saved."""

    #: BCP 47, such as ``de`` or ``pt-BR``.
    locale: str
    content: str
    content_sha256: bytes
    html: str
    html_sha256: bytes
    #: Whether this one counts when translations differ.
    is_authoritative: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The versions of one document for one scope, in the order in which they begin; no drafts."""

    document: TermsDocument
    scope_id: UUID
    scope: TermsScope
    versions: tuple[TermsVersion, ...]


@dataclass(frozen=True, slots=True)
class Enough:
    """One version whose acceptance is enough at an instant."""

    version_id: UUID
    #: An acceptance before this is too old; ``None``: it counts for good.
    since: datetime | None = None
    #: Until when it is enough by the grace of what came after; ``None``: as long as that stands.
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one subject must have accepted at one instant, for one document.

    An acceptance of any version that is enough meets it, unless it is too old, or was taken back.
    """

    document: TermsDocument
    scope_id: UUID
    #: The version that is shown and asked for.
    current: TermsVersion
    #: Newest first; the one in force is the first.
    enough: tuple[Enough, ...]

    @property
    def version_ids(self) -> str:
        """The versions that are enough, as PostgreSQL reads an array of them."""
        return f"{{{','.join(str(one.version_id) for one in self.enough)}}}"

    @property
    def sinces(self) -> str:
        """Since when each of them must have been accepted, as PostgreSQL reads an array."""
        written = ("NULL" if one.since is None else one.since.isoformat() for one in self.enough)
        return f"{{{','.join(written)}}}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that a merchant has published, and what of it was withdrawn."""

    lines: tuple[Line, ...]
    #: Counts publications and withdrawals of the merchant.
    revision: int

    def requirements(self, context: TermsScope, at: datetime) -> tuple[Requirement, ...]:
        """Return what a purchase in this context needs at an instant, by the document's key.

        The most specific line that has a version in force wins. Documents that are not required
        are left out.
        """
        return tuple(one for one in self.in_force(context, at) if one.document.required)

    def in_force(self, context: TermsScope, at: datetime) -> tuple[Requirement, ...]:
        """Return what holds in this context at an instant, needed for a purchase or not."""
        best: dict[str, tuple[int, Requirement]] = {}
        for line in self.lines:
            if not line.scope.covers(context):
                continue
            found, weight = requirement_of(line, at), line.scope.weight
            held = best.get(line.document.key)
            if found is not None and (held is None or held[0] < weight):
                best[line.document.key] = weight, found
        return tuple(best[key][1] for key in sorted(best))


def current_of(versions: Sequence[TermsVersion], at: datetime) -> TermsVersion | None:
    """Return the version of a line that is in force at an instant: the last that has begun."""
    begun = (one for one in versions if one.status is VersionStatus.PUBLISHED and _begun(one, at))
    last = max(begun, key=_order, default=None)
    if last is None or (last.effective_to is not None and last.effective_to <= at):
        return None
    return last


def requirement_of(line: Line, at: datetime) -> Requirement | None:
    """Return what a line asks of a subject at an instant; ``None``: nothing is in force.

    From the version in force back to the last one that had to be accepted anew, each is enough.
    What came before that one is enough while its grace lasts, and so on: until the first grace
    ends. A version that was withdrawn after it had begun still had to be accepted anew.
    """
    current = current_of(line.versions, at)
    if current is None:
        return None
    held = (one for one in line.versions if _begun(one, at) and _order(one) <= _order(current))
    enough: list[Enough] = []
    until: datetime | None = None
    for version in sorted(held, key=_order, reverse=True):
        days = version.reaccept_after_days
        since = None if days is None else at - timedelta(days=days)
        enough.append(Enough(version.version_id, since, until))
        if version.requires_reacceptance:
            if version.grace_until is None or version.grace_until <= at:
                break
            until = min(until or version.grace_until, version.grace_until)
    return Requirement(line.document, line.scope_id, current, tuple(enough))


def _begun(version: TermsVersion, at: datetime) -> bool:
    """Say whether it has been in force; what was withdrawn before it began never was."""
    begins, ended = version.effective_from, version.withdrawn_at
    return begins is not None and begins <= at and (ended is None or ended > begins)


def _order(version: TermsVersion) -> tuple[datetime, UUID]:
    assert version.effective_from is not None, "only what has begun is put in order"  # noqa: S101
    return version.effective_from, version.version_id
