"""The table of moves, and everything that is drawn from it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.payments.states import (
    CONCLUDED,
    NEW,
    NOTABLE,
    TERMINAL,
    TRANSITIONS,
    Status,
    diagram,
    edges,
    is_allowed,
    outcome,
)

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "states.md"

#: Every move there is, written down a second time, by hand.
MOVES = {
    "new": "pending in_review blocked",
    "in_review": "pending blocked canceled expired",
    "pending": "requires_action processing authorized succeeded failed",
    "requires_action": "processing authorized succeeded failed canceled expired",
    "processing": "requires_action authorized succeeded failed canceled",
    "authorized": "succeeded canceled expired",
    "succeeded": "",
    "failed": "",
    "blocked": "",
    "canceled": "",
    "expired": "",
}
#: Where something may be noted without a move.
NOTES = {
    "requires_action",
    "processing",
    "authorized",
    "succeeded",
    "failed",
    "canceled",
    "expired",
}


@pytest.mark.parametrize("before", MOVES)
@pytest.mark.parametrize("after", Status)
def test_a_move_is_allowed_if_and_only_if_the_table_says_so(before: str, after: Status) -> None:
    noted = before == after and before in NOTES
    assert is_allowed(before, after) is (after in MOVES[before].split() or noted)


#: In what each move lets a purchase end, by where it leads; what begins nowhere else than in
#: authorized ends nothing, since a purchase that was authorized has had its good end.
OUTCOMES = {
    "authorized": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
    "blocked": "blocked",
    "canceled": "canceled",
    "expired": "expired",
}


def test_every_move_has_the_outcome_that_it_should() -> None:
    for before, after in edges():
        expected = "" if before in {"authorized", after} else OUTCOMES.get(after, "")
        assert outcome(before, after) == expected, (before, after)


@given(st.lists(st.sampled_from(list(Status)), max_size=8))
def test_a_purchase_has_one_outcome_at_most(way: list[Status]) -> None:
    before: str = NEW
    had = []
    for after in way:
        if is_allowed(before, after):
            had += [outcome(before, after)] if outcome(before, after) else []
            before = after
    assert len(had) <= 1
    assert (len(had) == 1) is (before in CONCLUDED)


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == {NEW, *Status} == set(MOVES)


def test_an_end_is_an_end() -> None:
    assert {"succeeded", "failed", "blocked", "canceled", "expired"} == TERMINAL
    for status in TERMINAL:
        assert [after for after in Status if is_allowed(status, after)] == (
            [status] if status in NOTABLE else []
        )


def test_a_purchase_is_concluded_when_it_has_its_answer() -> None:
    assert {*TERMINAL, "authorized"} == CONCLUDED


def test_every_state_can_be_reached_and_left_for_an_end() -> None:
    def reached(start: str) -> set[str]:
        seen, waiting = set(), [start]
        while waiting:
            for after in TRANSITIONS[waiting.pop()]:
                if after not in seen:
                    seen.add(str(after))
                    waiting.append(after)
        return seen

    assert reached(NEW) == set(Status)
    for status in set(Status) - TERMINAL:
        assert reached(status) & TERMINAL


@given(st.lists(st.sampled_from(list(Status)), max_size=30))
def test_no_walk_leaves_an_end_or_returns_to_the_beginning(wishes: list[Status]) -> None:
    here: str = NEW
    for wish in wishes:
        if not is_allowed(here, wish):
            continue
        if here in TERMINAL:
            assert wish == here
        if here not in {NEW, Status.IN_REVIEW}:
            assert wish not in {Status.PENDING, Status.IN_REVIEW, Status.BLOCKED}
        here = wish


def test_the_edges_are_the_allowed_pairs_sorted() -> None:
    found = list(edges())
    assert found == sorted(set(found))
    assert set(found) == {
        (str(before), str(after))
        for before in (NEW, *Status)
        for after in Status
        if is_allowed(before, after)
    }


def test_the_page_shows_the_diagram() -> None:
    blocks = re.findall(r"```mermaid\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks == [diagram()]


def test_the_page_tells_of_every_state() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [str(status) for status in Status]
