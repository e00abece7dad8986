"""Looking: takes the locks of a batch, then reads what it is judged by, in the next statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.fraud.facts import Profile, Sight, windows_of
from paykeel.fraud.keys import claim_key
from paykeel.fraud.velocity import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from paykeel.db.pool import Connection
    from paykeel.fraud.facts import Facts
    from paykeel.fraud.ruleset import Velocity
    from paykeel.fraud.velocity import Window

SQL = load("paykeel.fraud")


@dataclass(frozen=True, slots=True)
class Look:
    """What has to be locked and read for a batch, each thing once however many need it."""

    windows: tuple[Window, ...]
    #: Everything that any purchase of the batch is counted under.
    keys: tuple[int, ...]

    @classmethod
    def of(cls, rulesets: Sequence[Mapping[str, Velocity]], purchases: Sequence[Facts]) -> Look:
        """Return what these purchases need for the velocities of each ruleset."""
        windows: dict[Window, None] = {}
        keys: set[int] = set()
        for facts in purchases:
            keys.update(facts.keys.values())
            for velocities in rulesets:
                windows |= dict.fromkeys(windows_of(velocities, facts.keys).values())
        return cls(tuple(windows), tuple(keys))


async def look(
    connection: Connection,
    merchant_id: UUID,
    asked: Look,
    idempotency_keys: Sequence[str],
    wait_ms: int,
) -> Sight:
    """Lock, then read; the transaction that is open on ``connection`` keeps the locks.

    The idempotency keys are locked as well, so that two requests with one key never count for each
    other.

    Raises:
        asyncpg.LockNotAvailableError: Others held a lock for longer than ``wait_ms``.
    """
    limited = {window.key for window in asked.windows}
    claims = {claim_key(merchant_id, key) for key in idempotency_keys}
    await fetch_on(
        connection, SQL["lock_keys"], {"wait_ms": wait_ms, "keys": list(limited | claims)}
    )
    windows = asked.windows
    values: dict[str, Any] = {
        "merchant_id": merchant_id,
        "keys": [window.key for window in windows],
        "outcomes": [window.outcome for window in windows],
        "windows_s": [window.window_s for window in windows],
        "rows_max": [window.rows_max for window in windows],
        "of_kinds": [window.of for window in windows],
        "oldest": [window.oldest for window in windows],
        "profile_keys": list(asked.keys),
        "idempotency_keys": list(set(idempotency_keys)),
    }
    rows = await fetch_on(connection, SQL["look"], values)
    return _sight(windows, rows)


def _sight(windows: Sequence[Window], rows: Sequence[Any]) -> Sight:
    """Sort what was read by what it is."""
    at = next(row["first_at"] for row in rows if row["what"] == "now")
    sight = Sight(at)
    # What was never seen has no row of its own.
    tallies = [Tally() for _ in windows]
    for row in rows:
        match row["what"]:
            case "window":
                tallies[row["number"] - 1] = Tally(
                    count=row["count"],
                    total=int(row["total"] or 0),
                    highest=row["highest"],
                    unknown=row["unknown"],
                    first_at=row["first_at"],
                    last_at=row["last_at"],
                    others=set(row["others"] or ()),
                )
            case "profile":
                sight.profiles[row["key"]] = Profile(
                    row["first_at"],
                    row["count"],
                    row["succeeded"],
                    row["declined"],
                    int(row["total"]),
                )
            case "list":
                sight.lists.setdefault(row["key"], set()).add(row["name"])
            case "taken":
                sight.taken.add(row["name"])
            case _:
                pass
    for window, tally in zip(windows, tallies, strict=True):
        sight.tallies.put(window, tally)
    return sight
