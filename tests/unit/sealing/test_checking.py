"""Whatever is changed in a chain is found, and named by its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.errors import InvalidInput
from paykeel.sealing import ChainCheck, ChainReport, Fault, Head, SealedRow
from paykeel.sealing.canonical import leaf_hash
from paykeel.sealing.chain import NO_ID, id_at, make_seal, ms_of, next_from, unix_ms
from paykeel.sealing.checking import FAULTS_MAX
from tests.unit.sealing.values import BEGAN, BEGAN_MS, KEY, MERCHANT, OTHER_KEY, Batch, row, sealed

if TYPE_CHECKING:
    from collections.abc import Iterable


def check(batches: Iterable[Batch], **given: Any) -> ChainReport:
    checker = ChainCheck(MERCHANT, "fraud", **given)
    for seal, rows in batches:
        checker.add(seal, rows)
    return checker.report()


def first(report: ChainReport) -> tuple[str, int | None, UUID | None]:
    fault: Fault = report.faults[0]
    return fault.code, fault.seal_no, fault.row_id


def test_a_chain_that_nobody_touched_is_intact() -> None:
    report = check(sealed(), trusted={KEY.public_key})

    assert report.intact
    assert (report.seals, report.rows) == (3, 9)
    assert list(report.keys.values()) == [3]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"root": b"x" * 32}, "seal_changed"),
        ({"row_count": 2, "rows_total": 5}, "seal_changed"),
        ({"rows_total": 9}, "seal_changed"),
        ({"sealed_at": BEGAN}, "seal_changed"),
        ({"next_from": NO_ID}, "seal_changed"),
        ({"seal_hash": b"x" * 32}, "seal_changed"),
        ({"merchant_id": UUID(int=9)}, "seal_changed"),
        ({"chain": "terms"}, "seal_changed"),
        ({"public_key": OTHER_KEY.public_key}, "seal_changed"),
        ({"previous_hash": b"x" * 32}, "seal_unlinked"),
        ({"signature": b"x" * 64}, "signature_invalid"),
        ({"form": 2}, "form_unknown"),
    ],
)
def test_a_changed_seal_is_found(changes: dict[str, Any], code: str) -> None:
    one, (seal, rows), three = sealed()

    report = check([one, (replace(seal, **changes), rows), three])

    assert report.faults[0].code == code
    assert report.faults[0].seal_no == 2


def test_a_seal_that_was_made_anew_breaks_the_link_behind_it() -> None:
    one, (seal, rows), three = sealed()
    forged = replace(seal, sealed_at=BEGAN)
    forged = replace(forged, seal_hash=forged.computed_hash())
    codes = [fault.code for fault in check([one, (forged, rows), three]).faults]

    assert codes == ["signature_invalid", "seal_unlinked"]


def test_a_chain_that_was_made_anew_shows_by_its_key_alone() -> None:
    forged = sealed(key=OTHER_KEY)

    assert check(forged).intact
    assert first(check(forged, trusted={KEY.public_key})) == ("key_untrusted", 1, None)


def test_a_seal_that_was_taken_out_is_found() -> None:
    one, _, three = sealed()

    assert first(check([one, three])) == ("seal_missing", 2, None)
    assert first(check(sealed()[1:])) == ("seal_missing", 1, None)


def test_seals_in_another_order_are_found() -> None:
    one, two, three = sealed()

    assert first(check([one, three, two]))[0] == "seal_missing"


def test_a_cut_end_shows_by_a_head_alone() -> None:
    batches = sealed()
    head = Head.read(str(batches[-1][0].head))

    assert check(batches[:-1]).intact
    assert check(batches, heads=[head]).intact
    assert first(check(batches[:-1], heads=[head])) == ("head_missing", 3, None)
    assert first(check(sealed(key=OTHER_KEY), heads=[head])) == ("head_missing", 3, None)


def test_a_changed_row_is_found() -> None:
    one, (seal, rows), three = sealed((3, 4, 1))
    rows = [rows[0], replace(rows[1], content="{}"), *rows[2:]]

    assert first(check([one, (seal, rows), three])) == ("row_changed", 2, rows[1].row_id)


def test_rows_that_changed_places_are_found() -> None:
    seal, rows = sealed((4,))[0]
    rows[1], rows[2] = (
        replace(rows[1], content=rows[2].content),
        replace(rows[2], content=rows[1].content),
    )

    report = check([(seal, rows)])

    assert [fault.row_id for fault in report.faults] == [rows[1].row_id, rows[2].row_id]


def test_a_missing_row_is_found() -> None:
    seal, rows = sealed((4,))[0]
    rows[2] = replace(rows[2], content=None)

    assert first(check([(seal, rows)])) == ("row_missing", 1, rows[2].row_id)


def test_a_row_that_went_with_its_leaf_is_found() -> None:
    seal, rows = sealed((4,))[0]

    assert first(check([(seal, rows[:2] + rows[3:])])) == ("leaves_changed", 1, None)
    assert first(check([(seal, [])])) == ("leaves_changed", 1, None)
    assert first(check([(seal, [*rows, row(9)])])) == ("leaves_changed", 1, None)


def test_a_changed_leaf_is_told_from_a_changed_row() -> None:
    seal, rows = sealed((4,))[0]
    rows[1] = replace(rows[1], leaf_hash=b"x" * 32)

    assert first(check([(seal, rows)])) == ("leaf_changed", 1, rows[1].row_id)


def test_a_row_that_changed_with_its_leaf_is_found() -> None:
    seal, rows = sealed((4,))[0]
    rows[1] = SealedRow(rows[1].row_id, leaf_hash("fraud", rows[1].row_id, "{}"), "{}")

    assert first(check([(seal, rows)])) == ("leaves_changed", 1, None)


def test_a_row_that_came_late_is_named_and_can_be_put_up_with() -> None:
    batches = sealed((2, 2))
    late = row(-3_600)
    last = make_seal(
        batches[-1][0],
        [late.leaf_hash],
        merchant_id=MERCHANT,
        chain="fraud",
        next_from=batches[-1][0].next_from,
        sealed_at=BEGAN + timedelta(hours=1),
        signer=KEY,
    )
    batches.append((last, [late]))

    assert first(check(batches)) == ("row_late", 3, late.row_id)
    assert check(batches, accept_late=True).intact


def test_a_back_dated_row_shows_before_it_is_sealed() -> None:
    checker = ChainCheck(MERCHANT, "fraud")
    for seal, rows in sealed((2, 2)):
        checker.add(seal, rows)
    checker.unsealed(row(10).row_id)
    assert checker.report().intact
    checker.unsealed(row(-1).row_id)

    report = checker.report()
    assert first(report) == ("row_late", None, row(-1).row_id)
    assert report.unsealed == 2


def test_faults_are_all_counted_and_not_all_kept() -> None:
    seal, rows = sealed((2 * FAULTS_MAX,))[0]
    report = check([(seal, [replace(one, content=None) for one in rows])])

    assert report.faults_total == 2 * FAULTS_MAX
    assert len(report.faults) == FAULTS_MAX


@pytest.mark.parametrize("text", ["", "a:b:1:ff", f"{MERCHANT}:fraud:0:{'ab' * 32}", "x" * 200])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Head.read(text)
    assert refused.value.code == "head_invalid"


def test_the_next_look_goes_back_from_now_when_all_was_sealed() -> None:
    ids = [row(0).row_id, row(1).row_id]
    later = BEGAN + timedelta(hours=1)

    assert ms_of(next_from(None, ids, later, 300_000, all_=True)) == BEGAN_MS + 3_300_000
    assert ms_of(next_from(None, ids, later, 300_000, all_=False)) == BEGAN_MS + 1_000 - 300_000


def test_the_next_look_never_goes_back_and_never_into_the_future() -> None:
    last = sealed((1, 1))[-1][0]
    future = [id_at(BEGAN_MS + 10**9)]

    assert next_from(last, [id_at(0)], BEGAN, 300_000, all_=False) == last.next_from
    assert ms_of(next_from(None, future, BEGAN, 300_000, all_=False)) == BEGAN_MS - 300_000


def test_time_is_counted_in_whole_milliseconds() -> None:
    assert unix_ms(BEGAN + timedelta(microseconds=1_999)) == BEGAN_MS + 1
