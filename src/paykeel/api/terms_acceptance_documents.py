"""The bodies of presentations and acceptances as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.api.terms_documents import (
    Jurisdiction,
    Key,
    Locale,
    Person,
    Semver,
    Sha256,
    TermsScope,
    Url,
    Word,
)
from paykeel.payments.model import BUYER_ID_CHARACTERS_MAX, KIND
from paykeel.terms.acceptance import COMPONENT_CHARACTERS_MAX, ITEMS_MAX, State
from paykeel.terms.evidence_facts import (
    DWELL_MS_MAX,
    IP_CHARACTERS_MAX,
    USER_AGENT_CHARACTERS_MAX,
    ActorKind,
    Method,
)
from paykeel.terms.locales import LOCALES_MAX
from paykeel.terms.model import Purpose

BuyerId = Annotated[str, Field(min_length=1, max_length=BUYER_ID_CHARACTERS_MAX)]
Decision = Literal["accept", "decline", "withdraw"]
Part = dict[str, Any]


class TermsSubject(Request):
    """Who is shown something, as in the purchase that it is for."""

    id: BuyerId
    role: Literal["agent", "operator"]
    jurisdiction: Jurisdiction | None = None


class TermsSpeaker(Request):
    """Who says something: the subject that it was shown to."""

    id: BuyerId


class TermsPresentationRequest(Request):
    """Whom something is shown to, and in which languages."""

    buyer: TermsSubject
    product: Annotated[Word | None, Field(description="The `kind` of the purchase.")] = KIND
    channel: Word | None = None
    locales: Annotated[
        list[Locale] | None, Field(max_length=LOCALES_MAX, description="Best first.")
    ] = None
    accept_language: Annotated[
        str | None, Field(description="The browser's header, where there are no `locales`.")
    ] = None
    documents: Annotated[
        list[Key] | None,
        Field(max_length=ITEMS_MAX, description="Left out: all that a purchase needs and that "
              "is not accepted."),
    ] = None  # fmt: skip
    component: Annotated[
        str | None,
        Field(min_length=1, max_length=COMPONENT_CHARACTERS_MAX,
              description="What shows it, and in which version."),
    ] = None  # fmt: skip


class TermsActor(Request):
    """Who acts, if not the subject itself: then `id` and `authority` are needed."""

    kind: ActorKind | None = ActorKind.HUMAN
    id: Annotated[str | None, Field(min_length=1, max_length=128)] = None
    on_behalf_of: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    authority: Annotated[
        str | None, Field(min_length=1, max_length=500, description="What allows it.")
    ] = None


class TermsClient(Request):
    """What is known of the browser. Address and user agent are kept apart, and can be erased."""

    ip: Annotated[str | None, Field(max_length=IP_CHARACTERS_MAX)] = None
    user_agent: Annotated[str | None, Field(min_length=1, max_length=USER_AGENT_CHARACTERS_MAX)] = (
        None
    )
    locale: Annotated[str | None, Field(min_length=1, max_length=50)] = None
    time_zone: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    page_url: Annotated[str | None, Field(min_length=1, max_length=2000)] = None
    at: Annotated[Instant | None, Field(description="By the browser's own clock.")] = None


class _Circumstances(Request):
    buyer: TermsSpeaker
    method: Method
    actor: TermsActor | None = None
    scrolled_to_end: bool | None = None
    dwell_ms: Annotated[
        int | None,
        Field(strict=True, ge=0, le=DWELL_MS_MAX, description="How long the text was in sight."),
    ] = None
    client: TermsClient | None = None
    request_id: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    payment_id: Id | None = None


class TermsAcceptanceRequest(_Circumstances):
    """What a subject says to what it was shown."""

    nonce: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="As presented.")]
    decision: Literal["accept", "decline"]
    version_ids: Annotated[
        list[Id] | None, Field(description="Left out: to all that was shown.")
    ] = None


class TermsWithdrawalRequest(_Circumstances):
    """A subject takes back what it has accepted."""

    document: Key


class TermsErasureRequest(Request):
    """Whose addresses and user agents are erased: exactly one of the three is given."""

    author: Person
    acceptance_id: Id | None = None
    buyer_id: BuyerId | None = None
    before: Annotated[Instant | None, Field(description="All that was said before.")] = None


class TermsBuyer(Answer):
    """A subject."""

    id: str
    role: Annotated[str, Field(description="`agent`, `operator`; `unknown` of an imported one.")]


class _About(Answer):
    document: Key
    purpose: Purpose
    title: str
    version: Semver
    version_id: Id


class TermsItem(_About):
    """One text to show."""

    summary: str
    reason: State
    locale: Locale
    fell_back: Annotated[bool, Field(description="It is not in the language wanted most.")]
    html: Annotated[str, Field(description="Safe to put into a page.")]
    content_sha256: Sha256
    url: Url


class TermsPresentation(Answer):
    """What to show, letter by letter, and the nonce by which the subject answers."""

    object: Literal["terms_presentation"]
    id: Id
    nonce: Annotated[str, Field(description="Told only here.")]
    buyer: TermsBuyer
    locale: Annotated[Locale, Field(description="Of the notice and the buttons.")]
    notice: str
    button_label: str
    decline_label: str
    items: list[TermsItem]
    shown_at: Instant
    expires_at: Instant


class TermsStanding(_About):
    """Where a subject stands with one document; the version is the one in force."""

    required: bool
    state: State
    acceptance_id: Id | None
    accepted_at: Annotated[Instant | None, Field(description="When the word that counts was said.")]
    until: Annotated[Instant | None, Field(description="Null: for good, or it is not enough.")]


class TermsStatus(Answer):
    """Where a subject stands with each document in force."""

    object: Literal["terms_status"]
    buyer_id: str
    context: TermsScope
    may_purchase: bool
    data: list[TermsStanding]


class TermsActorTold(Answer):
    """Who acted."""

    kind: ActorKind
    id: str | None
    on_behalf_of: str | None
    authority: str | None


class TermsClientTold(Answer):
    """What was told of the browser; what is erased, or was never told, is null."""

    ip: str | None
    ip_hash: Sha256 | None
    user_agent: str | None
    user_agent_hash: Sha256 | None
    erased_at: Instant | None
    locale: str | None
    time_zone: str | None
    page_url: str | None
    at: Instant | None


class TermsAcceptance(_About):
    """One thing that a subject said, for good."""

    object: Literal["terms_acceptance"]
    id: Id
    buyer: TermsBuyer
    decision: Decision
    version_sha256: Sha256
    locale: str
    text_sha256: Sha256
    url: Url
    presentation_id: Id | None
    presentation_sha256: Sha256 | None
    method: Annotated[str, Field(description="As it was told, or `import`.")]
    actor: TermsActorTold
    scrolled_to_end: bool | None
    dwell_ms: int | None
    client: TermsClientTold
    request_id: str | None
    payment_id: Id | None
    imported_from: str | None
    imported_ref: str | None
    occurred_at: Instant
    recorded_at: Instant


class TermsAcceptances(Answer):
    """What a subject said."""

    object: Literal["list"]
    data: list[TermsAcceptance]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


class TermsErasure(Answer):
    """Of how many acceptances something was erased."""

    object: Literal["terms_erasure"]
    erased: Annotated[int, Field(ge=0)]


class TermsEvidence(Answer):
    """One acceptance with all that proves it; `paykeel terms verify` checks it, also offline.

    [Terms](../explanation/terms.md) says what each part is.
    """

    form: Literal["paykeel-terms-evidence/1"]
    made_at: Instant
    acceptance: Annotated[Part, Field(description="The sealed row.")]
    document: Part
    version: Part
    text: Annotated[Part, Field(description="What was accepted, letter by letter.")]
    presentation: Part | None
    personal: Annotated[Part | None, Field(description="Address and user agent, if not erased.")]
    seal: Annotated[Part, Field(description="From the row to a signed seal.")]
    told: Annotated[Part, Field(description="What stands beside it, and is not sealed.")]
    stripe: Annotated[Part, Field(description="By the names of Stripe's dispute evidence.")]


ACCEPTANCE_REQUESTS: tuple[type[BaseModel], ...] = (
    TermsPresentationRequest, TermsAcceptanceRequest, TermsWithdrawalRequest, TermsErasureRequest,
)  # fmt: skip
ACCEPTANCE_ANSWERS: tuple[type[BaseModel], ...] = (
    TermsPresentation, TermsAcceptance, TermsAcceptances, TermsStatus, TermsErasure, TermsEvidence,
)  # fmt: skip
