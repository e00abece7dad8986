"""What versions and personal data say happened to them, against the events that are sealed. Pure.

Whether a version is withdrawn and whether personal data are erased may change, so no hash covers
it; and the hash of a version is in a sealed acceptance only once somebody has accepted it. So each
publication, withdrawal and erasure is told by one event, which is sealed. The codes of a fault:

- ``event_missing``: no event tells what a row says.
- ``event_surplus``: events tell what the row does not say, or tell it more than once.
- ``event_unlike``: the event and the row differ in who, when or why, or in the published hash.
- ``event_unfounded``: what an event is about is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.terms.model import VersionStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from paykeel.terms.proving import Wrong

#: Who, when and why a version was withdrawn; who and when personal data were erased.
_WITHDRAWN_PARTS, _ERASED_PARTS = 3, 2


def version_event_faults(row: Mapping[str, object]) -> Iterator[Wrong]:
    """Hold a version against its events, as the statement ``version_events`` gives both."""
    place = f"terms_versions {row['version_id']}"
    status = row["status"]
    published = status in {VersionStatus.PUBLISHED, VersionStatus.WITHDRAWN}
    yield from _faults(row, "published", place, is_told=published)
    withdrawn = status == VersionStatus.WITHDRAWN
    if row["withdrawn_parts"] != (_WITHDRAWN_PARTS if withdrawn else 0):
        yield "event_unlike", place, f"it is {status}, and its withdrawal says another thing"
    yield from _faults(row, "withdrawn", place, is_told=withdrawn)


def erasure_event_faults(row: Mapping[str, object]) -> Iterator[Wrong]:
    """Hold personal data against their events, as the statement ``erasure_events`` gives both."""
    place = f"terms_personal {row['acceptance_id']}"
    if row["erased_parts"] not in {0, _ERASED_PARTS}:
        yield "event_unlike", place, "it says only a part of an erasure"
    yield from _faults(row, "erased", place, is_told=row["erased_parts"] != 0)


def event_faults(row: Mapping[str, object]) -> Iterator[Wrong]:
    """Say whether what an event is about is not there."""
    if not row["is_founded"]:
        place = f"terms_events {row['event_id']}"
        yield "event_unfounded", place, f"what it tells was {row['kind']} is not there"


def _faults(row: Mapping[str, object], kind: str, place: str, *, is_told: bool) -> Iterator[Wrong]:
    events, alike = row[kind], row[f"{kind}_alike"]
    if is_told and events == 0:
        yield "event_missing", place, f"it says that it was {kind}, and no event does"
    elif not is_told and events != 0:
        yield "event_surplus", place, f"an event tells that it was {kind}, and it says nothing"
    elif is_told and events != 1:
        yield "event_surplus", place, f"{events} events tell that it was {kind}"
    elif is_told and alike != 1:
        what = "by whom, when or with which hash" if kind == "published" else "by whom, when or why"
        yield "event_unlike", place, f"the event tells otherwise {what} it was {kind}"
