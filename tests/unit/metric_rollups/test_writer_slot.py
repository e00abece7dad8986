"""In which row of a minute a process writes."""

from __future__ import annotations

import runpy

from paykeel import metrics

LANES = 17


def test_no_two_lanes_of_a_process_share_a_slot_and_processes_begin_by_chance() -> None:
    # Each run is what a new process does; in containers all of them have the same number.
    begun = [runpy.run_path(str(metrics.__file__))["writer_slot"] for _ in range(8)]
    for slot_of in begun:
        slots = {slot_of(lane) for lane in range(LANES)}
        assert len(slots) == LANES
        assert slots <= set(range(metrics.SLOTS))
    assert len({slot_of(0) for slot_of in begun}) > 1
