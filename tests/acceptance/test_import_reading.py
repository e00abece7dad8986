"""Reading a file of orders: whatever is in it, every line is an order or a reject that says why."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from paykeel.cardnumbers import holds_card_number
from paykeel.cli.orders.model import Order, Reject, key_for, shown
from paykeel.cli.orders.reading import LINE_BYTES_MAX, Lines, read_orders
from paykeel.errors import InvalidInput
from tests.acceptance.cli import HEADER

CARD = "4242 4242 4242 4242"


def read(data: bytes, file_format: str = "csv", key: str | None = None) -> list[Order | Reject]:
    return list(read_orders(Lines(io.BytesIO(data)), file_format, key))


def row(line: str) -> Order | Reject:
    [found] = read((HEADER + line + "\n").encode())
    return found


def reject(line: str) -> tuple[str, str]:
    found = row(line)
    assert isinstance(found, Reject)
    assert found.line == 2
    return found.field, found.code


def document(**changes: object) -> bytes:
    values = {
        "reference": "A-1",
        "amount": 1250,
        "currency": "EUR",
        "buyer": {"id": "a", "role": "agent"},
        "payment_method": "pm_ok",
        **changes,
    }
    return json.dumps(values).encode() + b"\n"


def test_a_row_becomes_an_order() -> None:
    found = row('A-1, 12.5 ,EUR,agent-1,agent,pm_ok,"Leads, 25"')
    assert isinstance(found, Order)
    assert (found.line, found.idempotency_key) == (2, "order:A-1")
    assert (found.request.amount, found.request.currency) == (1250, "EUR")
    assert (found.request.reference, found.request.description) == ("A-1", "Leads, 25")


def test_a_name_has_one_key_in_either_format() -> None:
    table = row(" A-1 ,12.50,EUR,a,agent,pm_ok,")
    [line] = read(document(reference=" A-1 "), "ndjson")
    assert isinstance(table, Order)
    assert isinstance(line, Order)
    assert line.idempotency_key == table.idempotency_key == "order:A-1"
    assert line.request == table.request


def test_what_spreadsheets_write_is_read() -> None:
    data = (
        b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode()
        + b'A-1,1,EUR,a,agent,pm_ok,"two\r\nlines"\r\n\r\n,,,,,,\r\n  \r\n'
        + b"A-2,2,EUR,a,agent,pm_ok,\r\n"
        + "A-3,3,EUR,ü,agent,pm_ok,ende".encode()
    )  # fmt: skip
    found = read(data)
    assert [order.line for order in found] == [2, 7, 8]
    first, second, third = (order.request for order in found if isinstance(order, Order))
    assert first.description == "two\r\nlines"
    assert second.description is None
    assert third.buyer_id == "ü"


def test_metadata_minor_units_and_a_key_column_are_read() -> None:
    data = (
        b"order no,amount_minor,currency,buyer_id,buyer_role,payment_method,metadata.region\n"
        b"17,1250,JPY,a,operator,pm_ok,north\n"
        b"18,-5,JPY,a,operator,pm_ok,\n"
    )
    good, bad = read(data, key="order no")
    assert isinstance(good, Order)
    assert good.idempotency_key == "order:17"
    assert (good.request.amount, good.request.metadata) == (1250, {"region": "north"})
    assert isinstance(bad, Reject)
    assert (bad.reference, bad.code) == ("18", "amount_negative")


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        ("A,1.5,JPY,a,agent,pm_ok,", "amount", "amount_wrong_precision"),
        ("A,1.2345,KWD,a,agent,pm_ok,", "amount", "amount_wrong_precision"),
        ("A,0,EUR,a,agent,pm_ok,", "amount", "amount_zero"),
        ("A,-1,EUR,a,agent,pm_ok,", "amount", "amount_negative"),
        ("A,1e3,EUR,a,agent,pm_ok,", "amount", "amount_not_decimal"),
        ('A,"1,50",EUR,a,agent,pm_ok,', "amount", "amount_not_decimal"),
        ("A,,EUR,a,agent,pm_ok,", "amount", "field_required"),
        ("A,10000000000,EUR,a,agent,pm_ok,", "amount", "amount_too_large"),
        ("A,1,,a,agent,pm_ok,", "currency", "field_required"),
        ("A,1,eur,a,agent,pm_ok,", "currency", "currency_unknown"),
        ("A,1,XAU,a,agent,pm_ok,", "currency", "currency_not_tender"),
        ("A,1,EUR,,agent,pm_ok,", "buyer_id", "field_required"),
        ("A,1,EUR,a,,pm_ok,", "buyer_role", "field_required"),
        ("A,1,EUR,a,boss,pm_ok,", "buyer_role", "choice_unknown"),
        ("A,1,EUR,a,agent,,", "payment_method", "field_required"),
        ("A,1,EUR,a,agent,pm ok,", "payment_method", "token_malformed"),
        (",1,EUR,a,agent,pm_ok,", "reference", "field_required"),
        (f"{'R' * 129},1,EUR,a,agent,pm_ok,", "reference", "text_too_long"),
        (f"A,1,EUR,a,agent,pm_ok,{'x' * 501}", "description", "text_too_long"),
        ("A,1,EUR,a,agent,pm_ok,a\x00b", "description", "encoding_invalid"),
        (f"A,1,EUR,a,agent,pm_ok,{CARD}", "description", "card_number_refused"),
        (f"{CARD},1,EUR,a,agent,pm_ok,", "reference", "card_number_refused"),
        ("A,1,EUR,a,agent,pm_ok", "", "columns_mismatch"),
        ("A,1,EUR,a,agent,pm_ok,,", "", "columns_mismatch"),
        ('A,1,EUR,a,agent,pm_ok,"a"b', "", "csv_malformed"),
        ("A,1,EUR,a,agent,pm_ok,a\rb", "", "csv_malformed"),
    ],
)
def test_a_wrong_row_says_which_field_and_why(line: str, field: str, code: str) -> None:
    assert reject(line) == (field, code)


def test_bytes_that_are_no_utf8_are_a_reject_with_their_line() -> None:
    good = b"A-1,1,EUR,a,agent,pm_ok,\n"
    found = read(HEADER.encode() + good + b"A-2,1,EUR,M\xfcller,agent,pm_ok,\n" + good)
    assert isinstance(found[1], Reject)
    assert (found[1].line, found[1].field, found[1].code) == (3, "buyer_id", "encoding_invalid")
    assert isinstance(found[2], Order)


def test_a_line_too_long_is_a_reject_and_reading_goes_on() -> None:
    good = b"A-1,1,EUR,a,agent,pm_ok,\n"
    found = read(HEADER.encode() + b"x" * (3 * LINE_BYTES_MAX) + b"\n" + good)
    assert [type(line) for line in found] == [Reject, Order]
    assert isinstance(found[0], Reject)
    assert (found[0].line, found[0].code, found[1].line) == (2, "line_too_long", 3)


def test_a_quote_that_is_never_closed_is_told_with_the_lines_it_swallowed() -> None:
    rows = 'A-1,1,EUR,a,agent,pm_ok,\nA-2,1,EUR,a,agent,pm_ok,"open\nA-3,1,EUR,a,agent,pm_ok,\n'
    found = read((HEADER + rows).encode())
    assert isinstance(found[1], Reject)
    assert (found[1].line, found[1].code) == (3, "csv_malformed")
    assert "up to line 4" in found[1].reason


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"", "header_missing"),
        (b"\n\n", "header_missing"),
        (HEADER.replace(",", ";").encode(), "header_malformed"),
        (HEADER.replace("description", "colour").encode(), "column_unknown"),
        (HEADER.replace("description", CARD).encode(), "column_unknown"),
        (HEADER.replace("description", "metadata.").encode(), "column_unknown"),
        (HEADER.replace("description", "amount").encode(), "column_repeated"),
        (HEADER.replace("description", "amount_minor").encode(), "column_missing"),
        (HEADER.replace("amount,", "").encode(), "column_missing"),
        (HEADER.replace("buyer_id,", "").encode(), "column_missing"),
        (HEADER.replace("reference,", "").encode(), "column_missing"),
        ("reference,amount\n".encode("utf-16"), "encoding_unsupported"),
    ],
)
def test_a_wrong_header_stops_before_the_first_line(header: bytes, code: str) -> None:
    lines = Lines(io.BytesIO(header + b"A,1,EUR,a,agent,pm_ok,\n" if len(header) > 2 else header))
    with pytest.raises(InvalidInput) as raised:
        read_orders(lines, "csv")
    assert raised.value.code == code
    assert "4242" not in raised.value.message


def test_an_ndjson_line_is_the_document_of_the_api() -> None:
    found = read(
        b"\xef\xbb\xbf" + document(metadata={"k": "v"}) + b"\r\n \n" + document(), "ndjson"
    )
    assert [order.line for order in found] == [1, 4]
    assert all(isinstance(order, Order) and order.request.amount == 1250 for order in found)


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        (b"{", "", "json_malformed"),
        (b"[1]", "", "json_malformed"),
        (b'{"amount": NaN}', "", "json_malformed"),
        (b"[" * 100_000, "", "json_malformed"),
        (b'{"amount": 1, "amount": 2}', "", "json_field_repeated"),
        (b'{"a": "\xff"}', "", "encoding_invalid"),
        (document(amount=12.5), "amount", "amount_float"),
        (document(amount="12.50"), "amount", "amount_not_integer"),
        (document(amount=True), "amount", "amount_boolean"),
        (document(colour="red"), "colour", "field_unknown"),
        (document(reference=None), "reference", "field_required"),
        (document(reference=17), "reference", "text_required"),
        (document(buyer={"id": "a"}), "buyer_role", "field_required"),
        (document(buyer={"id": f"{CARD}", "role": "agent"}), "buyer_id", "card_number_refused"),
    ],
)
def test_a_wrong_document_says_which_field_and_why(line: bytes, field: str, code: str) -> None:
    [found] = read(line, "ndjson")
    assert isinstance(found, Reject)
    assert (found.line, found.field, found.code) == (1, field, code)
    assert "4242" not in str(found.document())


def test_a_key_field_of_its_own_may_name_a_document() -> None:
    [found] = read(document(number="17", reference=None), "ndjson", "number")
    assert isinstance(found, Order)
    assert (found.idempotency_key, found.request.reference) == ("order:17", None)


def test_the_same_order_has_the_same_key_in_every_file() -> None:
    [first] = read(HEADER.encode() + b"A-1,12.50,EUR,a,agent,pm_ok,\n")
    [second] = read(document(), "ndjson")
    assert first == Order(2, "A-1", "order:A-1", second.request)  # type: ignore[union-attr]


def test_a_name_that_is_no_header_text_gets_a_key_by_its_digest() -> None:
    keys = {key_for(name) for name in ("Größe 1", "Größe 2", "a b", "a  b", "ab")}
    assert len(keys) == 5
    assert all(key.isascii() and " " not in key and len(key) <= 255 for key in keys)


def test_what_is_shown_of_a_name_is_short_printable_and_no_card() -> None:
    assert shown("a\x1b[2Jb") == "a\ufffd[2Jb"
    assert len(shown("x" * 500)) == 64
    assert "4242" not in shown(f"order {CARD}")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from(["csv", "ndjson"]))
def test_no_bytes_stop_the_reading(lines: list[bytes], file_format: str) -> None:
    header = HEADER.encode() if file_format == "csv" else b""
    content = header + b"\n".join(lines)
    # A file of another encoding is refused as a whole; that has a test of its own.
    assume(not content.startswith((b"\xff\xfe", b"\xfe\xff")))
    for found in read(content, file_format):
        assert found.line >= 1
        if isinstance(found, Reject):
            assert found.code


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([CARD, "4242-4242-4242-4242", "a", "", "1", "EUR", '"', "agent"]),
             min_size=5, max_size=9)
)  # fmt: skip
def test_no_reject_repeats_a_card_number(cells: list[str]) -> None:
    for found in read((HEADER + ",".join(cells) + "\n").encode()):
        if isinstance(found, Reject):
            assert not any(holds_card_number(str(value)) for value in found.document().values())
        else:
            assert not holds_card_number(str(found.request.document()))


class Endless(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def readable(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> bytes:
        return next(self._lines, b"")


def test_a_file_of_any_size_takes_the_same_memory() -> None:
    def lines() -> Iterator[bytes]:
        yield HEADER.encode()
        number = 0
        while True:
            number += 1
            yield f"A-{number},1.50,EUR,a,agent,pm_ok,{'text' * 20}\n".encode()

    orders = read_orders(Lines(Endless(lines())), "csv")  # type: ignore[arg-type]
    list(islice(orders, 1_000))
    tracemalloc.start()
    try:
        for _ in islice(orders, 20_000):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 * 1024
