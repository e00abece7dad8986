"""``terms draft``, ``publish`` and ``withdraw``: how a version comes into force, and ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import Parameter

from paykeel.cli.context import (
    DEFAULTS,
    OK,
    REFUSED,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import Author, login
from paykeel.cli.terms.files import read_texts
from paykeel.cli.terms.moments import read_ahead, told
from paykeel.cli.terms.options import (
    EVERYBODY,
    NEXT,
    Place,
    VersionOptions,
    asked,
    check_askable,
)
from paykeel.cli.terms.showing import scope_told
from paykeel.errors import InvalidField, InvalidInput
from paykeel.terms.drafting import Draft
from paykeel.terms.json_values import document_values, version_values
from paykeel.terms.model import VersionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.core import Core
    from paykeel.terms.model import TermsDocument, TermsVersion

FIRST = "1.0.0"
#: How many versions are looked through for the last number of a line.
VERSIONS_MAX = 500
#: What is said of a version that is a draft already.
_NOTHING = (None, None, EVERYBODY, NEXT)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What publishing a version would bring."""

    document: TermsDocument
    version: TermsVersion
    #: The difference of each language against the version before it.
    differences: Mapping[str, Sequence[str]]

    def values(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            **version_values(self.version),
            "document": document_values(self.document),
            "differences": {locale: list(lines) for locale, lines in self.differences.items()},
        }


async def draft(
    *files: str,
    document: str,
    locale: str | None = None,
    options: VersionOptions = NEXT,
    place: Place = EVERYBODY,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Save a version that nobody is asked for yet; saving it again replaces the draft.

    Args:
        files: Markdown files; with its language where --locale does not say it: terms.md:de.
        document: Of which document.
        locale: The language of files that do not name one.
        options: What the version is.
        place: For whom it is.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    texts = read_texts(files, locale)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.terms.documents.get(owner.merchant_id, document)
        plan = await _plan(core, await _save(core, found, texts, options, place))
    out.document(plan.values())
    _show_plan(out, plan)
    out.line(f"A draft. Publish it: `paykeel terms publish --id {plan.version.version_id}`.")


async def publish(
    *files: str,
    document: str | None = None,
    locale: str | None = None,
    draft_id: Annotated[UUID | None, Parameter(name="--id")] = None,
    yes: Flag = False,
    options: VersionOptions = NEXT,
    place: Place = EVERYBODY,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Publish files as a version, or a draft, after showing what changes. It is for good.

    Args:
        files: Markdown files; with its language where --locale does not say it: terms.md:de.
        document: Of which document.
        locale: The language of files that do not name one.
        draft_id: Publish this draft, instead of files.
        yes: Do not ask.
        options: What the version is.
        place: For whom it is.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    says_more = (document, locale, place, replace(options, author=None)) != _NOTHING
    if draft_id is not None and (files or says_more):
        raise InvalidInput("Name files and their document, or --id alone.", code="usage")
    texts = {} if draft_id is not None else read_texts(files, locale)
    check_askable(out, yes=yes)
    author = options.author or login()
    async with open_core() as core:
        merchant_id = (await choose_merchant(core, merchant)).merchant_id
        if draft_id is not None:
            saved = await core.terms.documents.version(merchant_id, draft_id)
        else:
            if document is None:
                raise InvalidField("--document", "field_required", "Of which document?")
            found = await core.terms.documents.get(merchant_id, document)
            saved = await _save(core, found, texts, options, place)
        plan = await _plan(core, saved)
        _show_plan(out, plan)
        if not yes and not asked(out, "Publish this? It cannot be changed afterwards."):
            out.line(f"Not published; it is kept as the draft {saved.version_id}.")
            return REFUSED
        made = await core.terms.documents.publish(merchant_id, saved.version_id, author=author)
    out.document({**plan.values(), **version_values(made)})
    since = told(made.effective_from)
    out.line(f"Published: {plan.document.key} {made.version}, in force from {since} on.")
    return OK


async def withdraw(
    version: UUID,
    /,
    *,
    because: str,
    author: Author = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Take a published version out of force, for good; it can still be read.

    The version before it is in force again. What was accepted stays as evidence.

    Args:
        version: Its id, from `paykeel terms versions`.
        because: Why; it is kept.
        author: Who does this; the user of this terminal when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        taken = await core.terms.documents.withdraw(
            owner.merchant_id, version, because, author=author or login()
        )
        document = await core.terms.documents.document_of(owner.merchant_id, taken.document_id)
    out.document({**version_values(taken), "document": document_values(document)})
    out.line(f"Withdrawn: {document.key} {taken.version} for {scope_told(taken.scope)}.")


async def _save(
    core: Core,
    document: TermsDocument,
    texts: Mapping[str, str],
    options: VersionOptions,
    place: Place,
) -> TermsVersion:
    now = core.database.now()
    scope = place.scope()
    version = options.version
    if version is None:
        known = await core.terms.documents.versions(
            document.merchant_id, document.key, rows_max=VERSIONS_MAX
        )
        line = [one for one in known if one.scope == scope]
        version = next_version(line, options.change)
    draft = Draft(
        version=version,
        texts=texts,
        scope=scope,
        authoritative=options.authoritative,
        change=options.change,
        requires_reacceptance=options.reaccept,
        reaccept_after_days=options.reaccept_after_days,
        effective_from=read_ahead(options.effective_from, "effective-from", now),
        effective_to=read_ahead(options.effective_to, "effective-to", now),
        grace_days=options.grace_days,
        grace_until=read_ahead(options.grace_until, "grace-until", now),
        summary=options.summary,
    )
    return await core.terms.documents.draft(
        document.merchant_id, document.key, draft, author=options.author or login()
    )


def next_version(line: Sequence[TermsVersion], change: str | None) -> str:
    """Return the number that follows what was published of a line; drafts do not count.

    A change is major unless it is said to be minor: whoever forgets to say so asks once too often,
    and not once too seldom.

    >>> next_version([], None)
    '1.0.0'
    """
    published = [one for one in line if one.status is not VersionStatus.DRAFT]
    if not published:
        return FIRST
    major, minor, _ = max(tuple(map(int, one.version.split("."))) for one in published)
    return f"{major}.{minor + 1}.0" if change == "minor" else f"{major + 1}.0.0"


async def _plan(core: Core, version: TermsVersion) -> _Plan:
    documents = core.terms.documents
    merchant_id, version_id = version.merchant_id, version.version_id
    return _Plan(
        await documents.document_of(merchant_id, version.document_id),
        version,
        {
            text.locale: await documents.difference(merchant_id, version_id, text.locale)
            for text in await documents.texts(merchant_id, version_id)
        },
    )


def _show_plan(out: Output, plan: _Plan) -> None:
    """Show what changes, and for whom, before anybody is asked."""
    version = plan.version
    again = "must accept it" if version.requires_reacceptance else "need not accept it"
    out.line(f"{plan.document.key} {version.version}, {version.change}")
    days = version.reaccept_after_days
    facts = {
        "title": plan.document.title,
        "for": scope_told(version.scope),
        "from": told(version.effective_from) or "when it is published",
        "to": told(version.effective_to),
        "who accepted an earlier version": again,
        "which is enough until": told(version.grace_until),
        "an acceptance counts": None if days is None else f"for {days} days",
        "what changes": version.summary or None,
    }
    out.facts({name: value for name, value in facts.items() if value is not None})
    for locale, lines in plan.differences.items():
        out.line(f"\nThe text in {locale}" + ("" if lines else ": no change"))
        for line in lines:
            out.line(line.rstrip("\n"))
    out.line("")
