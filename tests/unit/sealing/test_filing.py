"""A file of chains verifies without a database, and nothing in it can be changed unseen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidInput
from paykeel.sealing.filing import first_line, last_line, read_seals, seal_lines, verify_file
from tests.unit.sealing.values import KEY, MERCHANT, OTHER_KEY, Batch, sealed

if TYPE_CHECKING:
    from collections.abc import Iterable


def filed(batches: Iterable[Batch]) -> list[str]:
    lines = [first_line("2026-11-23T06:00:00.000000Z")]
    seals = rows = 0
    for seal, covered in batches:
        lines += seal_lines(seal, covered)
        seals, rows = seals + 1, rows + len(covered)
    return [*lines, last_line(seals, rows)]


LINES = filed(sealed())


def test_a_file_is_read_as_it_was_written() -> None:
    assert list(read_seals(LINES)) == sealed()


def test_a_file_that_nobody_touched_is_intact() -> None:
    (report,) = verify_file(LINES, trusted=frozenset({KEY.public_key}))

    assert report.intact
    assert (report.seals, report.rows) == (3, 9)


def test_trust_and_heads_are_asked_of_a_file_too() -> None:
    head = sealed()[-1][0].head
    (made_anew,) = verify_file(filed(sealed(key=OTHER_KEY)), trusted=frozenset({KEY.public_key}))
    (cut,) = verify_file(filed(sealed()[:-1]), heads=[head])
    (empty,) = verify_file(filed([]), heads=[head])

    assert made_anew.faults[0].code == "key_untrusted"
    assert cut.faults[0].code == "head_missing"
    assert empty.faults[0].code == "head_missing"


def test_one_merchant_can_be_asked_for() -> None:
    assert verify_file(LINES, merchant_id=MERCHANT)[0].seals == 3
    assert verify_file(LINES, merchant_id=sealed()[0][1][0].row_id) == []


@given(st.data())
def test_no_digit_and_no_letter_can_be_changed_unseen(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(LINES) - 1))
    line = LINES[number]
    places = [place for place, character in enumerate(line) if character.isalnum()]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([c for c in "0123456789abcdef" if c != line[place]]))
    changed = [*LINES]
    changed[number] = line[:place] + other + line[place + 1 :]

    try:
        reports = verify_file(changed)
    except InvalidInput:
        return
    assert not all(report.intact for report in reports)


@given(st.data())
def test_no_line_can_be_taken_out_or_moved_unseen(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(LINES) - 1))
    target = data.draw(st.integers(0, len(LINES) - 1).filter(lambda place: place != number))
    moved = [*LINES]
    line = moved.pop(number)
    for changed in ([*moved], [*moved[:target], line, *moved[target:]]):
        try:
            reports = verify_file(changed)
        except InvalidInput:
            continue
        assert changed == LINES or not all(report.intact for report in reports)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], "export_malformed"),
        (["{}"], "export_malformed"),
        (["[1]"], "export_malformed"),
        (["no json"], "export_malformed"),
        (['{"kind":"paykeel-seals","version":2}'], "export_malformed"),
        ([LINES[0], LINES[2]], "export_malformed"),
        ([LINES[0], '{"kind":"seal"}'], "export_malformed"),
        ([*LINES[:2], '{"kind":"row"}'], "export_malformed"),
        ([*LINES[:-1]], "export_truncated"),
        ([*LINES, LINES[-1]], "export_malformed"),
        ([*LINES[:-1], last_line(3, 8)], "export_malformed"),
        ([LINES[0], '{"a":1,"a":2}'], "export_malformed"),
        ([LINES[0], "[" * 100_000], "export_malformed"),
    ],
)
def test_what_is_no_export_is_refused_with_its_line(lines: list[str], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        verify_file(lines)
    assert refused.value.code == code


def test_a_seal_that_says_more_is_refused() -> None:
    document = json.loads(LINES[1])
    document["seal"]["note"] = "trust me"
    with pytest.raises(InvalidInput, match="Line 2"):
        verify_file([LINES[0], json.dumps(document), *LINES[2:]])
