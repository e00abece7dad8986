"""The moves of a refund, and the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path

from paykeel.payments.refunding import REFUND_TRANSITIONS, RefundStatus
from paykeel.refunds.diagram import ENDS, diagram

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "explanation" / "refunds.md").read_text(encoding="utf-8")
MIGRATION = ROOT / "src" / "paykeel" / "db" / "migrations" / "0008_refunds.sql"

#: Every move there is, written down a second time, by hand.
MOVES = {
    "new": "requested pending succeeded",
    "requested": "pending rejected canceled",
    "pending": "succeeded failed",
    "failed": "succeeded",
}


def test_the_table_is_what_was_meant() -> None:
    told = {before: {str(after) for after in moves} for before, moves in REFUND_TRANSITIONS.items()}
    assert told == {before: set(moves.split()) for before, moves in MOVES.items()}
    assert set(ENDS) == {"succeeded", "failed", "rejected", "canceled"}


def test_the_database_has_the_same_moves() -> None:
    text = MIGRATION.read_text(encoding="utf-8")
    rows = text.split("INSERT INTO refund_transitions")[1].split(";")[0]
    edges = set(re.findall(r"\('(\w+)', '(\w+)'\)", rows))
    assert edges == {(before, after) for before, moves in MOVES.items() for after in moves.split()}


def test_the_page_shows_the_diagram() -> None:
    assert re.findall(r"```mermaid\n(.*?)\n```", PAGE, re.DOTALL) == [diagram()]


def test_the_page_tells_of_every_status() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    assert rows == [str(status) for status in RefundStatus]
