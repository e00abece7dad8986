"""Ids are UUIDv7: dated, random, and later ones sort later, within a millisecond too."""

import time
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from paykeel.clock import SystemClock, new_id


def milliseconds(value: int) -> int:
    return value >> 80


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(1_000):
        made = new_id()
        assert (made.version, made.variant) == (7, RFC_4122)


def test_an_id_says_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = milliseconds(new_id().int)
    assert before <= made <= time.time_ns() // 1_000_000


def test_later_ids_sort_later() -> None:
    earlier = new_id()
    time.sleep(0.002)
    later = new_id()
    assert earlier < later
    assert earlier.hex < later.hex


def test_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    shared = {milliseconds(value.int) for value in made}
    assert len(shared) < len(made) / 10


def test_ids_of_one_millisecond_differ() -> None:
    made = [new_id() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    # The 62 random bits and the 12 of time are used: each is set in some id and clear in another.
    ones = zeros = 0
    for value in made:
        ones |= value.int
        zeros |= ~value.int
    used = (0xFFF << 64) | ((1 << 62) - 1)
    assert ones & used == used
    assert zeros & used == used


def test_the_clock_is_aware_and_steady() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    first = clock.monotonic_s()
    assert clock.monotonic_s() >= first
