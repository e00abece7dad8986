"""What a draft says, and whether it can be published. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField, Refused
from paykeel.terms.digests import text_sha256
from paykeel.terms.locales import check_locale
from paykeel.terms.markdown import canonical, render
from paykeel.terms.model import ANY, Purpose, TermsScope, TermsText, TermsVersion
from paykeel.terms.scopes import check_scope
from paykeel.texts import check_text, check_trimmed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TITLE_CHARACTERS_MAX = 200
SUMMARY_CHARACTERS_MAX = 2_000
#: Of one version.
LOCALES_MAX = 50
DAYS_MAX = 3_650

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}", re.ASCII)
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}", re.ASCII)
_CHANGES = ("major", "minor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version as somebody wrote it; nothing of it is checked yet."""

    #: MAJOR.MINOR.PATCH.
    version: str
    #: The Markdown of each language; the first one counts, unless ``authoritative`` names another.
    texts: Mapping[str, str]
    scope: TermsScope = field(default_factory=TermsScope)
    authoritative: str | None = None
    #: ``major`` or ``minor``; ``None``: as the number says, against what was published before it.
    change: str | None = None
    #: ``None``: a major change does, a minor one does not.
    requires_reacceptance: bool | None = None
    #: An acceptance counts for so many days; ``None``: for good.
    reaccept_after_days: int | None = None
    #: ``None``: it begins when it is published.
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    #: How long an acceptance of the version before is still enough: in days, or until when.
    grace_days: int | None = None
    grace_until: datetime | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTerms:
    """A draft that was checked, in the form in which it is stored."""

    version: str
    scope: TermsScope
    texts: tuple[TermsText, ...]
    change: str | None
    requires_reacceptance: bool | None
    reaccept_after_days: int | None
    effective_from: datetime | None
    effective_to: datetime | None
    #: Only without ``effective_from``.
    grace_days: int | None
    grace_until: datetime | None
    summary: str


@dataclass(frozen=True, slots=True)
class Rival:
    """A published version of another line, in force at some time at which ours would be."""

    scope: TermsScope
    version: str


def check_key(key: object) -> str:
    """Return the merchant's own word for a document.

    Raises:
        InvalidField: ``text_required`` or ``name_malformed``.
    """
    text = check_text(key, "key", 60)
    if _KEY.fullmatch(text) is None:
        raise InvalidField(
            "key", "name_malformed", "It has a-z, 0-9, _ and -, and begins with a letter."
        )
    return text


def check_purpose(purpose: object) -> Purpose:
    """Return what a document is for.

    Raises:
        InvalidField: ``choice_unknown``.
    """
    if isinstance(purpose, str) and purpose in set(Purpose):
        return Purpose(purpose)
    raise InvalidField("purpose", "choice_unknown", f"Use one of: {', '.join(Purpose)}.")


def check_title(title: object) -> str:
    """Return a document's title.

    Raises:
        InvalidField: It is empty, too long or not storable, or holds a card number.
    """
    return check_trimmed(title, "title", TITLE_CHARACTERS_MAX)


def check_required(required: object, purpose: Purpose) -> bool:
    """Return whether a purchase needs a document; one for marketing is never needed.

    Raises:
        InvalidField: ``boolean_required`` or ``terms_marketing_required``.

    >>> check_required(None, Purpose.PRIVACY), check_required(None, Purpose.MARKETING)
    (True, False)
    """
    if required is None:
        return purpose is not Purpose.MARKETING
    truth = _truth(required, "required")
    if truth and purpose is Purpose.MARKETING:
        raise InvalidField(
            "required",
            "terms_marketing_required",
            "A marketing consent is free; no purchase can need it.",
        )
    return bool(truth)


def check_draft(draft: Draft) -> DraftTerms:
    """Return a draft with everything checked, and each text in its canonical form and as HTML.

    It takes as long as the texts are: up to seconds.

    Raises:
        InvalidField: Says which field, and how it is wrong.
    """
    begins = _instant(draft.effective_from, "effective_from")
    grace_days = _count(draft.grace_days, "grace_days", 0)
    grace_until = _instant(draft.grace_until, "grace_until")
    if grace_days is not None and grace_until is not None:
        raise InvalidField(
            "grace_days", "terms_grace_twice", "Give the days of grace, or until when; not both."
        )
    if grace_days is not None and begins is not None:
        grace_until, grace_days = begins + timedelta(days=grace_days), None
    checked = DraftTerms(
        version=check_version(draft.version),
        scope=check_scope(draft.scope),
        texts=_texts(draft),
        change=_change(draft.change),
        requires_reacceptance=_truth(draft.requires_reacceptance, "requires_reacceptance"),
        reaccept_after_days=_count(draft.reaccept_after_days, "reaccept_after_days", 1),
        effective_from=begins,
        effective_to=_instant(draft.effective_to, "effective_to"),
        grace_days=grace_days,
        grace_until=grace_until,
        summary=_summary(draft.summary),
    )
    _check_period(checked.effective_from, checked.effective_to, checked.grace_until)
    return checked


def check_version(version: object) -> str:
    """Return a version's number.

    Raises:
        InvalidField: ``terms_version_malformed``.
    """
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise InvalidField(
            "version", "terms_version_malformed", "A version is MAJOR.MINOR.PATCH, such as 1.0.0."
        )
    return version


def number_of(version: str) -> tuple[int, ...]:
    """Return a version as numbers, which are in the order of versions.

    >>> number_of("1.10.0") > number_of("1.9.3")
    True
    """
    return tuple(map(int, version.split(".")))


def change_of(version: str, newest: str | None) -> str:
    """Return ``major`` or ``minor``, as a version's number says beside the newest before it.

    >>> change_of("1.0.0", None), change_of("2.0.0", "1.4.0"), change_of("1.5.0", "1.4.0")
    ('major', 'major', 'minor')
    """
    is_minor = newest is not None and number_of(version)[0] == number_of(newest)[0]
    return "minor" if is_minor else "major"


def begin(
    version: TermsVersion,
    *,
    by: str,
    newest: str | None,
    latest_from: datetime | None,
    now: datetime,
) -> TermsVersion:
    """Return a draft with who publishes it, and the instants that it has when that is now.

    Args:
        version: The draft.
        by: Who publishes it.
        newest: The highest number that was published in its line.
        latest_from: When the last version of its line begins.
        now: The database's time.

    Raises:
        InvalidField: ``instant_in_past``, ``period_empty`` or ``terms_grace_without_earlier``.
        Refused: ``terms_version_not_newer`` or ``terms_effective_order``.
    """
    if newest is not None and number_of(version.version) <= number_of(newest):
        raise Refused(
            f"{version.version} is not above {newest}, which was published for the same scope.",
            code="terms_version_not_newer",
        )
    begins = now if version.effective_from is None else version.effective_from
    if begins < now:
        raise InvalidField(
            "effective_from",
            "instant_in_past",
            f"It would begin at {begins.isoformat()}, which is over; nothing holds backwards.",
        )
    if latest_from is not None and begins <= latest_from:
        raise Refused(
            f"The version before it, {newest}, begins at {latest_from.isoformat()} only; this one"
            " has to begin after that.",
            code="terms_effective_order",
        )
    if newest is None:
        _refuse_grace(version)
    grace_until = version.grace_until
    if version.grace_days is not None:
        grace_until = begins + timedelta(days=version.grace_days)
    _check_period(begins, version.effective_to, grace_until)
    return replace(
        version,
        effective_from=begins,
        grace_until=grace_until,
        grace_days=None,
        published_by=by,
        published_at=now,
    )


def refuse_tie(scope: TermsScope, rivals: Iterable[Rival]) -> None:
    """Refuse a scope beside which another one, as specific, would hold for the same subjects.

    Raises:
        Refused: ``terms_scope_tie``; the message names the other one.
    """
    for rival in rivals:
        if scope.weight == rival.scope.weight and scope.meets(rival.scope):
            raise Refused(
                f"{rival.version} for {scope_text(rival.scope)} is as specific as"
                f" {scope_text(scope)}, and there are subjects for whom both would hold.",
                code="terms_scope_tie",
            )


def scope_text(scope: TermsScope) -> str:
    """Return a scope in words.

    >>> scope_text(TermsScope(jurisdiction="DE", channel="web")), scope_text(TermsScope())
    ('jurisdiction DE, channel web', 'everybody')
    """
    parts = (
        ("role", scope.buyer_role),
        ("jurisdiction", scope.jurisdiction),
        ("product", scope.product),
        ("channel", scope.channel),
    )
    return ", ".join(f"{name} {value}" for name, value in parts if value != ANY) or "everybody"


def _texts(draft: Draft) -> tuple[TermsText, ...]:
    if len(draft.texts) > LOCALES_MAX:
        raise InvalidField("texts", "items_too_many", f"At most {LOCALES_MAX} languages.")
    contents: dict[str, str] = {}
    for tag, text in draft.texts.items():
        locale = check_locale(tag, "texts")
        if locale in contents:
            raise InvalidField("texts", "terms_locale_repeated", f"{locale} is there twice.")
        contents[locale] = canonical(text, f"texts.{locale}")
    counts = next(iter(contents), None)
    if draft.authoritative is not None:
        counts = check_locale(draft.authoritative, "authoritative")
        if counts not in contents:
            raise InvalidField(
                "authoritative", "terms_authoritative_unknown", f"There is no text in {counts}."
            )
    return tuple(
        _text(locale, content, is_authoritative=locale == counts)
        for locale, content in contents.items()
    )


def _text(locale: str, content: str, *, is_authoritative: bool) -> TermsText:
    html = render(content, f"texts.{locale}")
    return TermsText(
        locale=locale,
        content=content,
        content_sha256=text_sha256(content),
        html=html,
        html_sha256=text_sha256(html),
        is_authoritative=is_authoritative,
    )


def _check_period(
    begins: datetime | None, ends: datetime | None, grace_until: datetime | None
) -> None:
    if begins is None:
        return
    if ends is not None and ends <= begins:
        raise InvalidField("effective_to", "period_empty", "It would end before it begins.")
    if grace_until is not None and grace_until < begins:
        raise InvalidField("grace_until", "period_empty", "It would end before the version begins.")


def _refuse_grace(version: TermsVersion) -> None:
    """Refuse the grace of a version before which there was nothing that could still be enough."""
    for name in ("grace_days", "grace_until"):
        if getattr(version, name) is not None:
            raise InvalidField(
                name,
                "terms_grace_without_earlier",
                "No version was published for the same scope before, so there is nothing whose"
                " acceptance would still be enough.",
            )


def _change(change: object) -> str | None:
    if change is None or (isinstance(change, str) and change in _CHANGES):
        return change
    raise InvalidField("change", "choice_unknown", f"Use one of: {', '.join(_CHANGES)}.")


def _truth(value: object, name: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise InvalidField(name, "boolean_required", "This must be true or false.")


def _count(value: object, name: str, least: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidField(name, "integer_required", "This must be an integer.")
    if not least <= value <= DAYS_MAX:
        raise InvalidField(name, "integer_out_of_range", f"It is {least} to {DAYS_MAX}.")
    return value


def _instant(value: object, name: str) -> datetime | None:
    if value is None:
        return None
    if (
        not isinstance(value, datetime)
        or value.utcoffset() is None
        or not 1970 <= value.year <= 9_900
    ):
        raise InvalidField(
            name, "instant_malformed", "Give an instant with its offset, like 2026-11-23T09:30:00Z."
        )
    return value.astimezone(UTC)


def _summary(summary: object) -> str:
    return "" if summary == "" else check_text(summary, "summary", SUMMARY_CHARACTERS_MAX)
