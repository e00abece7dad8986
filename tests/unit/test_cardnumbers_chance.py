"""How much of everyday text is refused as a card number in vain: samples, the same in every run."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from paykeel.cardnumbers import holds_card_number, passes_luhn
from paykeel.clock import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = 4_000


def check_digit(payload: str) -> str:
    return next(digit for digit in "0123456789" if passes_luhn(payload + digit))


def _instant(chance: random.Random) -> datetime:
    return datetime(1990, 1, 1, tzinfo=UTC) + timedelta(
        seconds=chance.randrange(60 * 365 * 86_400), microseconds=chance.randrange(10**6)
    )


def _dates(chance: random.Random) -> str:
    form = chance.choice(("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %m %Y", "%Y_%m_%d", "%Y%m%d"))
    joint = chance.choice((" ", " - ", ", ", "\n", "_"))
    return joint.join(_instant(chance).strftime(form) for _ in range(4))


def _datetimes(chance: random.Random) -> str:
    at = _instant(chance)
    forms = (
        str(at),
        at.isoformat(),
        repr(at),
        at.strftime("%Y%m%d%H%M%S"),
        at.strftime("%Y-%m-%d-%H-%M-%S-%f"),
        at.strftime("%Y.%m.%d %H.%M.%S"),
        f"{at.timestamp():.6f}",
        f"{at.timestamp() * 1000:.0f}",
        f"{_instant(chance)} - {at}",
    )
    return chance.choice(forms)


def _coordinates(chance: random.Random) -> str:
    pair = (chance.uniform(-90, 90), chance.uniform(-180, 180))
    places = chance.choice((4, 6, 7))
    return chance.choice((", ", " ", ",", ";")).join(
        repr(part) if chance.random() < 0.5 else f"{part:.{places}f}" for part in pair
    )


def _addresses(chance: random.Random) -> str:
    one = [".".join(str(chance.randrange(256)) for _ in range(4)) for _ in range(4)]
    return chance.choice((" ", ", ", " - ", "\n", "|")).join(one)


def _article(chance: random.Random) -> str:
    digits = f"{chance.randrange(10**12):012d}"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"


def _telephone_set(chance: random.Random) -> str:
    payload = chance.choice(("35", "86", "01")) + f"{chance.randrange(10**12):012d}"
    return payload + check_digit(payload)


def _list(chance: random.Random) -> str:
    numbers = (f"{chance.randrange(1000, 10_000)}" for _ in range(chance.randrange(3, 30)))
    return chance.choice((",", ", ", ";", "; ", "/", ":")).join(numbers)


def _telephone(chance: random.Random) -> str:
    digits = str(chance.randrange(10**7, 10**14))
    cut = chance.randrange(1, 4)
    joint = chance.choice(("", " ", "-"))
    return f"+{digits[:cut]}{joint}{digits[cut : cut + 4]}{joint}{digits[cut + 4 :]}"


def _hash(chance: random.Random) -> str:
    size = chance.choice((32, 40, 64))
    return f"{chance.getrandbits(size * 4):0{size}x}"


FAMILIES: dict[str, Callable[[random.Random], str]] = {
    "dates": _dates,
    "instants": _datetimes,
    "coordinates": _coordinates,
    "ip addresses": _addresses,
    "articles": _article,
    "telephone sets": _telephone_set,
    "lists": _list,
    "telephones": _telephone,
    "hashes": _hash,
    "uuids": lambda chance: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    "ulids": lambda chance: (
        "01" + "".join(chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=24))
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_of_everyday_text_nothing_is_refused(family: str) -> None:
    chance = random.Random(family)
    texts = [FAMILIES[family](chance) for _ in range(SAMPLES)]
    assert [text for text in texts if holds_card_number(text)] == []


@pytest.mark.parametrize(
    ("first", "size", "rate_max"),
    [
        # By chance one in ten passes the check; a little more, since these are samples.
        *(("4", 13, 0.115), ("4", 16, 0.115), ("4", 19, 0.115), ("5", 16, 0.1), ("6", 16, 0.115)),
        *(("52", 19, 0.115), ("37", 15, 0.115), ("37", 19, 0.115), ("6", 18, 0.115)),
        # An expiry date must fit too.
        *(("4", 20, 0.015), ("5", 20, 0.015), ("6", 20, 0.03), ("4", 23, 0.03), ("", 24, 0.02)),
        # No card begins so or is as long.
        *(("2026", 16, 0.0), ("1", 16, 0.0), ("0", 16, 0.0), ("4", 15, 0.0), ("5", 12, 0.0)),
        *(("7", 16, 0.0), ("9", 13, 0.0), ("35", 15, 0.0), ("59", 16, 0.0), ("4", 30, 0.0)),
    ],
)
def test_of_order_numbers_hardly_more_are_refused_than_pass_the_check_by_chance(
    first: str, size: int, rate_max: float
) -> None:
    chance = random.Random(f"{first} {size}")
    left = size - len(first)
    texts = [f"{first}{chance.randrange(10**left):0{left}d}" for _ in range(SAMPLES)]
    assert sum(map(holds_card_number, texts)) <= rate_max * SAMPLES


def test_ids_of_our_own_are_let_through() -> None:
    made = [new_id() for _ in range(20_000)]
    assert [str(value) for value in made if holds_card_number(str(value))] == []
