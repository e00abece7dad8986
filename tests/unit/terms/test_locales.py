"""Which languages there are, which are asked for, and which of the texts somebody gets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField
from paykeel.terms.locales import (
    LOCALES_MAX,
    Choice,
    check_locale,
    choose,
    direction,
    read_accept_language,
    read_locales,
)

#: As in the database.
COLUMN = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")

TAGS = st.sampled_from(
    ["de", "de-AT", "de-CH-1996", "en", "en-GB", "fr", "pt-BR", "sr-Latn-RS", "zh-Hant-TW", "und"]
)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("und", "und"),
        ("pt-br", "pt-BR"),
        ("ES-419", "es-419"),
        ("zh-hANT-tw", "zh-Hant-TW"),
        ("SR-latn", "sr-Latn"),
        ("de-CH-1996", "de-CH-1996"),
        ("sl-Latn-IT-NEDIS", "sl-Latn-IT-nedis"),
        ("ca-ES-VALENCIA", "ca-ES-valencia"),
    ],
)
def test_a_tag_has_one_spelling(tag: str, expected: str) -> None:
    assert check_locale(tag) == expected
    assert check_locale(expected) == expected
    assert COLUMN.fullmatch(expected)


@pytest.mark.parametrize(
    "tag",
    [
        *("", "d", "deutsch", "de_DE", "de-", "-de", "de--DE", "de DE", " de", "de\n", "*", "d3"),
        *("de-D", "de-DEU", "de-DE-DE", "de-1", "de-123456789", "x-private", "i-klingon", "de-x-a"),
        *("de-u-co-phonebk", "sl-nedis-nedis", "de-a-b-c-d-e-f", "sl-Latn-IT-nedis-rozaj-biske"),
        *("d\u00e9", "\uff44\uff45", "de\u2010AT", "de-\u0130T", "de\x00", "a" * 100_000),
        *(None, 5, b"de", ["de"]),
    ],
)  # fmt: skip
def test_what_is_no_tag_is_refused(tag: object) -> None:
    with pytest.raises(InvalidField) as caught:
        check_locale(tag, "texts")
    assert (caught.value.code, caught.value.field) == ("locale_malformed", "texts")


@given(st.from_regex(COLUMN, fullmatch=True))
def test_a_tag_that_is_taken_fits_its_column_and_stays_as_it_is(tag: str) -> None:
    try:
        taken = check_locale(tag)
    except InvalidField:
        return
    assert COLUMN.fullmatch(taken)
    assert check_locale(taken) == check_locale(tag.swapcase()) == taken
    assert taken.lower() == tag.lower()


def test_wishes_are_read_in_their_order_each_once() -> None:
    assert read_locales(["DE-at", "*", "de", "de-AT", "en-u-ca-iso8601"]) == (
        "de-AT",
        "de",
        "en-u-ca-iso8601",
    )
    assert read_locales([]) == read_locales(["*"]) == ()


@pytest.mark.parametrize(
    "wish", ["", "de_AT", "de-", "de;q=1", "d" * 9, None, 1, "\u212ae", ["de"]]
)
def test_a_wish_that_is_no_language_is_refused_by_its_place(wish: object) -> None:
    with pytest.raises(InvalidField) as caught:
        read_locales(["de", wish], "languages")
    assert (caught.value.code, caught.value.field) == ("locale_malformed", "languages[1]")


def test_so_many_wishes_and_no_more() -> None:
    wishes = [f"de-x-{number}" for number in range(LOCALES_MAX)]
    assert read_locales(wishes) == tuple(wishes)
    with pytest.raises(InvalidField) as caught:
        read_locales([*wishes, "en"])
    assert caught.value.code == "locales_too_many"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, []),
        ("", []),
        ("*", []),
        ("de", ["de"]),
        ("de-AT,de;q=0.9,en;q=0.8,*;q=0.1", ["de-AT", "de", "en"]),
        ("en;q=0.2, de;q=0.9", ["de", "en"]),
        ("en;q=0.5, de;q=0.5", ["en", "de"]),
        ("en;q=0.001,de;q=0.01,fr;q=0.1,it;q=1.000,nl;q=1.", ["it", "nl", "fr", "de", "en"]),
        ("fr;q=0, de;q=0.000, en;q=0.", []),
        ("DE-at , de-AT;q=0.1", ["de-AT"]),
        ("en; q=0.3 ,de ;q=0.4", ["de", "en"]),
        ("de;q=2, fr;q=-1, it;q=0.1234, nl;q=a, pl;q, pt;v=1, es;q=1;q=1, en", ["en"]),
        (",,;,;q=1, de_DE, 12, d\u00e9, en", ["en"]),
    ],
)
def test_a_header_is_read_by_its_weights(header: str | None, expected: list[str]) -> None:
    assert read_accept_language(header) == expected


def test_a_header_is_read_only_so_far() -> None:
    many = ",".join(f"de-x-{number}" for number in range(100))
    assert len(read_accept_language(many)) == LOCALES_MAX
    assert read_accept_language(" " * 1_000_000 + ",de") == []


@given(st.text(alphabet="deEN-*;q=01. ,\u00e4\x00", max_size=60))
def test_any_header_gives_wishes_that_are_languages(header: str) -> None:
    wishes = read_accept_language(header)
    assert read_locales(wishes) == tuple(wishes)


@pytest.mark.parametrize(
    ("asked", "available", "expected"),
    [
        ([], ["de", "en"], Choice("en", None, fell_back=False)),
        (["*"], ["de", "en"], Choice("en", None, fell_back=False)),
        (["de"], ["de", "en"], Choice("de", "de", fell_back=False)),
        (["DE"], ["de", "en"], Choice("de", "DE", fell_back=False)),
        (["en"], ["de", "en"], Choice("en", "en", fell_back=False)),
        (["de-AT"], ["de", "en"], Choice("de", "de-AT", fell_back=True)),
        (["de-AT"], ["de", "de-AT", "en"], Choice("de-AT", "de-AT", fell_back=False)),
        (["zh-Hant-TW"], ["zh", "zh-Hant", "en"], Choice("zh-Hant", "zh-Hant-TW", fell_back=True)),
        # Not the other way: whoever wants any Portuguese is not given one of a country.
        (["pt"], ["pt-BR", "en"], Choice("en", "pt", fell_back=True)),
        (["fr", "de"], ["de", "en"], Choice("de", "fr", fell_back=True)),
        # The first wish is shortened to its end before the second is looked at.
        (["de-AT", "en"], ["de", "en"], Choice("de", "de-AT", fell_back=True)),
        (["*", "de"], ["de", "en"], Choice("de", "de", fell_back=False)),
        (["de-u-co-phonebk"], ["de", "en"], Choice("de", "de-u-co-phonebk", fell_back=True)),
        (["de-x-a"], ["de-x", "de", "en"], Choice("de", "de-x-a", fell_back=True)),
        (["ja"], ["de", "en"], Choice("en", "ja", fell_back=True)),
        (["nonsense", ""], ["de", "en"], Choice("en", "nonsense", fell_back=True)),
    ],
)
def test_a_text_is_looked_up_as_rfc_4647_says(
    asked: list[str], available: list[str], expected: Choice
) -> None:
    assert choose(asked, available, "en") == expected
    assert choose(asked, dict.fromkeys(available), "EN") == expected


def test_the_authoritative_text_must_be_there() -> None:
    with pytest.raises(ValueError, match="authoritative"):
        choose(["de"], ["de"], "en")


@given(st.lists(TAGS, max_size=4), st.lists(TAGS, min_size=1, unique=True))
def test_a_choice_is_there_and_tells_when_it_is_not_the_wish(
    asked: list[str], available: list[str]
) -> None:
    choice = choose(asked, available, available[0])
    assert choice.locale in available
    assert choice.asked_for == (asked[0] if asked else None)
    assert choice.fell_back == (bool(asked) and choice.locale != asked[0])
    related = any(f"{wish}-".startswith(f"{choice.locale}-") for wish in asked)
    assert related or choice.locale == available[0]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        *(("de", "ltr"), ("AR", "rtl"), ("he-IL", "rtl"), ("fa-Latn", "ltr"), ("az-ARAB", "rtl")),
        *(("ur-PK", "rtl"), ("und", "ltr"), ("und-Hebr", "rtl"), ("ckb", "rtl")),
        *(("zh-Hant", "ltr"), ("sd-Deva", "ltr")),
    ],
)  # fmt: skip
def test_the_direction_is_that_of_the_script(tag: str, expected: str) -> None:
    assert direction(tag) == expected
