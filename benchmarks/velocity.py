"""Fraud prevention: purchases with every default rule on, with few and with many before them."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.measuring import Cell, Line, Lines, Run, Window, measure, tell
from benchmarks.place import FRAUD_SECRET, open_core
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.fraud.facts import Facts, Sight, windows_of
from paykeel.fraud.keys import Identity, KeyMaker, values_of
from paykeel.fraud.velocity import Tally
from paykeel.payments.model import PurchaseRequest
from paykeel.payments.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from uuid import UUID

    from benchmarks.place import Stand
    from paykeel.core import Core
    from paykeel.db.sql import Statement

FILL = load("benchmarks", "velocity.sql")
#: How many buyers, cards and addresses there are.
POOL = 200_000
HOT_IP = "198.51.100.1"
BATCH_ROWS = 50_000
FILLERS = 2
CALLERS = 64
JUDGEMENTS = 30_000
GROUP = "fraud"


@dataclass(frozen=True, slots=True)
class Past:
    """How many purchases were made before, within 90 days."""

    small: int
    large: int

    @property
    def disk_gb(self) -> float:
        """What the larger one needs, roughly."""
        return self.large * 1_600 / 1024**3 + 3


def label(what: str, rows: int) -> str:
    """Name a line: which keys, with how many purchases before."""
    return f"{what}, {rows:,} before"


def judged(stand: Stand) -> Stand:
    """Return the stand with every default rule on, under a secret that the filling knows."""
    return replace(stand, rules="default")


async def fill(stand: Stand, rows: int) -> None:
    """Write what ``rows`` purchases left under their keys, on two connections."""
    began = time.monotonic()
    maker = KeyMaker((FRAUD_SECRET.encode(),))
    await _run(stand, FILL["make_pools"], {})
    for kind in ("buyer", "card", "ip"):
        keys = [_key(maker, stand.merchant_id, kind, number) for number in range(POOL)]
        await _run(stand, FILL["fill_pool"], {"kind": kind, "keys": keys})
    batches = iter(range(1, rows + 1, BATCH_ROWS))
    async with asyncio.TaskGroup() as group:
        for _ in range(FILLERS):
            group.create_task(_fill_some(stand, rows, batches))
    await _run(stand, FILL["fill_profiles"], {"merchant_id": stand.merchant_id})
    await stand.run_as_admin(FILL["tidy_velocity"])
    tell(f"{rows:,} earlier purchases stand after {time.monotonic() - began:.0f} s")


async def _fill_some(stand: Stand, rows: int, batches: Iterator[int]) -> None:
    for first in batches:
        last = min(rows, first + BATCH_ROWS - 1)
        given = {"merchant_id": stand.merchant_id, "first": first, "last": last, "pool": POOL}
        await _run(stand, FILL["fill_velocity"], given)
        tell(f"filled {last:,} of {rows:,}")


async def _run(stand: Stand, statement: Statement, values: dict[str, object]) -> None:
    connection = await asyncpg.connect(
        stand.server.url("postgres", stand.name),
        server_settings={"synchronous_commit": "off", "work_mem": "256MB"},
    )
    try:
        await fetch_on(connection, statement, values)
    finally:
        await connection.close()


def _identity(kind: str, number: int) -> Identity:
    address = HOT_IP if number == 0 else f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    return Identity(
        buyer_id=f"buyer-{number}",
        card_fingerprint=f"card-{number}" if kind == "card" else None,
        ip=address if kind == "ip" else None,
    )


def _key(maker: KeyMaker, merchant_id: UUID, kind: str, number: int) -> int:
    return maker.keys(merchant_id, values_of(_identity(kind, number)))[kind]


def request(chance: random.Random, *, hot: bool) -> PurchaseRequest:
    """Return a purchase of anybody with any card, from any address or from the hot one.

    What comes from the hot one is soon blocked for its many cards, as it should be.
    """
    number = chance.randrange(1, POOL)
    ip = _identity("ip", 0 if hot else chance.randrange(1, POOL)).ip
    card = f"card-{chance.randrange(1, POOL)}"
    return PurchaseRequest(
        amount=chance.randint(1_000, 5_000),
        currency="EUR",
        buyer_id=f"buyer-{number}",
        buyer_role="agent",
        payment_method="pm_ok",
        signals=Signals(ip=ip, card_fingerprint=card),
    )


async def buy(core: Core, merchant_id: UUID, window: Window, *, hot: bool) -> Run:
    """Let every caller buy one thing after another."""
    began = perf_counter()
    first, last = began + window.warm_s, began + window.whole_s
    took: list[float] = []
    chance = random.Random(time.time_ns())
    ends: Counter[str] = Counter()

    async def call() -> None:
        end = began
        while end < last:
            wanted = request(chance, hot=hot)
            start = perf_counter()
            payment = await core.payments.purchase(
                wanted, merchant_id=merchant_id, idempotency_key=str(uuid.uuid4())
            )
            end = perf_counter()
            ends[payment.status] += 1
            if first <= end < last:
                took.append(end - start)

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(call())
    tell("ended: " + ", ".join(f"{count:,} {status}" for status, count in ends.most_common()))
    return Run.of(took, window.measured_s)


async def measure_fraud(
    small: Stand,
    large: Stand,
    past: Past,
    windows: tuple[Window, Window],
    rounds: int,
    before: Callable[[], Awaitable[None]],
) -> Lines:
    """Measure both sizes in turn, with keys that are spread and from one hot address.

    The large one is measured from one checkpoint until about the next, as growth is, and for the
    same reason: random keys find pages that were not touched since for most of a minute.
    """
    short, long = windows

    def cell(stand: Stand, rows: int, what: str, *, hot: bool) -> Cell:
        window = short if stand is small else long

        async def run() -> Run:
            async with open_core(stand.settings) as core:
                return await buy(core, stand.merchant_id, window, hot=hot)

        return Cell(GROUP, label(what, rows), CALLERS, run)

    cells = [
        cell(stand, rows, what, hot=hot)
        for what, hot in (("spread keys", False), ("one hot address", True))
        for stand, rows in ((small, past.small), (large, past.large))
    ]
    lines = await measure(cells, rounds, before)
    async with open_core(large.settings) as core:
        alone = await judge_alone(core, large.merchant_id)
    return {**lines, f"{GROUP}/judge alone/1": Line(GROUP, "judge alone", 1, (alone,))}


async def judge_alone(core: Core, merchant_id: UUID) -> Run:
    """Judge purchases whose windows were read before, in processor time of one core."""
    bench = await core.fraud.bench(merchant_id)
    chance = random.Random(7)
    maker = KeyMaker((FRAUD_SECRET.encode(),))
    all_facts, sights = [], []
    for _ in range(500):
        wanted = request(chance, hot=False)
        identity = Identity(
            buyer_id=wanted.buyer_id,
            card_fingerprint=wanted.signals.card_fingerprint,
            ip=wanted.signals.ip,
        )
        facts = Facts(
            merchant_id=merchant_id,
            amount=wanted.amount,
            currency="EUR",
            amount_ref=wanted.amount,
            kind="purchase",
            capture_method="automatic",
            buyer_id=wanted.buyer_id,
            buyer_role="agent",
            keys=maker.keys(merchant_id, values_of(identity)),
        )
        sight = Sight(core.database.now())
        for seen in windows_of(bench.active.live.velocities, facts.keys).values():
            sight.tallies.put(seen, Tally(count=1, total=2_500, highest=2_500))
        all_facts.append(facts)
        sights.append(sight)
    took: list[float] = []
    for number in range(JUDGEMENTS):
        start = process_time()
        core.fraud.judge(bench, all_facts[number % 500], sights[number % 500])
        took.append(process_time() - start)
    tell(f"judged {JUDGEMENTS:,} purchases in {sum(took):.1f} s of processor time")
    return Run.of(took, sum(took))
