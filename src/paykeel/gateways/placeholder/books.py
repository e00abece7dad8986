"""The placeholder's books: every statement that reads or writes them.

A charge is one statement, shared with whatever else is waiting. A follow-up is one short
transaction: claim the reference, lock the charge, add up, decide, write.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from paykeel.db.coalescer import Coalescer
from paykeel.db.pool import Connection, Database, fetch_on
from paykeel.db.sql import load
from paykeel.errors import DatabaseUnavailable
from paykeel.gateways.placeholder.answers import decode, encode
from paykeel.gateways.placeholder.listening import BROKEN
from paykeel.gateways.placeholder.rows import AskedCharge, AskedFollowUp, History, Operation
from paykeel.gateways.placeholder.rules import Charge, Decision, Totals, moved_by
from paykeel.gateways.placeholder.tokens import DOES_NOTHING_FIRST, Step, find_script
from paykeel.gateways.port import Authorized, Declined, DeclineReason, NotSent, Succeeded, Unknown
from paykeel.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import asyncpg

QUERIES = load("paykeel.gateways.placeholder")

LAPSED = Declined(DeclineReason.AUTHORIZATION_EXPIRED, "authorization_expired")
#: The most operations that one statement settles.
_SETTLE_ROWS_MAX = 1_000


class Books:
    """Reads and writes the schema ``placeholder_gateway``."""

    def __init__(
        self,
        database: Database,
        *,
        honour_keys: bool,
        authorization_ms: int,
        rows_max: int,
        lanes: int,
        queue_max: int,
    ) -> None:
        self.database = database
        self._honour_keys = honour_keys
        self._authorization_ms = authorization_ms
        self._charges: Coalescer[str, AskedCharge, Operation | NotSent | Unknown] = Coalescer(
            self._take, rows_max=rows_max, lanes=lanes, queue_max=queue_max
        )

    # ---------------------------------------------------------------------------- charges

    async def take(self, asked: AskedCharge) -> Operation | NotSent | Unknown:
        """Take in a charge and do it, if it is new.

        Raises:
            Overloaded: Too much is waiting already; this was not taken in.
        """
        return await self._charges.submit("charge", asked)

    async def _take(
        self, _key: str, _lane: int, asked: Sequence[AskedCharge]
    ) -> Sequence[Operation | NotSent | Unknown]:
        """Take in a batch; a reference that occurs twice in it goes into a second statement."""
        results: dict[int, Operation | NotSent | Unknown] = {}
        waiting = list(range(len(asked)))
        sent = False
        while waiting:
            places: dict[str, int] = {}
            for place in waiting:
                places.setdefault(asked[place].reference, place)
            batch = [asked[place] for place in places.values()]
            try:
                async with self.database.connection() as connection:
                    sent = True
                    rows = await fetch_on(
                        connection,
                        QUERIES["take_charges"],
                        _columns(batch, honour_keys=self._honour_keys),
                    )
            except (DatabaseUnavailable, *BROKEN) as error:
                if isinstance(error, ValueError):  # A value that does not fit: that row's own.
                    raise
                # Only what failed before the first statement is certain not to have been done.
                lost = Unknown("connection_lost") if sent else NotSent("connection_refused")
                return [results.get(place, lost) for place in range(len(asked))]
            for row in rows:
                results[places[row["reference"]]] = Operation.of(row)
            waiting = [place for place in waiting if place not in results]
        return [results[place] for place in range(len(asked))]

    # ------------------------------------------------------------------------- follow-ups

    async def follow(
        self, asked: AskedFollowUp, decide: Callable[[Charge | None, Step], Decision]
    ) -> Operation | NotSent:
        """Take in a capture, void, refund or completion, and do what ``decide`` says.

        Raises:
            DatabaseUnavailable: The connection was lost, and nobody knows what was done.
        """
        sent = False
        try:
            async with self.database.connection() as connection, connection.transaction():
                sent = True
                return await self._follow(connection, asked, decide)
        except DatabaseUnavailable:
            if sent:
                raise
            return NotSent("connection_refused")

    async def _follow(
        self,
        connection: Connection,
        asked: AskedFollowUp,
        decide: Callable[[Charge | None, Step], Decision],
    ) -> Operation:
        """Claim the reference, lock the charge, decide and write, in the caller's transaction."""
        claimed = Operation.of(await _one(connection, "claim_follow_up", asdict(asked)))
        if self._honour_keys and (
            claimed.done_call is not None or claimed.fingerprint != asked.fingerprint
        ):
            return claimed
        script = find_script(claimed.payment_method)
        step = script.step(asked.kind) if script is not None else Step()
        if claimed.calls == 1 and step.wire in DOES_NOTHING_FIRST:
            return claimed
        charge = await self._lock(connection, asked.charge_reference)
        decision = decide(charge, step)
        answered = await _one(
            connection,
            "answer_follow_up",
            {
                "reference": asked.reference,
                "answer": decision.answer and encode(decision.answer),
                "later": decision.later and encode(decision.later),
                "delay_ms": decision.delay_ms,
                "moves": decision.moves,
            },
        )
        if charge is not None:
            await self._write(connection, asked, charge, decision)
        return Operation.of(answered)

    async def complete_action(
        self, reference: str, decide: Callable[[Charge | None], Decision]
    ) -> Operation | None:
        """Do what the buyer did on the gateway's own page; nothing: there is no such charge."""
        async with self.database.connection() as connection, connection.transaction():
            charge = await self._lock(connection, reference)
            if charge is None:
                return None
            await self._change(connection, charge, decide(charge))
            return Operation.of(await _one(connection, "find_operation", {"reference": reference}))

    async def _lock(self, connection: Connection, reference: str) -> Charge | None:
        """Lock a charge and add up what moved; its time may have come meanwhile."""
        values = {"reference": reference}
        rows = await fetch_on(connection, QUERIES["lock_charge"], values)
        if rows and rows[0]["due"]:
            await self._settle_one(connection, reference)
            rows = await fetch_on(connection, QUERIES["lock_charge"], values)
        if not rows or rows[0]["done_call"] is None:
            return None
        row = rows[0]
        totals = await _one(connection, "totals", {"charge_reference": reference})
        return Charge(
            reference=reference,
            amount=Money(row["amount"], row["currency"]),
            answer=None if row["answer"] is None else decode(json.loads(row["answer"])),
            moves=row["moves"],
            totals=Totals(**totals),
        )

    async def _write(
        self, connection: Connection, asked: AskedFollowUp, charge: Charge, decision: Decision
    ) -> None:
        """Move the money of a follow-up and change its charge."""
        # What is pending or in flight moves its money when it is settled.
        success = decision.answer if decision.later is None else None
        if decision.moves is not None and isinstance(success, Succeeded | Authorized):
            await _move(connection, asked.reference, charge, decision.moves, success.amount)
        if decision.released:
            rest = Money(decision.released, moved_by(charge).currency)
            await _move(connection, asked.reference, charge, "release", rest)
        await self._change(connection, charge, decision)

    async def _change(self, connection: Connection, charge: Charge, decision: Decision) -> None:
        """Give the charge its new answer, and move its money if that is a success."""
        answer = decision.charge or (charge.answer if decision.closes else None)
        if answer is None:
            return
        lapses = isinstance(decision.charge, Authorized)
        await _one(
            connection,
            "change_charge",
            {
                "reference": charge.reference,
                "answer": encode(answer),
                "later": encode(LAPSED) if lapses else None,
                "delay_ms": self._authorization_ms if lapses else None,
            },
        )
        if charge.moves is not None and isinstance(decision.charge, Succeeded | Authorized):
            amount = decision.charge.amount
            await _move(connection, charge.reference, charge, charge.moves, amount)

    # ---------------------------------------------------------------------------- reading

    async def find(self, reference: str) -> Operation | None:
        """Return how an operation stands now; nothing: it was never heard of."""
        row = await self.database.fetchrow(QUERIES["find_operation"], reference=reference)
        if row is not None and row["due"]:
            async with self.database.connection() as connection, connection.transaction():
                await self._settle_one(connection, reference)
            row = await self.database.fetchrow(QUERIES["find_operation"], reference=reference)
        return None if row is None else Operation.of(row)

    async def history(self, reference: str) -> History | None:
        """Return what was said of an operation; nothing: it was never heard of."""
        await self.find(reference)
        row = await self.database.fetchrow(QUERIES["find_history"], reference=reference)
        if row is None:
            return None
        fields = dict(row)
        fields["answer"] = None if fields["answer"] is None else json.loads(fields["answer"])
        fields["earlier"] = json.loads(fields["earlier"])
        return History(**fields)

    async def settle(self) -> None:
        """Do everything whose time has come."""
        full = True
        while full:
            due = await self.database.fetch(QUERIES["find_due"], rows_max=_SETTLE_ROWS_MAX)
            full = len(due) == _SETTLE_ROWS_MAX
            pending = [row["reference"] for row in due if row["status"] != "authorized"]
            if pending:
                async with self.database.connection() as connection:
                    await self._settle(connection, pending)
            for row in due:
                if row["status"] == "authorized":
                    async with self.database.connection() as connection, connection.transaction():
                        await self._lapse(connection, row["reference"])

    async def _settle_one(self, connection: Connection, reference: str) -> None:
        """Do one operation whose time has come, whatever it is, in the caller's transaction."""
        await self._settle(connection, [reference])
        await self._lapse(connection, reference)

    async def _settle(self, connection: Connection, references: Sequence[str]) -> None:
        """Give what is pending or in flight its later answer."""
        values = {
            "references": references,
            "lapsed": encode(LAPSED),
            "authorization_ms": self._authorization_ms,
        }
        await fetch_on(connection, QUERIES["settle_due"], values)

    async def _lapse(self, connection: Connection, reference: str) -> None:
        """Release what a reservation still holds; one that was used keeps its answer."""
        rows = await fetch_on(connection, QUERIES["lock_lapsed"], {"reference": reference})
        if not rows:
            return
        row = rows[0]
        totals = Totals(**await _one(connection, "totals", {"charge_reference": reference}))
        held = decode(json.loads(row["answer"]))
        charge = Charge(reference, Money(row["amount"], row["currency"]), held, None, totals)
        used = totals.captured > 0
        decision = Decision(answer=None, charge=None if used else LAPSED, closes=True)
        if totals.held > 0:
            rest = Money(totals.held, moved_by(charge).currency)
            await _move(connection, reference, charge, "release", rest)
        await self._change(connection, charge, decision)

    async def secret(self, offered: str) -> str:
        """Return the webhook secret that is kept here, which is ``offered`` if there was none."""
        await self.database.fetch(QUERIES["offer_secret"], value=offered)
        row = await self.database.fetchrow(QUERIES["read_secret"])
        return offered if row is None else str(row["value"])

    async def close(self) -> None:
        """Wait for what is in flight, and let go of the connections."""
        await self._charges.close()
        await self.database.close()


async def _one(connection: Connection, name: str, values: Mapping[str, Any]) -> asyncpg.Record:
    """Run a statement that always returns one row."""
    (row,) = await fetch_on(connection, QUERIES[name], values)
    return row


async def _move(
    connection: Connection, reference: str, charge: Charge, kind: str, amount: Money
) -> None:
    """Book a movement."""
    await _one(
        connection,
        "move",
        {
            "reference": reference,
            "charge_reference": charge.reference,
            "kind": kind,
            "amount": amount.minor,
            "currency": amount.currency,
        },
    )


def _columns(batch: Sequence[AskedCharge], *, honour_keys: bool) -> dict[str, Any]:
    """Turn rows into the arrays that ``take_charges`` takes."""
    return {
        "honour_keys": honour_keys,
        "references": [asked.reference for asked in batch],
        "fingerprints": [asked.fingerprint for asked in batch],
        "amounts": [asked.amount for asked in batch],
        "currencies": [asked.currency for asked in batch],
        "merchant_ids": [asked.merchant_id for asked in batch],
        "payment_ids": [asked.payment_id for asked in batch],
        "payment_methods": [asked.payment_method for asked in batch],
        "moves": [asked.moves for asked in batch],
        "answers": [asked.answer for asked in batch],
        "laters": [asked.later for asked in batch],
        "earliers": [asked.earlier for asked in batch],
        "delays_ms": [asked.delay_ms for asked in batch],
        "does": [asked.does for asked in batch],
    }
