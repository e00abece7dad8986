"""What a draft may say, and when it can be published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField, PaykeelError, Refused
from paykeel.terms.digests import text_sha256
from paykeel.terms.drafting import (
    DAYS_MAX,
    LOCALES_MAX,
    Draft,
    Rival,
    begin,
    change_of,
    check_draft,
    check_key,
    check_purpose,
    check_required,
    check_title,
    check_version,
    number_of,
    refuse_tie,
    scope_text,
)
from paykeel.terms.model import ANY, Purpose, TermsScope, TermsVersion, VersionStatus

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TEXT = "# Terms\n\nPay.\n"
CARD = "4242 4242 4242 4242"


def draft(**changes: Any) -> Draft:
    return Draft(**{"version": "1.0.0", "texts": {"en": TEXT}, **changes})


def saved(**changes: Any) -> TermsVersion:
    """A draft as it is stored."""
    values: dict[str, Any] = {
        **dict.fromkeys(("merchant_id", "version_id", "document_id", "scope_id"), UUID(int=1)),
        "scope": TermsScope(),
        "version": "1.0.0",
        "change": "major",
        "requires_reacceptance": True,
        "reaccept_after_days": None,
        "effective_from": None,
        "effective_to": None,
        "grace_until": None,
        "summary": "",
        "status": VersionStatus.DRAFT,
        "version_sha256": None,
        "author": "Ann",
        "created_at": NOW,
    }
    return TermsVersion(**{**values, **changes})


def begun(newest: str | None = None, latest_from: datetime | None = None, **changes: Any) -> Any:
    """Publish a draft now."""
    return begin(saved(**changes), by="Ben", newest=newest, latest_from=latest_from, now=NOW)


def test_a_draft_is_brought_into_its_form() -> None:
    checked = check_draft(
        draft(texts={"DE-at": "# Bedingungen \r\n\r\nZahlen.\r\n\r\n", "en": TEXT})
    )
    german, english = checked.texts
    assert (german.locale, german.content) == ("de-AT", "# Bedingungen\n\nZahlen.\n")
    assert german.content_sha256 == text_sha256(german.content)
    assert german.html_sha256 == text_sha256(german.html)
    assert "<h1>" in german.html
    assert (german.is_authoritative, english.is_authoritative) == (True, False)
    assert (checked.change, checked.requires_reacceptance, checked.summary) == (None, None, "")


def test_a_text_can_be_named_that_counts() -> None:
    checked = check_draft(draft(texts={"en": TEXT, "de": TEXT}, authoritative="DE"))
    assert [text.is_authoritative for text in checked.texts] == [False, True]


def test_a_draft_may_have_no_text_yet() -> None:
    assert check_draft(draft(texts={})).texts == ()


def test_instants_are_kept_in_utc_and_days_of_grace_become_one() -> None:
    begins = datetime(2026, 12, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    checked = check_draft(draft(effective_from=begins, grace_days=30))
    assert checked.effective_from == begins
    assert checked.effective_from is not None
    assert checked.effective_from.tzinfo is UTC
    assert (checked.grace_until, checked.grace_days) == (begins + 30 * DAY, None)
    later = check_draft(draft(grace_days=30))
    assert (later.grace_until, later.grace_days) == (None, 30)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"version": "1.0"}, "version", "terms_version_malformed"),
        ({"version": "01.0.0"}, "version", "terms_version_malformed"),
        ({"version": "1.0.0-rc1"}, "version", "terms_version_malformed"),
        ({"version": "1.0.0\n"}, "version", "terms_version_malformed"),
        ({"version": "1.0.\u0661"}, "version", "terms_version_malformed"),
        ({"version": "1.0.1000000"}, "version", "terms_version_malformed"),
        ({"version": 1}, "version", "terms_version_malformed"),
        ({"scope": TermsScope(buyer_role="guest")}, "buyer_role", "choice_unknown"),
        ({"scope": TermsScope(jurisdiction="de")}, "jurisdiction", "jurisdiction_malformed"),
        ({"texts": {"german": TEXT}}, "texts", "locale_malformed"),
        ({"texts": {"de": TEXT, "DE": TEXT}}, "texts", "terms_locale_repeated"),
        ({"texts": {"de": " \n"}}, "texts.de", "terms_text_empty"),
        ({"texts": {"de": "<script>alert(1)</script>"}}, "texts.de", "terms_text_html"),
        ({"texts": {"de": "[a](javascript:b)"}}, "texts.de", "terms_text_link"),
        ({"texts": {"de": "x" * 262_144}}, "texts.de", "terms_text_too_large"),
        ({"texts": {"de": f"Pay with {CARD}."}}, "texts.de", "card_number_refused"),
        (
            {"texts": {f"en-{number:03}": TEXT for number in range(LOCALES_MAX + 1)}},
            "texts",
            "items_too_many",
        ),
        ({"authoritative": "de"}, "authoritative", "terms_authoritative_unknown"),
        ({"authoritative": "?"}, "authoritative", "locale_malformed"),
        ({"change": "patch"}, "change", "choice_unknown"),
        ({"change": ["major"]}, "change", "choice_unknown"),
        ({"requires_reacceptance": 1}, "requires_reacceptance", "boolean_required"),
        ({"reaccept_after_days": 0}, "reaccept_after_days", "integer_out_of_range"),
        ({"reaccept_after_days": True}, "reaccept_after_days", "integer_required"),
        ({"grace_days": DAYS_MAX + 1}, "grace_days", "integer_out_of_range"),
        ({"grace_days": -1}, "grace_days", "integer_out_of_range"),
        ({"grace_days": 1, "grace_until": NOW}, "grace_days", "terms_grace_twice"),
        ({"effective_from": NOW.replace(tzinfo=None)}, "effective_from", "instant_malformed"),
        ({"effective_to": "2026-11-23"}, "effective_to", "instant_malformed"),
        ({"grace_until": NOW.replace(year=9_999)}, "grace_until", "instant_malformed"),
        ({"effective_from": NOW, "effective_to": NOW}, "effective_to", "period_empty"),
        ({"effective_from": NOW, "grace_until": NOW - DAY}, "grace_until", "period_empty"),
        ({"summary": "x" * 2_001}, "summary", "text_too_long"),
        ({"summary": " "}, "summary", "text_empty"),
        ({"summary": CARD}, "summary", "card_number_refused"),
    ],
)
def test_what_is_wrong_with_a_draft_is_named(
    changes: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        check_draft(draft(**changes))
    assert (caught.value.field, caught.value.code) == (field, code)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: check_key("Terms"), "name_malformed"),
        (lambda: check_key("1st"), "name_malformed"),
        (lambda: check_key("x" * 61), "text_too_long"),
        (lambda: check_key(None), "text_required"),
        (lambda: check_purpose("cookies"), "choice_unknown"),
        (lambda: check_purpose(["contract"]), "choice_unknown"),
        (lambda: check_title(" Terms"), "text_not_trimmed"),
        (lambda: check_title("x" * 201), "text_too_long"),
        (lambda: check_required("yes", Purpose.CONTRACT), "boolean_required"),
        (
            lambda: check_required(required=True, purpose=Purpose.MARKETING),
            "terms_marketing_required",
        ),
    ],
)
def test_what_is_wrong_with_a_document_is_named(call: Any, code: str) -> None:
    with pytest.raises(InvalidField) as caught:
        call()
    assert caught.value.code == code


def test_a_document_is_needed_unless_it_is_for_marketing() -> None:
    assert {one: check_required(None, one) for one in Purpose} == {
        one: one is not Purpose.MARKETING for one in Purpose
    }
    assert check_required(required=False, purpose=Purpose.CONTRACT) is False


numbers = st.tuples(*[st.integers(0, 999_999)] * 3)


@given(numbers, numbers)
def test_numbers_are_in_the_order_of_their_parts(
    one: tuple[int, ...], two: tuple[int, ...]
) -> None:
    texts = [check_version(".".join(map(str, number))) for number in (one, two)]
    assert [number_of(text) for text in texts] == [one, two]
    assert change_of(texts[1], texts[0]) == ("minor" if one[0] == two[0] else "major")


def test_a_draft_begins_when_it_is_published() -> None:
    version = begun("0.9.0", NOW - DAY, grace_days=7)
    assert (version.effective_from, version.grace_until) == (NOW, NOW + 7 * DAY)
    assert version.grace_days is None
    assert begun("0.9.0", NOW - DAY).effective_from == NOW


def test_a_draft_begins_when_it_says() -> None:
    dates = {
        "effective_from": NOW + DAY,
        "effective_to": NOW + 3 * DAY,
        "grace_until": NOW + 2 * DAY,
    }
    published = {"published_by": "Ben", "published_at": NOW}
    assert begun("0.9.9", NOW, **dates) == saved(**dates, **published)
    assert begun(effective_from=NOW).effective_from == NOW


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"newest": "1.0.0"}, Refused, "terms_version_not_newer"),
        ({"newest": "1.0.1"}, Refused, "terms_version_not_newer"),
        ({"newest": "10.0.0", "version": "9.0.0"}, Refused, "terms_version_not_newer"),
        ({"effective_from": NOW - timedelta(microseconds=1)}, InvalidField, "instant_in_past"),
        ({"newest": "0.1.0", "latest_from": NOW}, Refused, "terms_effective_order"),
        (
            {"newest": "0.1.0", "latest_from": NOW + DAY, "effective_from": NOW + DAY},
            Refused,
            "terms_effective_order",
        ),
        ({"effective_to": NOW}, InvalidField, "period_empty"),
        ({"newest": "0.1.0", "grace_until": NOW - DAY}, InvalidField, "period_empty"),
        # Of the first version there is nothing that grace could extend.
        ({"grace_days": 0}, InvalidField, "terms_grace_without_earlier"),
        ({"grace_until": NOW + DAY}, InvalidField, "terms_grace_without_earlier"),
    ],
)
def test_what_cannot_be_published_is_refused(
    changes: dict[str, Any], kind: type[PaykeelError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        begun(**changes)
    assert caught.value.code == code


parts = st.tuples(
    st.sampled_from([ANY, "agent", "operator"]),
    st.sampled_from([ANY, "DE", "DE-BY", "DE-BE", "AT"]),
    st.sampled_from([ANY, "ticket", "seat"]),
    st.sampled_from([ANY, "web", "app"]),
)
scopes = parts.map(lambda found: TermsScope(*found))
#: Everybody whom a scope could be for; the subdivision and the words that no scope names, too.
SUBJECTS = [
    TermsScope(role, place, product, channel)
    for role in ("agent", "operator")
    for place in ("DE", "DE-BY", "DE-BE", "DE-HH", "AT", "AT-9", "FR")
    for product in ("ticket", "seat", "other")
    for channel in ("web", "app", "other")
]


@given(scopes, scopes)
def test_a_tie_is_refused_exactly_where_somebody_has_two_texts(
    one: TermsScope, other: TermsScope
) -> None:
    """The same is asked of each subject there could be."""
    both = any(one.covers(subject) and other.covers(subject) for subject in SUBJECTS)
    if both and one.weight == other.weight:
        with pytest.raises(Refused, match=r"1\.2\.3") as caught:
            refuse_tie(one, [Rival(other, "1.2.3")])
        assert caught.value.code == "terms_scope_tie"
        assert scope_text(other) in caught.value.message
    else:
        refuse_tie(one, [Rival(other, "1.2.3")])


def test_any_of_several_rivals_ties() -> None:
    scope = TermsScope(jurisdiction="DE")
    loose, tied = Rival(TermsScope(), "1.0.0"), Rival(TermsScope(channel="web"), "2.0.0")
    refuse_tie(scope, [loose])
    with pytest.raises(Refused, match=r"2\.0\.0 for channel web .* jurisdiction DE"):
        refuse_tie(scope, [loose, tied])
