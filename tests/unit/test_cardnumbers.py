"""Card numbers are refused wherever they stand; what merely has many digits is let through.

The numbers are the card schemes' and processors' published test numbers.
"""

import time
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.cardnumbers import holds_card_number, passes_luhn, refuse_card_numbers
from paykeel.errors import CardNumberRefused

if TYPE_CHECKING:
    from paykeel.cardnumbers import Json

TEST_NUMBERS = {
    "visa": "4242424242424242",
    "visa debit": "4000056655665556",
    "visa of 13": "4222222222222",
    "visa of 19": "4000000000000000006",
    "mastercard": "5555555555554444",
    "mastercard 2-series": "2223003122003222",
    "mastercard 2-series, last range": "2720990000000007",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners of 14": "36227206271667",
    "diners of 16": "3056930009020004",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "unionpay of 19": "6205500000000000004",
    "unionpay 81": "8171999927660000",
    "maestro": "6759649826438453",
    "mir": "2200000000000004",
    "rupay 82": "8200000000000001",
    "troy": "9792000000000003",
}

GROUPINGS = {
    "bare": "{}",
    "in a sentence": "please charge {} today",
    "after a colon": "card:{}",
    "in brackets": "({})",
    "in quotes": '"{}"',
    "after a letter": "x{}y",
    "after a word": "cardnumber{}",
    "in the middle of a word": "thecardnumber{}expires",
    "after an underscore": "pm_{}",
    "before an expiry date": "{} 12/28 123",
    "after another number": "order 17 {}",
}

#: White space, dashes, dots and the rest, alone and together; the last are of other scripts.
SEPARATORS = (
    *(
        " ",
        "  ",
        "   ",
        "\t",
        "\n",
        "\r\n",
        " \t ",
        "-",
        "--",
        "- ",
        " - ",
        ".",
        "_",
        "|",
        " | ",
        "*",
    ),
    *("\u00b7", " \u00b7 ", "\u2022", "\u00a0", "\u2009", "\u202f", "\u3000", "\u00a0-\u00a0"),
    *("\u2013", " \u2014 ", "\u2010", "\u2011", "\u2012", "\u2212", "\uff0d", "\uff0e", "\uff5c"),
)
NO_SEPARATORS = (",", ", ", ";", "; ", ":", "/", " / ", "    ", " and ", "\n\n\n\n")
SHAPES = ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 6, 5), (4, 6, 4), (6, 13))


def fours(digits: str, separator: str) -> str:
    return separator.join(digits[start : start + 4] for start in range(0, len(digits), 4))


@pytest.mark.parametrize("number", TEST_NUMBERS.values(), ids=TEST_NUMBERS)
def test_a_test_number_of_each_brand_is_refused(number: str) -> None:
    assert passes_luhn(number)
    passed = [
        name
        for name, grouping in GROUPINGS.items()
        if not holds_card_number(grouping.format(number))
    ]
    assert passed == []


def split(digits: str, sizes: tuple[int, ...], separator: str) -> str:
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return separator.join(digits[end - size : end] for end, size in zip(ends, sizes, strict=True))


@pytest.mark.parametrize("number", TEST_NUMBERS.values(), ids=TEST_NUMBERS)
def test_every_grouping_with_every_separator_is_read_as_one_number(number: str) -> None:
    shapes = [sizes for sizes in SHAPES if sum(sizes) == len(number)]
    for separator in SEPARATORS:
        spelled = [split(number, sizes, separator) for sizes in shapes]
        spelled += [fours(number, separator), separator.join(number)]
        for text in spelled:
            for grouping in ("{}", "x{}y", "order 17, {}", "{}, 12/28, 123", "{}; 12/28"):
                assert holds_card_number(grouping.format(text)), ascii(grouping.format(text))
    for separator in NO_SEPARATORS:
        assert not holds_card_number(fours(number, separator)), ascii(separator)


def test_groups_before_and_after_a_number_do_not_hide_it() -> None:
    for text in (
        "4242 4242 4242 4242 12 28 123",
        "4242 4242 4242 4242 1228 123",
        "1228 4242 4242 4242 4242",
        "4242-4242-4242-4242-123",
        "4242 4242 4242 4242\n5555 5555 5555 4445",
        "3782 822463 10005 1228 1234",
        "1 Jan 2026 4242.4242.4242.4242",
        "4242 4242  4242\n4242",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2 12/28",
        "4242424242424242.0",
        "4242424242424242.00",
        "4242424242424242,12/28,123",
        "0,4242424242424242",
        "17\t4242424242424242\tEUR",
        ";4242424242424242=2812101000000000?",
        "%B4242424242424242^MUSTER/MAX^2812101",
    ):
        assert holds_card_number(text), text


def test_a_number_is_seen_with_what_is_glued_behind_it() -> None:
    for number in ("4242424242424242", "5555555555554444", "378282246310005", "36227206271667"):
        for tail in ("12281234", "122028", "1228123", "2812123", "122028123"):
            if len(number + tail) >= 20:
                assert holds_card_number(number + tail), number + tail
    for text in ("42424242424242421228", "5555555555554444123", "3782822463100051234"):
        assert holds_card_number(text)
    # Visa also has numbers of 19: with three digits more, the check digit of all decides.
    assert not holds_card_number("4242424242424242123")
    for text in ("42424242424242421328", "42424242424242420000", "42424242424242421299"):
        assert not holds_card_number(text)


def test_different_separators_hold_nothing_together() -> None:
    assert not any(map(holds_card_number, ("4242.4242-4242.4242", "4242 4242 | 4242 4242")))
    assert holds_card_number("4242-4242 4242 4242")  # As hands write it.


@pytest.mark.parametrize(
    "zero",
    ["\uff10", "\u0660", "\u06f0", "\u0966", "\u09e6", "\u0e50", "\U0001d7ce"],
    ids=["fullwidth", "arabic", "persian", "devanagari", "bengali", "thai", "mathematical"],
)
def test_digits_of_other_scripts_are_digits(zero: str) -> None:
    number = "".join(chr(ord(zero) + int(digit)) for digit in "4242424242424242")
    assert holds_card_number(number)
    assert holds_card_number(fours(number, " "))


def test_what_is_not_seen_does_not_hide_a_number() -> None:
    for hidden in ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad"):
        assert holds_card_number(fours("4242424242424242", hidden))
    assert holds_card_number("".join(f"{digit}\ufe0f\u20e3" for digit in "4242424242424242"))


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",
        "4242 4242 4242 4241",
        "424242424242",
        "42424242424242424242",
        "4242 4242 4242",
        "0000000000000000",
        "1234567890123456",
        "7777777777777777",
        "4242 4242 | 4242 4242",
        "4242\n\n\n\n4242 4242 4242",
        # Lists, and groups in which no card is printed.
        "4242, 4242, 4242, 4242",
        "42424242 42424242",
        "424242 4242424242",
        " ".join("42" * 12),
        "",
        "no digits at all, but more than thirteen characters",
    ],
)
def test_what_is_no_card_number_passes(text: str) -> None:
    assert not holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        # UUIDs, also those that hold a run of digits which passes the check.
        "0197d3a2-4242-7242-8242-424242424242",
        "a4242424-2424-4242-a242-424242424242",
        "{550e8400-e29b-41d4-a716-446655440000}",
        # ULIDs, hashes and tokens.
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "a1b2c4242424242424242d5e6f7g8",
        # Instants in seconds, milliseconds, microseconds and nanoseconds.
        "1763856000",
        "1763856000000",
        "1763856000000000",
        "1763856000000000000",
        "2026-11-23T00:00:00.000000Z",
        "20261123000000",
        "20261123000000123",
        # Order, invoice, tracking and phone numbers.
        "2026112300001234",
        "ORD-2026-11-23-000017",
        "RE 2026/11/0000000017",
        "1Z999AA10123456784",
        "+49 30 901820 1234",
        "+1 (415) 555-2671",
        "0044 20 7946 0958",
        "9780306406157",
        # IBANs, by ISO 13616's examples.
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "BE68539007547034",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
    ],
)
def test_other_numbers_are_let_through(text: str) -> None:
    assert not holds_card_number(text)
    assert not holds_card_number(f"see {text}, thanks")


@given(st.uuids())
def test_a_uuid_with_a_letter_is_let_through(value: uuid.UUID) -> None:
    if value.hex.isdigit():
        return
    assert not holds_card_number(str(value))
    assert not holds_card_number(str(value).upper())


@given(st.from_regex(r"[1-9][0-9]{7,13}", fullmatch=True), st.sampled_from(["", " ", "-"]))
def test_a_telephone_number_with_its_country_is_let_through(digits: str, separator: str) -> None:
    spread = separator.join((digits[:2], digits[2:5], digits[5:]))
    assert not holds_card_number(f"+{spread}")
    assert not holds_card_number(f"call +{spread} or write")


@given(st.from_regex(r"[0-9]{18}", fullmatch=True))
def test_an_iban_is_let_through_and_its_check_digits_decide(account: str) -> None:
    # 131400 stands for DE00 at the end, by ISO 13616.
    iban = f"DE{98 - int(account + '131400') % 97:02d}{account}"
    assert not holds_card_number(iban)
    assert not holds_card_number(f"to {fours(iban, ' ')}, please")


def test_a_card_number_beside_an_iban_is_seen() -> None:
    for iban in ("DE89370400440532013000", "DE89 3704 0044 0532 0130 00"):
        assert holds_card_number(f"{iban} 4242 4242 4242 4242")
        assert holds_card_number(f"4242424242424242 {iban}")
    assert holds_card_number("DE89 4242 4242 4242 4242")


def test_a_plus_before_a_card_number_hides_nothing() -> None:
    assert holds_card_number("+4242424242424242")
    assert holds_card_number("+4242 4242 4242 4242")
    assert holds_card_number("+49 30 901820: 4242 4242 4242 4242")


def check_digit(payload: str) -> str:
    return next(digit for digit in "0123456789" if passes_luhn(payload + digit))


@given(
    st.from_regex(r"(4[0-9]|5[1-5])[0-9]{13}", fullmatch=True),
    st.sampled_from(["", *SEPARATORS]),
    st.sampled_from([(4, 4, 4, 4), (1,) * 16]),
    st.sampled_from(sorted(GROUPINGS.values())),
)
def test_any_valid_number_of_the_two_large_schemes_is_refused(
    payload: str, separator: str, sizes: tuple[int, ...], grouping: str
) -> None:
    number = payload + check_digit(payload)
    spelled = split(number, sizes, separator)
    assert holds_card_number(grouping.format(spelled))


@given(st.from_regex(r"(4[0-9]|5[1-5])[0-9]{14}", fullmatch=True))
def test_the_check_digit_decides(number: str) -> None:
    assert holds_card_number(number) is passes_luhn(number)


@pytest.mark.parametrize("number", TEST_NUMBERS.values(), ids=TEST_NUMBERS)
def test_a_number_is_refused_wherever_it_stands(number: str) -> None:
    values: list[tuple[Json, str]] = [
        (number, "body"),
        (int(number), "body"),
        (-int(number), "body"),
        ({"note": number}, "body.note"),
        ({"deep": {"er": ["a", number]}}, "body.deep.er"),
        ([{"a": {"b": int(number)}}], "body.a.b"),
        ({number: "the name itself"}, "body"),
        ({"a": [[[number]]]}, "body.a"),
    ]
    for value, field in values:
        with pytest.raises(CardNumberRefused) as caught:
            refuse_card_numbers(value, "body")
        assert caught.value.field == field
        assert number not in str(caught.value)
        assert number not in repr(caught.value.data)


def test_a_number_written_as_a_float_is_refused() -> None:
    with pytest.raises(CardNumberRefused):
        refuse_card_numbers({"a": 4242424242424242.0}, "body")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        1250,
        999_999_999_999,
        1763856000000,
        10**18,
        10**19,
        10**400,
        -(10**5_000),
        float("inf"),
        float("-inf"),
        float("nan"),
        1e308,
        {"a": [1, 2.5, None, {"b": "c"}]},
        {},
        [],
        "",
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else f"{value.bit_length()}b",
)
def test_harmless_values_of_every_type_pass(value: object) -> None:
    refuse_card_numbers(value, "body")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "4" * 500,
        "4 " * 250,
        "4  " * 166,
        "4   " * 125,
        "4-" * 250,
        "42" * 250 + "x",
        "0" * 12 + " " * 488,
        ("1" * 12 + "   ") * 33,
        "AA00" + "0" * 496,
        "AA00 " * 100,
        "a1" * 250,
        "a" * 499 + "1",
        "1a" * 11 + "1" * 478,
        "-" * 500,
        "12345678-" * 55,
        "12345678-1234-1234-1234-" * 20,
        "\uff14" * 500,
        "\uff14\u200b" * 250,
        "4242 4242 4242 4241 " * 25,
        "4 - " * 125,
        "+1 " * 166,
        "1abcdef0" * 62,
        "AA00-" * 100,
        "4242" + " " * 492 + "4242",
        "0.4242424242424242 " * 26,
    ],
    ids=lambda text: f"{text[:12]!a}x{len(text)}",
)
def test_no_text_takes_long(text: str) -> None:
    """Neither a long field, nor what is far longer than any field may be.

    A pattern that goes back over all of it at every place would take seconds for the second.
    """
    spent = []
    for value in (text, text * 40):
        started = time.perf_counter()
        holds_card_number(value)
        spent.append(time.perf_counter() - started)
    assert spent[0] < 0.05
    assert spent[1] < 0.5
