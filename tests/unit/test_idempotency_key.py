"""What a key may be, in both spellings of the header, and what makes two requests the same."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import CardNumberRefused, InvalidIdempotencyKey
from paykeel.idempotency import check_key, fingerprint

VISIBLE = "".join(chr(code) for code in range(0x21, 0x7F))


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("order-17", "order-17"),
        ('"order-17"', "order-17"),
        ("  order-17\t", "order-17"),
        ("a", "a"),
        ("a" * 255, "a" * 255),
        ('"' + "a" * 255 + '"', "a" * 255),
        (VISIBLE, VISIBLE),
        (r'"a\"quote\""', 'a"quote"'),
        (r'"back\\slash"', r"back\slash"),
        ('in"side', 'in"side'),
        ("it's", "it's"),
    ],
)
def test_a_key_is_read_bare_or_quoted(raw: str, key: str) -> None:
    assert check_key(raw) == key


@pytest.mark.parametrize("raw", [None, "", " ", "\t \t"])
def test_no_key_is_said_to_be_missing(raw: str | None) -> None:
    with pytest.raises(InvalidIdempotencyKey) as caught:
        check_key(raw)
    assert caught.value.code == "idempotency_key_missing"


@pytest.mark.parametrize(
    "raw",
    [
        "a" * 256,
        '"' + "a" * 256 + '"',
        '""',
        '" "',
        '"unclosed',
        '"closed" and more',
        '"',
        r'"\a"',
        r'"ends in a backslash\"',
        "two words",
        '"two words"',
        "tab\tinside",
        "line\nbreak",
        "order-17\n",
        "order-17\r",
        "\x00",
        "order\x0017",
        "order\x7f17",
        "order\x1b17",
        "\u00e9t\u00e9",
        "order-\u0661\u0667",
        "order\u00a017",
        "\ud800",
    ],
    ids=ascii,
)
def test_anything_else_is_malformed(raw: str) -> None:
    with pytest.raises(InvalidIdempotencyKey) as caught:
        check_key(raw)
    assert caught.value.code == "idempotency_key_malformed"


@pytest.mark.parametrize(
    "raw", ["4242424242424242", '"4242424242424242"', "order-4242-4242-4242-4242"]
)
def test_a_card_number_is_no_key(raw: str) -> None:
    with pytest.raises(CardNumberRefused) as caught:
        check_key(raw)
    assert caught.value.field == "Idempotency-Key"
    assert "4242" not in str(caught.value)


@given(st.text(VISIBLE, min_size=1, max_size=255))
def test_every_visible_key_survives_quoting(key: str) -> None:
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    try:
        read = check_key(quoted)
    except CardNumberRefused:
        return
    assert read == key
    if not key.startswith('"'):
        assert check_key(key) == key


@given(st.text(max_size=300))
def test_whatever_is_accepted_is_a_key(raw: str) -> None:
    try:
        key = check_key(raw)
    except (InvalidIdempotencyKey, CardNumberRefused):
        return
    assert 1 <= len(key) <= 255
    assert set(key) <= set(VISIBLE)


BODY = {
    "amount": 1250,
    "currency": "EUR",
    "buyer": {"id": "a", "role": "agent"},
    "note": "caf\u00e9",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=10,
)


def test_a_fingerprint_is_a_sha256() -> None:
    mark = fingerprint("POST", "/v1/purchases", BODY)
    assert len(mark) == 32
    assert mark == fingerprint("POST", "/v1/purchases", dict(BODY))


def shuffled(value: object) -> object:
    """Return the same document with the names of every object the other way round."""
    match value:
        case dict():
            return {name: shuffled(item) for name, item in reversed(value.items())}
        case list():
            return [shuffled(item) for item in value]
        case _:
            return value


@given(st.dictionaries(st.text("abcdef", max_size=4), JSON, max_size=5))
def test_the_order_of_names_does_not_matter(body: dict[str, object]) -> None:
    other = shuffled(body)
    assert isinstance(other, dict)
    assert fingerprint("POST", "/a", body) == fingerprint("POST", "/a", other)


@pytest.mark.parametrize(
    "spelling",
    [
        '{"amount":1250,"note":"caf\u00e9"}',
        '{ "note" : "caf\\u00e9",\n\t"amount" : 1250 }',
        '{"note":"caf\\u00E9","amount":1250}',
    ],
)
def test_the_spelling_of_json_does_not_matter(spelling: str) -> None:
    expected = fingerprint("POST", "/a", {"amount": 1250, "note": "caf\u00e9"})
    assert fingerprint("POST", "/a", json.loads(spelling)) == expected


@given(st.dictionaries(st.text("ab", max_size=2), JSON), st.dictionaries(st.text("ab"), JSON))
def test_different_requests_have_different_fingerprints(
    first: dict[str, object], second: dict[str, object]
) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (fingerprint("POST", "/a", first) == fingerprint("POST", "/a", second)) is same


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/purchases", BODY),
        ("POST", "/v1/payments", BODY),
        ("POST", "/v1/purchases", {**BODY, "amount": 1251}),
        ("POST", "/v1/purchases", {**BODY, "amount": "1250"}),
        ("POST", "/v1/purchases", {**BODY, "buyer": {"id": "a", "role": "operator"}}),
        ("POST", "/v1/purchases", {**BODY, "more": None}),
        ("POST", "/v1/purchases", {}),
        ("POST\n/v1", "purchases", BODY),
    ],
)
def test_whatever_differs_shows_in_the_fingerprint(
    method: str, path: str, body: dict[str, object]
) -> None:
    assert fingerprint(method, path, body) != fingerprint("POST", "/v1/purchases", BODY)


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
#: JSON values as requests have them; whole numbers beyond 64 bits, too.
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), _VALUES, max_size=6))
def test_a_fingerprint_is_of_one_spelling_whoever_writes_it(body: dict[str, object]) -> None:
    # What was stored under an older version was written by Python's own module.
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    stored = hashlib.sha256(b"1\nPOST\n/v1/purchases\n" + text.encode()).digest()
    assert fingerprint("POST", "/v1/purchases", body) == stored
