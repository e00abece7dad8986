"""The bodies of documents and versions of terms as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.terms.model import Purpose, VersionStatus
from paykeel.texts import PERSON_CHARACTERS_MAX

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Key = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_-]{0,59}$", description="Your own word for the document.")
]
Person = Annotated[
    str,
    Field(min_length=1, max_length=PERSON_CHARACTERS_MAX, description="Who does it, by name."),
]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Semver = Annotated[
    str,
    Field(
        pattern=r"^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}$",
        description="MAJOR.MINOR.PATCH.",
    ),
]
Locale = Annotated[
    str, Field(min_length=2, max_length=50, description="BCP 47, such as `de` or `pt-BR`.")
]
Jurisdiction = Annotated[
    str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$", description="ISO 3166: `DE`, or `DE-BY`.")
]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Url = Annotated[
    str, Field(description="Where anybody can read the text, relative to where the API is.")
]


class TermsDocumentRequest(Request):
    """Something that subjects are to be asked to accept."""

    key: Key
    purpose: Purpose
    title: Title
    required: Annotated[
        bool | None,
        Field(
            description="Whether a purchase needs it; left out: it does, but for `marketing`, "
            "which never may."
        ),
    ] = None
    author: Person


class TermsScopeRequest(Request):
    """For whom a version is; what is left out, or `*`, is anybody. The most specific one wins."""

    buyer_role: Literal["agent", "operator", "*"] | None = "*"
    jurisdiction: Jurisdiction | Literal["*"] | None = "*"
    product: Annotated[
        Word | Literal["*"] | None, Field(description="The `kind` of a purchase.")
    ] = "*"
    channel: Word | Literal["*"] | None = "*"


class TermsDraft(Request):
    """A version in the making, with its texts in all languages."""

    author: Person
    version: Semver
    scope: TermsScopeRequest | None = None
    texts: Annotated[
        dict[str, str],
        Field(
            min_length=1,
            description="By language: Markdown without raw HTML, at most 262,144 bytes each.",
        ),
    ]
    authoritative: Annotated[
        Locale | None,
        Field(description="Which text counts when they differ; left out: the first."),
    ] = None
    change: Annotated[
        Literal["major", "minor"] | None, Field(description="Left out: as the number says.")
    ] = None
    requires_reacceptance: Annotated[
        bool | None,
        Field(description="Whether who accepted an earlier version must accept this one; left out: "
              "after a major change."),
    ] = None  # fmt: skip
    reaccept_after_days: Annotated[
        int | None,
        Field(strict=True, ge=1, le=3650, description="For how long an acceptance counts."),
    ] = None
    effective_from: Annotated[
        Instant | None, Field(description="Left out: when it is published.")
    ] = None
    effective_to: Instant | None = None
    grace_days: Annotated[
        int | None,
        Field(strict=True, ge=0, description="How long an acceptance of the version before is "
              "still enough."),
    ] = None  # fmt: skip
    grace_until: Annotated[
        Instant | None, Field(description="The same as an instant, instead of `grace_days`.")
    ] = None
    summary: Annotated[
        str | None, Field(max_length=2000, description="What changes, for who has to accept it.")
    ] = None


class TermsPublication(Request):
    """Who publishes a draft."""

    author: Person


class TermsVersionWithdrawal(Request):
    """Who takes a version out of force, and why."""

    author: Person
    because: Annotated[str, Field(min_length=1, max_length=500)]


class TermsDocument(Answer):
    """Something that subjects are asked to accept."""

    object: Literal["terms_document"]
    id: Id
    key: Key
    purpose: Purpose
    required: bool
    title: Title
    author: str
    created_at: Instant


class TermsScope(Answer):
    """For whom something is; `*` is anybody."""

    buyer_role: Literal["agent", "operator", "*"]
    jurisdiction: str
    product: str
    channel: str


class TermsVersion(Answer):
    """A version; what is published never changes, but may be withdrawn."""

    object: Literal["terms_version"]
    id: Id
    document_id: Id
    scope: TermsScope
    version: Semver
    change: Literal["major", "minor"]
    requires_reacceptance: bool
    reaccept_after_days: int | None
    effective_from: Instant | None
    effective_to: Instant | None
    grace_until: Instant | None
    summary: str
    status: VersionStatus
    sha256: Annotated[Sha256 | None, Field(description="Of all that was published.")]
    author: str
    created_at: Instant
    published_by: str | None
    published_at: Instant | None
    withdrawn_by: str | None
    withdrawn_at: Instant | None
    withdrawn_because: str | None


class TermsText(Answer):
    """One language of a version."""

    locale: Locale
    is_authoritative: bool
    content: Annotated[str, Field(description="Canonical Markdown.")]
    content_sha256: Sha256
    html: str
    html_sha256: Sha256
    url: Annotated[Url | None, Field(description="Null before it is published.")]


class TermsWholeVersion(TermsVersion):
    """A version with its document and its texts."""

    document: TermsDocument
    texts: list[TermsText]


class TermsDocuments(Answer):
    """All documents, by their keys."""

    object: Literal["list"]
    data: list[TermsDocument]
    next_cursor: None


class TermsVersions(Answer):
    """A page of versions, newest first."""

    object: Literal["list"]
    data: list[TermsVersion]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


TERMS_REQUESTS: tuple[type[BaseModel], ...] = (
    TermsDocumentRequest, TermsDraft, TermsPublication, TermsVersionWithdrawal,
)  # fmt: skip
TERMS_ANSWERS: tuple[type[BaseModel], ...] = (
    TermsDocument, TermsDocuments, TermsVersion, TermsWholeVersion, TermsVersions,
)  # fmt: skip
