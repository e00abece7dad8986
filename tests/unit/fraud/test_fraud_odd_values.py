"""Values of any kind at any place of a ruleset are a mistake with a place, and no accident."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from paykeel.errors import CardNumberRefused, RulesetRefused
from paykeel.fraud.rules import default_ruleset_text, read_ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD: tuple[Any, ...] = (
    [1], {}, {"a": 1}, 1, -1, 2**70, 1.5, True, "", "\x00", "\ud800", "4111 1111 1111 1111",
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value[:1]):
            yield from places(item, (*path, number))


DOCUMENT = yaml.safe_load(default_ruleset_text())
DOCUMENT["rules"] = DOCUMENT["rules"][:1]


@pytest.mark.parametrize("path", list(places(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
def test_an_odd_value_is_at_most_a_mistake(path: tuple[Any, ...]) -> None:
    for odd in ODD:
        document = copy.deepcopy(DOCUMENT)
        place = document
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = odd
        # Anything else would be an accident.
        with suppress(RulesetRefused, CardNumberRefused):
            read_ruleset(document)


def test_a_message_is_text() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["rules"][0]["message"] = [1]
    with pytest.raises(RulesetRefused) as refused:
        read_ruleset(document)
    (mistake,) = refused.value.data["mistakes"]
    assert (mistake["code"], mistake["path"]) == ("text_required", "rules[0].message")
