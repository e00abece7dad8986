"""A comparison that a cap makes meaningless is refused, and no other."""

from __future__ import annotations

import pytest

from paykeel.fraud.rules import read_ruleset
from tests.unit.fraud.rulesets import ENGINE, document, expression_mistake, rule

VELOCITIES = {
    "n": {"key": "card", "aggregate": "count", "outcome": "declined", "window": "1h", "cap": 20},
    "cards": {
        "key": "ip",
        "aggregate": "distinct",
        "of": "card",
        "outcome": "attempted",
        "window": "1h",
        "cap": 11,
    },
    "sum": {"key": "card", "aggregate": "sum", "outcome": "declined", "window": "1h", "cap": 20},
}
FRAME = {"velocities": VELOCITIES, "limits": {"twenty": 20, "more": 21}}


@pytest.mark.parametrize(
    "when",
    [
        "velocity.n >= 20",
        "velocity.n < 20",
        "velocity.n > 19",
        "velocity.n <= 19",
        "velocity.n == 19",
        "20 <= velocity.n",
        "velocity.n >= limit.twenty",
        "limit.twenty <= velocity.n && true",
        "velocity.cards >= 11",
        # A sum is not a count of rows: its cap does not bound it.
        "velocity.sum >= 500000",
        # Of what is made of several numbers, nothing can be told.
        "velocity.n + velocity.cards > 25",
        "velocity.n * 2 > 21",
        "velocity.n > 21 - velocity.cards",
        "velocity.n > payment.amount",
        "2 * velocity.n > 30",
        "30 + velocity.n > 40",
        "40 - 30 < velocity.n",
        "limit.more - 2 < velocity.n",
    ],
)
def test_what_can_be_told_is_let_through(when: str) -> None:
    assert read_ruleset(document(rule(when=when), **FRAME), ENGINE).rules[0].when == when


@pytest.mark.parametrize(
    ("when", "column"),
    [
        ("velocity.n >= 21", 1),
        ("velocity.n > 20", 1),
        ("velocity.n == 20", 1),
        ("velocity.n != 20", 1),
        ("velocity.n <= 20", 1),
        ("velocity.n < 21", 1),
        ("21 <= velocity.n", 7),
        ("velocity.n >= limit.more", 1),
        ("velocity.n > limit.twenty", 1),
        ("limit.more <= velocity.n", 15),
        ("card.known && (velocity.cards >= 12 || ip.known)", 16),
        ("card.known ? velocity.cards > 11 : false", 14),
        ("!(velocity.n >= 1000)", 3),
    ],
)
def test_what_the_cap_hides_is_refused(when: str, column: int) -> None:
    found = expression_mistake(when, **FRAME)
    assert (found["code"], found["column"]) == ("cap_too_low", column)
    assert "its cap of" in found["message"]
