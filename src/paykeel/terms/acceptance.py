"""What is shown to a subject, what it said, and where it stands, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField
from paykeel.terms.evidence_facts import check_buyer_id
from paykeel.terms.locales import read_locales
from paykeel.terms.model import TermsDecision, TermsScope
from paykeel.terms.scopes import check_scope
from paykeel.texts import check_text

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.terms.model import Requirement, TermsDocument, TermsVersion

#: Texts of one presentation.
ITEMS_MAX = 50
COMPONENT_CHARACTERS_MAX = 100


class State(StrEnum):
    """Where a subject stands with one document; only the first two let it purchase."""

    ACCEPTED = "accepted"
    #: An earlier version was accepted, which is enough for a while yet.
    GRACE = "grace"
    #: Nothing was ever said to it.
    MISSING = "missing"
    #: It was accepted, and taken back.
    WITHDRAWN = "withdrawn"
    #: It was accepted too long ago.
    EXPIRED = "expired"
    #: An earlier version was accepted, which is not enough any more.
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Word:
    """The last word of a subject on a line of versions; a decline is none."""

    scope_id: UUID
    acceptance_id: UUID
    decision: TermsDecision
    version_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands with one document."""

    requirement: Requirement
    state: State
    #: The acceptance or withdrawal that decides, if there is any.
    acceptance_id: UUID | None = None
    #: When that was said.
    accepted_at: datetime | None = None
    #: Until when it is enough; ``None``: for good, or it is not enough.
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom a presentation is for, and what it is to show.

    Raises on creation:
        InvalidField: One field is wrong; ``code`` says how.
    """

    buyer_id: str
    #: ``agent`` or ``operator``.
    buyer_role: str
    #: Where the subject is, what it is about to purchase and where; a star: not told.
    jurisdiction: str = "*"
    product: str = "*"
    channel: str = "*"
    #: The languages that the subject reads, best first.
    locales: tuple[str, ...] = ()
    #: The documents to show; none: all that a purchase needs and that are not accepted.
    keys: tuple[str, ...] = ()
    #: What shows it, and in which version.
    component: str | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        check_buyer_id(self.buyer_id)
        if self.buyer_role not in ("agent", "operator"):
            raise InvalidField("buyer_role", "choice_unknown", "Use one of: agent, operator.")
        check_scope(self.context)
        if len(self.keys) > ITEMS_MAX:
            raise InvalidField("documents", "items_too_many", f"At most {ITEMS_MAX}.")
        object.__setattr__(self, "locales", read_locales(self.locales))
        for key in self.keys:
            check_text(key, "documents", 60)
        if self.component is not None:
            check_text(self.component, "component", COMPONENT_CHARACTERS_MAX)

    @property
    def context(self) -> TermsScope:
        """What the subject's purchase is."""
        return TermsScope(self.buyer_role, self.jurisdiction, self.product, self.channel)


@dataclass(frozen=True, slots=True)
class Item:
    """One text that is shown."""

    document: TermsDocument
    version: TermsVersion
    locale: str
    #: Whether none of the languages that were asked for is there.
    fell_back: bool
    html: str
    content_sha256: bytes
    #: Why it is shown: where the subject stands with it.
    reason: State


@dataclass(frozen=True, slots=True)
class Presentation:
    """What is shown to a subject, with the nonce by which it answers."""

    presentation_id: UUID
    #: 43 characters of base64url; told only here, and stored only as a hash.
    nonce: str
    #: The language of the notice and the buttons.
    notice_locale: str
    notice: str
    button_label: str
    decline_label: str
    items: tuple[Item, ...]
    shown_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One thing that a subject said, for good, with what was told of the circumstances."""

    merchant_id: UUID
    acceptance_id: UUID
    buyer_id: str
    #: ``agent``, ``operator``, or ``unknown`` where it was imported so.
    buyer_role: str
    #: ``accept``, ``decline`` or ``withdraw``.
    decision: str
    document_id: UUID
    document_key: str
    document_title: str
    purpose: str
    scope_id: UUID
    version_id: UUID
    #: MAJOR.MINOR.PATCH.
    version: str
    version_sha256: bytes
    locale: str
    text_sha256: bytes
    presentation_id: UUID | None
    presentation_sha256: bytes | None
    method: str
    actor_kind: str
    actor_id: str | None
    on_behalf_of: str | None
    authority: str | None
    scrolled_to_end: bool | None
    dwell_ms: int | None
    client_locale: str | None
    time_zone: str | None
    client_at: datetime | None
    page_url: str | None
    request_id: str | None
    payment_id: UUID | None
    ip_hash: bytes | None
    user_agent_hash: bytes | None
    imported_from: str | None
    imported_ref: str | None
    occurred_at: datetime
    recorded_at: datetime
    #: Personal data beside the chain: ``None`` when it was never told, or is erased.
    ip: str | None
    user_agent: str | None
    erased_at: datetime | None
    #: Whether the very same was said before with this nonce, and this is what was stored then.
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class AcceptancePage:
    """Some of what a subject said, newest first, and where the next page begins."""

    acceptances: tuple[Acceptance, ...]
    #: ``None``: there are no more.
    next_cursor: str | None


def standing_of(requirement: Requirement, word: Word | None, at: datetime) -> Standing:
    """Return where a subject stands by its last word; the gate of a purchase says the same."""
    if word is None:
        return Standing(requirement, State.MISSING)
    state, until = _state(requirement, word, at)
    return Standing(requirement, state, word.acceptance_id, word.occurred_at, until)


def _state(requirement: Requirement, word: Word, at: datetime) -> tuple[State, datetime | None]:
    if word.decision != TermsDecision.ACCEPT:
        return State.WITHDRAWN, None
    found = next((one for one in requirement.enough if one.version_id == word.version_id), None)
    if found is None:
        return State.OUTDATED, None
    if found.since is not None and word.occurred_at < found.since:
        return State.EXPIRED, None
    # How long an acceptance counts is how far back it may lie.
    age = None if found.since is None else word.occurred_at + (at - found.since)
    ends = [one for one in (age, found.until) if one is not None]
    state = State.ACCEPTED if found.until is None else State.GRACE
    return state, min(ends, default=None)
