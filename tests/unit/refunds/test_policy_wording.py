"""A policy in words, and for machines: made from the rules, so that they cannot differ."""

from __future__ import annotations

from dataclasses import fields
from string import Formatter
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import RefundPolicyRefused
from paykeel.refunds.clocks import Clock
from paykeel.refunds.languages import LANGUAGES
from paykeel.refunds.parsing import policy_of
from paykeel.refunds.phrases import polish
from paykeel.refunds.policy import Component, RefundReason
from paykeel.refunds.wording import sentences
from paykeel.terms.wording import LOCALES
from tests.unit.refunds.policies import NAMES, example, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = {"percent_bps": 10_000}


def test_the_languages_are_those_of_the_terms() -> None:
    assert set(LANGUAGES) == set(LOCALES)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_language_has_every_word_and_puts_the_same_things_in(locale: str) -> None:
    words, english = LANGUAGES[locale], LANGUAGES["en"]
    assert set(words.components) == set(Component)
    assert set(words.reasons) == set(RefundReason)
    assert set(words.after) == set(Clock) - {Clock.BEFORE_SERVICE}
    assert {words.form_of(count) for count in range(200)} == set(range(len(words.units[0])))
    for field in fields(words):
        here, there = getattr(words, field.name), getattr(english, field.name)
        if isinstance(here, str):
            assert here.strip(" ,.") or field.name == "point"
            assert names(here) == names(there), field.name


def names(form: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(form) if name is not None}


def test_english_says_what_the_tiers_say() -> None:
    assert " ".join(sentences(example("lodging_firm"), "en-GB")) == (
        "If you cancel 30 days or more before the service begins or (less than 24 hours after the"
        " purchase and 7 days or more before the service begins): you get the whole price back."
        " If you cancel 24 hours or more after the purchase and at least 7 days but less than 30"
        " days before the service begins: you get 50% of the price back."
        " In all other cases: nothing is refunded."
        " If something is not known on which the answer depends, a person decides."
    )


def test_german_says_what_the_tiers_say() -> None:
    assert " ".join(sentences(example("airline_penalty"), "de")[:4]) == (
        "Bei Stornierung anders als durch Nichterscheinen und vor oder bei Beginn der Leistung:"
        " erstattet wird der volle Preis, abzüglich einer Gebühr von 120,00 EUR, wobei die Gebühr"
        " höchstens so viel ausmacht: 50 % des Preises."
        " In allen anderen Fällen: es wird nichts erstattet."
        " Unabhängig vom Zeitpunkt erstattet (Steuer): der volle Preis."
        " Nie erstattet wird: Servicegebühr."
    )


@pytest.mark.parametrize(
    ("currency", "locale", "told"),
    [
        ("JPY", "en", "2500 JPY"),
        ("KWD", "en", "2.500 KWD"),
        ("KWD", "de", "2,500 KWD"),
        ("EUR", "en", "25.00 EUR"),
        ("EUR", "fr", "25,00 EUR"),
    ],
)
def test_money_has_the_places_of_its_currency(currency: str, locale: str, told: str) -> None:
    made = policy(currency=currency, otherwise={**FULL, "fee": 2_500}, min_refund=2_500)
    said = sentences(made, locale)
    assert told in said[0]
    assert told in said[1]


@pytest.mark.parametrize(
    ("bps", "told"), [(1, "0.01%"), (1_205, "12.05%"), (1_250, "12.5%"), (5_000, "50%")]
)
def test_a_share_is_told_to_the_basis_point(bps: int, told: str) -> None:
    assert sentences(policy(otherwise={"percent_bps": bps}), "en")[0] == (
        f"At any time: you get {told} of the price back."
    )


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({"from": "0h"}, "before the service begins, or as it begins"),
        ({"to": "0h"}, "after the service began"),
        ({"to": "24h"}, "less than 24 hours before the service begins, or later"),
        ({"from": "-90m"}, "at most 90 minutes after the service began"),
        ({"to": "-1s"}, "more than 1 second after the service began"),
        (
            {"from": "-24h", "to": "0h"},
            "at most 24 hours after the service began and after the service began",
        ),
        ({"from": "36h", "to": "2d"}, "at least 36 hours but less than 2 days before"),
    ],
)
def test_a_clock_that_counts_down_is_told_from_both_sides(bounds: Any, told: str) -> None:
    made = policy(tiers=[{"when": {"before_service": bounds}, **FULL}])
    assert f"If you cancel {told}" in sentences(made, "en")[0]


@pytest.mark.parametrize(("count", "form"), [(1, 0), (2, 1), (5, 2), (12, 2), (22, 1), (112, 2)])
def test_polish_counts_in_three_forms(count: int, form: int) -> None:
    assert polish(count) == form


def changes(value: Any, name: str = "") -> Iterator[Any]:
    """Give a document again and again, each time with one number, time or answer changed."""
    match value:
        case dict():
            for key, item in value.items():
                for other in changes(item, key):
                    yield {**value, key: other}
        case list():
            for place, item in enumerate(value):
                for other in changes(item, name):
                    yield [*value[:place], other, *value[place + 1 :]]
        case bool() if name == "no_show":
            yield not value
        case int() if name in ("percent_bps", "fee", "units_kept", "max_refunds", "min_refund"):
            yield value + 1 if value < 10_000 else value - 1
        case str() if name in ("from", "to"):
            yield f"{int(value[:-1]) * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[value[-1]] + 1}s"
        case _:
            pass


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", NAMES)
def test_another_rule_is_another_text(name: str, locale: str) -> None:
    original = example(name)
    seen = 0
    for document in changes(original.document()):
        # A change may make an overlap, and is refused.
        told = _told(document, locale)
        if told is not None:
            seen += 1
            assert told != sentences(original, locale), document
    assert seen


def _told(document: Any, locale: str) -> tuple[str, ...] | None:
    try:
        return sentences(policy_of(document), locale)
    except RefundPolicyRefused:
        return None
