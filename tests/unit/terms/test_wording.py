"""What is said beside the texts: the notice names the button, in every language."""

import re
from itertools import chain, combinations

import pytest

from paykeel.terms.locales import check_locale
from paykeel.terms.model import Purpose
from paykeel.terms.wording import LOCALES, page_words, wording

EVERY = [
    frozenset(some)
    for some in chain.from_iterable(combinations(Purpose, count) for count in range(1, 5))
]


def test_these_languages_are_spoken() -> None:
    assert set(LOCALES) == {"en", "de", "fr", "es", "it", "nl", "pl", "pt"}
    assert [check_locale(locale) for locale in LOCALES] == list(LOCALES)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("purposes", EVERY, ids=lambda some: "-".join(sorted(some)))
def test_the_notice_holds_the_label_of_the_button(
    locale: str, purposes: frozenset[Purpose]
) -> None:
    said = wording(locale, purposes)
    assert said.locale == locale
    # Once in quotation marks; the sentences may well use the same word.
    assert re.findall(r"[“„«] ?(.*?) ?[”“»]", said.notice) == [said.button_label]
    assert said.button_label != said.decline_label
    assert "{" not in said.notice
    # As in the database.
    assert 1 <= len(said.notice) <= 1000
    assert 1 <= len(said.button_label) <= 100
    assert said.notice.isprintable()
    assert said.notice == " ".join(said.notice.split())


@pytest.mark.parametrize("locale", LOCALES)
def test_each_purpose_has_a_sentence_that_is_said_whenever_it_is_asked_for(locale: str) -> None:
    alone = {
        purpose: wording(locale, [purpose]).notice.partition(":")[2].strip() for purpose in Purpose
    }
    assert len(set(alone.values())) == len(Purpose)
    for purposes in EVERY:
        notice = wording(locale, purposes).notice
        assert {purpose for purpose, sentence in alone.items() if sentence in notice} == purposes


@pytest.mark.parametrize("locale", LOCALES)
def test_consent_and_taking_note_have_buttons_of_their_own(locale: str) -> None:
    labels = {
        wording(locale, purposes).button_label
        for purposes in ([Purpose.MARKETING], [Purpose.PRIVACY], [Purpose.CONTRACT])
    }
    assert len(labels) == 3
    agree = wording(locale, [Purpose.CONTRACT]).button_label
    assert wording(locale, [Purpose.PRIVACY, Purpose.CONTRACT]).button_label == agree
    assert wording(locale, [Purpose.MARKETING, Purpose.REFUND_POLICY]).button_label == agree


def test_the_order_and_the_number_of_purposes_change_nothing() -> None:
    some = [Purpose.PRIVACY, Purpose.CONTRACT]
    assert wording("de", some) == wording("de", [*reversed(some), *some])


@pytest.mark.parametrize(
    ("locale", "spoken"),
    [("de-AT", "de"), ("PT-br", "pt"), ("ja", "en"), ("und", "en"), ("", "en"), ("zh-Hant", "en")],
)
def test_another_language_falls_back(locale: str, spoken: str) -> None:
    assert wording(locale, [Purpose.CONTRACT]) == wording(spoken, [Purpose.CONTRACT])
    assert wording(locale, [Purpose.CONTRACT]).locale == page_words(locale)[0] == spoken


def test_nothing_is_said_about_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to accept"):
        wording("de", [])
