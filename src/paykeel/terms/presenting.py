"""Presentations: what a subject is shown, stored before it is shown; and where the subject stands.

What is asked for follows from the subject's last word on each line of versions, just as the gate of
a purchase sees it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.errors import Refused
from paykeel.terms.acceptance import (
    ITEMS_MAX,
    Asked,
    Item,
    Presentation,
    Standing,
    State,
    Word,
    standing_of,
)
from paykeel.terms.locales import choose
from paykeel.terms.model import TermsDecision
from paykeel.terms.wording import Wording, wording

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.terms.documents import TermsDocuments
    from paykeel.terms.locales import Choice
    from paykeel.terms.model import Catalogue, Requirement, TermsScope

SQL = load("paykeel.terms", "presenting.sql")
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Languages:
    """In which languages there is a text of one version."""

    locales: tuple[str, ...]
    authoritative: str


class Presenter:
    """Works out what a subject has to be shown, and stores that it was."""

    def __init__(
        self,
        database: Database,
        catalogue: Callable[[UUID], Awaitable[Catalogue]],
        documents: TermsDocuments,
        *,
        presentation_ms: int,
    ) -> None:
        """Take the database, what reads a merchant's terms, and how long an answer may take."""
        self._database = database
        self._catalogue = catalogue
        self._documents = documents
        self._presentation_ms = presentation_ms

    async def present(self, merchant_id: UUID, asked: Asked) -> Presentation:
        """Store what is shown to a subject, and return it; see `Acceptances.present`."""
        standings = await self._asked_for(merchant_id, asked)
        if not standings:
            raise Refused(
                "There is nothing that this buyer would have to accept.",
                code="terms_nothing_to_accept",
            )
        items = await self._items(merchant_id, standings[:ITEMS_MAX], asked.locales)
        said = _wording(asked.locales, items)
        presentation_id, nonce = new_id(), new_nonce()
        row = await self._database.fetchrow(
            SQL["add_presentation"],
            merchant_id=merchant_id,
            presentation_id=presentation_id,
            nonce_sha256=nonce_sha256(nonce),
            buyer_id=asked.buyer_id,
            buyer_role=asked.buyer_role,
            jurisdiction=asked.jurisdiction,
            product=asked.product,
            channel=asked.channel,
            locales_asked=list(asked.locales),
            version_ids=[item.version.version_id for item in items],
            locales=[item.locale for item in items],
            text_sha256s=[item.content_sha256 for item in items],
            notice=said.notice,
            button_label=said.button_label,
            component=asked.component,
            presentation_ms=self._presentation_ms,
        )
        assert row is not None, "it is always one row"  # noqa: S101 - for the type checker
        return Presentation(
            presentation_id=presentation_id,
            nonce=nonce,
            notice_locale=said.locale,
            notice=said.notice,
            button_label=said.button_label,
            decline_label=said.decline_label,
            items=items,
            shown_at=row["shown_at"],
            expires_at=row["expires_at"],
        )

    async def status(self, merchant_id: UUID, buyer_id: str, context: TermsScope) -> list[Standing]:
        """Return where a subject stands with each document in force, by the document's key."""
        catalogue = await self._catalogue(merchant_id)
        # Asked for after the reading, which tells the time: what has just begun is in force.
        at = self._database.now()
        return await self._standings(merchant_id, buyer_id, catalogue.in_force(context, at), at)

    async def _asked_for(self, merchant_id: UUID, asked: Asked) -> list[Standing]:
        """Return what is to be shown: the documents that were named, or all that is missing."""
        standings = await self.status(merchant_id, asked.buyer_id, asked.context)
        if not asked.keys:
            return [
                one
                for one in standings
                if one.requirement.document.required and one.state is not State.ACCEPTED
            ]
        by_key = {one.requirement.document.key: one for one in standings}
        for key in asked.keys:
            if key not in by_key:
                # There may be none such, or none that is in force for this subject.
                document = await self._documents.get(merchant_id, key)
                raise Refused(
                    f"Nothing of {document.key} is in force for this buyer.",
                    code="terms_nothing_to_accept",
                )
        return [by_key[key] for key in dict.fromkeys(asked.keys)]

    async def _standings(
        self,
        merchant_id: UUID,
        buyer_id: str,
        requirements: Sequence[Requirement],
        at: datetime,
    ) -> list[Standing]:
        rows = await self._database.fetch(
            SQL["last_words"],
            merchant_id=merchant_id,
            buyer_id=buyer_id,
            scope_ids=[one.scope_id for one in requirements],
            enough=[one.version_ids for one in requirements],
            sinces=[one.sinces for one in requirements],
        )
        words = {
            row["scope_id"]: Word(
                row["scope_id"],
                row["acceptance_id"],
                TermsDecision(row["decision"]),
                row["version_id"],
                row["occurred_at"],
            )
            for row in rows
        }
        return [standing_of(one, words.get(one.scope_id), at) for one in requirements]

    async def _items(
        self, merchant_id: UUID, standings: Sequence[Standing], asked: Sequence[str]
    ) -> tuple[Item, ...]:
        """Choose a language of each version, and read the text."""
        version_ids = [one.requirement.current.version_id for one in standings]
        languages = await self._languages(merchant_id, version_ids)
        choices = {
            version_id: choose(asked, found.locales, found.authoritative)
            for version_id, found in languages.items()
        }
        rows = await self._database.fetch(
            SQL["shown_texts"],
            merchant_id=merchant_id,
            version_ids=version_ids,
            locales=[choices[version_id].locale for version_id in version_ids],
        )
        texts = {row["version_id"]: (row["html"], row["content_sha256"]) for row in rows}
        return tuple(
            _item(one, choices[version_id], *texts[version_id])
            for one, version_id in zip(standings, version_ids, strict=True)
        )

    async def _languages(
        self, merchant_id: UUID, version_ids: Sequence[UUID]
    ) -> dict[UUID, _Languages]:
        rows = await self._database.fetch(
            SQL["available_texts"], merchant_id=merchant_id, version_ids=list(version_ids)
        )
        locales: dict[UUID, list[str]] = {}
        authoritative: dict[UUID, str] = {}
        for row in rows:
            locales.setdefault(row["version_id"], []).append(row["locale"])
            if row["is_authoritative"]:
                authoritative[row["version_id"]] = row["locale"]
        return {
            version_id: _Languages(tuple(found), authoritative[version_id])
            for version_id, found in locales.items()
        }


def new_nonce() -> str:
    """Return 43 characters of base64url that say nothing and that nobody can guess.

    None begins with a hyphen, or a command line would take the nonce for an option.

    >>> len(new_nonce())
    43
    """
    while True:
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        if not nonce.startswith("-"):
            return nonce


def nonce_sha256(nonce: str) -> bytes:
    """Return what is stored of a nonce."""
    return hashlib.sha256(nonce.encode()).digest()


def _item(standing: Standing, choice: Choice, html: str, content_sha256: bytes) -> Item:
    return Item(
        document=standing.requirement.document,
        version=standing.requirement.current,
        locale=choice.locale,
        fell_back=choice.fell_back,
        html=html,
        content_sha256=content_sha256,
        reason=standing.state,
    )


def _wording(asked: Sequence[str], items: Sequence[Item]) -> Wording:
    """Return the words in the first language that the subject reads and there are words in.

    Where there are none in any, they are in the language of a text that is shown.
    """
    purposes = {item.document.purpose for item in items}
    wishes = [*asked, *(item.locale for item in items)]
    for wish in wishes:
        said = wording(wish, purposes)
        if said.locale.partition("-")[0] == wish.partition("-")[0]:
            return said
    return wording(wishes[0], purposes)
