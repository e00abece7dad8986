"""What a label must say before the database is asked."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from paykeel.cli.fraud.label_file import read_labels
from paykeel.cli.orders.model import Reject
from paykeel.cli.orders.reading import Lines
from paykeel.errors import InvalidField, InvalidInput
from paykeel.fraud.labels import NewLabel

ID = UUID(int=7)
GOOD: dict[str, Any] = {"label": "fraud", "source": "chargeback", "payment_id": ID}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"label": "bad"}, "label", "choice_unknown"),
        ({"label": 1}, "label", "choice_unknown"),
        ({"source": "rumour"}, "source", "choice_unknown"),
        ({"payment_id": None}, "payment_id", "field_required"),
        ({"reference": "A-1"}, "payment_id", "field_required"),
        ({"payment_id": None, "reference": " "}, "reference", "text_empty"),
        ({"payment_id": None, "reference": "x" * 129}, "reference", "text_too_long"),
        ({"known_at": datetime(2026, 1, 1)}, "known_at", "instant_malformed"),  # noqa: DTZ001
    ],
)
def test_a_wrong_label_is_refused(changes: dict[str, Any], field: str, code: str) -> None:
    NewLabel(**GOOD)
    with pytest.raises(InvalidField) as refused:
        NewLabel(**{**GOOD, **changes})
    assert (refused.value.field, refused.value.code) == (field, code)


HEADER = "reference,label,source,known_at\n"
CSV = [
    ("A-1,fraud,chargeback,2026-01-01T00:00:00Z\n", None),
    ("A-1,fraud,chargeback,\n", None),
    ("A-1,fraud,chargeback\n", "columns_mismatch"),
    ("A-1,odd,chargeback,\n", "choice_unknown"),
    ("A-1,,chargeback,\n", "field_required"),
    (",fraud,chargeback,\n", "field_required"),
    ("A-1,fraud,chargeback,yesterday\n", "instant_malformed"),
    ("A-1,fraud,chargeback,2026-01-01T00:00:00\n", "instant_malformed"),
    ("4242424242424242,fraud,chargeback,\n", "card_number_refused"),
    ('A"1",fr"aud\n', "columns_mismatch"),
    ('"A"1,fraud,chargeback,\n', "csv_malformed"),
]
NDJSON = [
    ('{"payment_id": "00000000-0000-0000-0000-000000000007", "label": "fraud", "source": "review"}',
     None),
    ('{"payment_id": "7", "label": "fraud", "source": "review"}', "payment_unknown"),
    ('{"reference": 7, "label": "fraud", "source": "review"}', "text_required"),
    ('{"reference": "A", "label": "fraud", "source": "review", "x": 1}', "field_unknown"),
    ("[]", "json_malformed"),
    ("{", "json_malformed"),
]  # fmt: skip


def codes(text: str, form: str) -> list[str | None]:
    lines = Lines(io.BytesIO(text.encode()))
    return [line.code if isinstance(line, Reject) else None for line in read_labels(lines, form)]


def test_every_line_of_a_table_is_a_label_or_a_reject() -> None:
    text = HEADER + "".join(line for line, _ in CSV)
    assert codes(text, "csv") == [code for _, code in CSV]


def test_every_line_of_documents_is_a_label_or_a_reject() -> None:
    text = "\n".join(line for line, _ in NDJSON)
    assert codes(text, "ndjson") == [code for _, code in NDJSON]


def test_a_reject_tells_its_line_and_shows_no_card_number() -> None:
    lines = Lines(io.BytesIO((HEADER + "\n4242424242424242,fraud,x,\n").encode()))
    (reject,) = read_labels(lines, "csv")
    assert isinstance(reject, Reject)
    assert reject.line == 3
    assert "4242" not in str(reject.document())


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "header_missing"),
        ("label,source\n", "column_missing"),
        ("reference,label\n", "column_missing"),
        ("reference,label,source,label\n", "column_repeated"),
        ("reference,label,source,why\n", "column_unknown"),
    ],
)
def test_a_header_that_cannot_be_understood_stops_the_file(header: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_labels(Lines(io.BytesIO(header.encode())), "csv")
    assert refused.value.code == code
