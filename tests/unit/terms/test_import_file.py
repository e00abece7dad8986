"""A file of past acceptances is read line by line; what is wrong is a reject, and no more."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidInput
from paykeel.terms.import_file import (
    COLUMNS,
    LINE_BYTES_MAX,
    REQUIRED,
    ImportReject,
    Past,
    read_past,
)
from tests.database.ids import AT

HEADER = ",".join(REQUIRED)
GOOD = "agent-7,agent,terms,1.0.0,de,2025-01-02T03:04:05Z"


def lines_of(text: str | bytes) -> list[Past | ImportReject]:
    data = text if isinstance(text, bytes) else text.encode()
    return [one for one, _ in read_past(io.BytesIO(data), AT)]


def test_a_file_is_read() -> None:
    text = (
        "\ufeffref , accepted_at,buyer_id,buyer_role,document,version,locale,ip,user_agent,channel"
        "\r\n\r\n"
        "a-1,2025-01-02T04:04:05+01:00,agent-7,unknown,terms,1.0.0,PT-br,::ffff:203.0.113.9,"
        '"Mozilla, really",*\n'
        ",2025-01-02T03:04:05Z,agent-8,operator,terms,1.0.0,de,,,web"
    )
    first, second = lines_of(text)
    assert isinstance(first, Past)
    assert isinstance(second, Past)
    assert (first.line, second.line) == (3, 4)
    assert (first.ref, first.locale, first.ip) == ("a-1", "pt-BR", "203.0.113.9")
    assert (first.user_agent, first.channel) == ("Mozilla, really", "*")
    assert first.accepted_at == second.accepted_at
    assert (second.ip, second.channel, second.product) == (None, "web", None)


def test_without_a_ref_a_line_is_known_by_what_it_says() -> None:
    header = f"{HEADER},ip"
    text = f"{header}\n{GOOD},\n{GOOD},203.0.113.9\n{GOOD.replace('agent-7', 'agent-8')},\n"
    refs = [one.ref for one in lines_of(text) if isinstance(one, Past)]
    # The address may be erased; it is not told by the ref either.
    assert refs[0] == refs[1] != refs[2]


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        (GOOD.replace("agent-7", ""), "buyer_id", "field_required"),
        (GOOD.replace("agent-7", "4242424242424242"), "buyer_id", "card_number_refused"),
        (GOOD.replace(",agent,", ",buyer,"), "buyer_role", "choice_unknown"),
        (GOOD.replace("terms", "Terms!"), "document", "name_malformed"),
        (GOOD.replace("1.0.0", "1.0"), "version", "name_malformed"),
        (GOOD.replace(",de,", ",german language,"), "locale", "locale_malformed"),
        (GOOD.replace("2025-01-02T03:04:05Z", "yesterday"), "accepted_at", "instant_malformed"),
        (GOOD.replace("2025", "2028"), "accepted_at", "instant_in_future"),
        (f"{GOOD},more", "", "columns_mismatch"),
        (GOOD.replace("agent-7", '"agent-7'), "", "csv_malformed"),
        (GOOD.replace("agent-7", "x" * LINE_BYTES_MAX), "", "line_too_long"),
    ],
)
def test_a_wrong_line_is_a_reject_and_the_next_is_read(line: str, field: str, code: str) -> None:
    reject, after = lines_of(f"{HEADER}\n{line}\n{GOOD}\n")
    assert isinstance(reject, ImportReject)
    assert (reject.line, reject.field, reject.code) == (2, field, code)
    assert isinstance(after, Past)
    assert after.line == 3


def test_bytes_that_are_no_text_are_a_reject() -> None:
    reject, after = lines_of(f"{HEADER}\n".encode() + b"\xff\xfe\n" + GOOD.encode())
    assert isinstance(reject, ImportReject)
    assert reject.code == "csv_malformed"
    assert isinstance(after, Past)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "buyer_id is missing"),
        (HEADER.replace("locale,", ""), "locale is missing"),
        (f"{HEADER},colour", "'colour' is not known"),
        (f"{HEADER},ip,ip", "ip is there twice"),
        (f"{HEADER},4242424242424242", "one of them is not known"),
        (HEADER.replace(",", ";"), "buyer_id is missing"),
    ],
)
def test_a_wrong_header_stops_it(header: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        lines_of(f"{header}\n{GOOD}\n")
    assert caught.value.code == "acceptances_header_malformed"
    assert told in caught.value.message


def test_an_instant_of_now_is_past() -> None:
    text = f"{HEADER}\n{GOOD.replace('2025-01-02T03:04:05Z', AT.isoformat())}\n"
    assert isinstance(lines_of(text)[0], Past)
    late = [one for one, _ in read_past(io.BytesIO(text.encode()), AT - timedelta(seconds=1))]
    assert isinstance(late[0], ImportReject)


@given(st.binary(max_size=400), st.sampled_from([HEADER, ",".join(COLUMNS)]))
def test_no_bytes_stop_it_behind_the_header(data: bytes, header: str) -> None:
    found = lines_of(f"{header}\n".encode() + data)
    assert len(found) <= data.count(b"\n") + 1


class Endless:
    """A file without an end, which counts how much of it was read."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self._first = f"{HEADER}\n".encode()

    def readline(self, size: int = -1) -> bytes:
        assert size > 0, "a line is read with a limit"
        line, self._first = self._first, f"{GOOD}\n".encode()
        self.read_bytes += len(line)
        return line


def test_no_more_is_read_than_is_asked_for() -> None:
    stream = Endless()
    # It has all of a file's methods that are used.
    file: IO[bytes] = stream  # type: ignore[assignment]
    lines = read_past(file, AT)
    for _ in range(3):
        next(lines)
    assert stream.read_bytes == len(HEADER) + 1 + 3 * (len(GOOD) + 1)
