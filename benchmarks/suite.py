"""The whole measurement, part by part."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks import metering, velocity
from benchmarks.app import NOOP_PATH
from benchmarks.floor import floor_cell
from benchmarks.growth import Sizes, fill, measure_growth
from benchmarks.inprocess import inprocess_cell
from benchmarks.machine import Machine, look
from benchmarks.measuring import Lines, Window, measure, tell
from benchmarks.over_http import http_cell, make_key, open_service
from benchmarks.place import Stand, make_stand, open_core, open_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.velocity import Past
    from paykeel.db.embedded import EmbeddedServer

PARTS = ("floor", "inprocess", "http", "growth", "fraud", "metrics")
PURCHASE_PATH = "/v1/purchases"
#: How many merchants share the callers in the line that is told beside the others.
MERCHANTS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, how long, how often, and with how much."""

    parts: frozenset[str]
    window: Window
    #: With millions of payments: about as long as from one checkpoint to the next.
    long_window: Window
    rounds: int
    sizes: Sizes
    past: Past
    #: How many payments of a month are counted.
    metered: int
    #: How long to wait before each run for other programs to be quiet.
    wait_s: float = 0.0
    clients: tuple[int, ...] = (1, 16)
    callers: tuple[int, ...] = (1, 16, 64, 256)
    connections: tuple[int, ...] = (1, 16, 64)
    processes: tuple[int, ...] = (1, 2)


async def run(plan: Plan, folder: Path | None) -> tuple[Machine, Lines]:
    """Measure everything in the plan, on one server that goes away afterwards."""
    async with open_server(folder) as server:
        stand = await make_stand(server, "bench")
        machine = await asyncio.to_thread(look, server.data_dir, stand.postgres)
        lines: Lines = {}
        if plan.parts & {"floor", "inprocess"}:
            lines |= await _floor_and_process(stand, plan, machine)
        if "http" in plan.parts:
            lines |= await _http(stand, plan, machine)
        if "growth" in plan.parts:
            lines |= await _growth(server, plan, machine)
        if "fraud" in plan.parts:
            lines |= await _fraud(server, plan, machine)
        if "metrics" in plan.parts:
            lines |= await _metrics(server, plan, machine)
        return machine, lines


async def _before(stand: Stand, plan: Plan, machine: Machine) -> None:
    """Prepare a run: nothing to write from before, and a look at what others do."""
    await stand.checkpoint()
    await machine.watch(plan.wait_s)


async def _floor_and_process(stand: Stand, plan: Plan, machine: Machine) -> Lines:
    """Measure the floor and the callers in process, turn by turn in one database."""
    window, one = plan.window, [stand.merchant_id]
    cells = [floor_cell(stand, n, window) for n in plan.clients if "floor" in plan.parts]
    async with (
        open_core(stand.settings) as core,
        open_core(stand.settings, placeholder=True) as other,
    ):
        if "inprocess" in plan.parts:
            most = [
                (await core.merchants.create(f"Market {number}", "test")).merchant_id
                for number in range(MERCHANTS)
            ]
            cells += [inprocess_cell(core, one, n, window, "instant gateway") for n in plan.callers]
            cells += [inprocess_cell(other, one, n, window, "placeholder") for n in plan.callers]
            cells.append(
                inprocess_cell(core, most, 64, window, f"instant gateway, {MERCHANTS} merchants")
            )
        return await measure(cells, plan.rounds, partial(_before, stand, plan, machine))


async def _http(stand: Stand, plan: Plan, machine: Machine) -> Lines:
    """Measure purchases and requests that do nothing, at the same server."""
    secret, lines = await make_key(stand), Lines()
    prepare = partial(_before, stand, plan, machine)
    for processes in plan.processes:
        served = "1 process" if processes == 1 else f"{processes} processes"
        async with open_service(stand, processes=processes, gateway="instant") as port:
            cells = [
                http_cell(port, secret, path, n, plan.window, f"{what}, {served}")
                for n in plan.connections
                for what, path in (("no-op", NOOP_PATH), ("purchase", PURCHASE_PATH))
            ]
            lines |= await measure(cells, plan.rounds, prepare)
    async with open_service(stand, processes=1, gateway="placeholder") as port:
        what = "purchase, 1 process, placeholder"
        most = max(plan.connections)
        cells = [http_cell(port, secret, PURCHASE_PATH, most, plan.window, what)]
        lines |= await measure(cells, plan.rounds, prepare)
    return lines


async def _growth(server: EmbeddedServer, plan: Plan, machine: Machine) -> Lines:
    """Fill two databases and measure both in turn."""
    free = psutil.disk_usage(str(server.data_dir)).free / 1024**3
    tell(f"growth needs about {plan.sizes.disk_gb:.0f} GB of disk; {free:.0f} GB are free")
    if free < plan.sizes.disk_gb:
        message = "there is not enough disk: choose another --data-dir, or --quick"
        raise RuntimeError(message)
    small, large = await make_stand(server, "small"), await make_stand(server, "large")
    for stand, rows in ((small, plan.sizes.small), (large, plan.sizes.large)):
        await fill(stand, rows)
    return await measure_growth(
        small,
        large,
        plan.sizes,
        (plan.window, plan.long_window),
        plan.rounds,
        partial(_before, large, plan, machine),
    )


async def _fraud(server: EmbeddedServer, plan: Plan, machine: Machine) -> Lines:
    """Fill what purchases leave under their keys, a little and a lot, and measure both in turn."""
    free = psutil.disk_usage(str(server.data_dir)).free / 1024**3
    tell(f"fraud needs about {plan.past.disk_gb:.0f} GB of disk; {free:.0f} GB are free")
    if free < plan.past.disk_gb:
        message = "there is not enough disk: choose another --data-dir, or --quick"
        raise RuntimeError(message)
    stands = [velocity.judged(await make_stand(server, name)) for name in ("few", "many")]
    for stand, rows in zip(stands, (plan.past.small, plan.past.large), strict=True):
        await velocity.fill(stand, rows)
    few, many = stands
    before = partial(_before, many, plan, machine)
    windows = (plan.window, plan.long_window)
    return await velocity.measure_fraud(few, many, plan.past, windows, plan.rounds, before)


async def _metrics(server: EmbeddedServer, plan: Plan, machine: Machine) -> Lines:
    """Fill a month, and measure reading it, and purchases with and without durations, in turn."""
    free = psutil.disk_usage(str(server.data_dir)).free / 1024**3
    needed = metering.disk_gb(plan.metered)
    tell(f"metrics needs about {needed:.0f} GB of disk; {free:.0f} GB are free")
    if free < needed:
        message = "there is not enough disk: choose another --data-dir, or --quick"
        raise RuntimeError(message)
    month, shop = await make_stand(server, "month"), await make_stand(server, "shop")
    await metering.fill(month, plan.metered)
    before = partial(_before, shop, plan, machine)
    return await metering.measure_metrics(month, shop, plan.window, plan.rounds, before)


def parts_of(only: str) -> frozenset[str]:
    """Read ``floor,http``; nothing means everything.

    >>> sorted(parts_of("http,floor"))
    ['floor', 'http']
    """
    asked: Sequence[str] = [part.strip() for part in only.split(",") if part.strip()]
    for part in asked:
        if part not in PARTS:
            message = f"there is no part {part}; there are {', '.join(PARTS)}"
            raise ValueError(message)
    return frozenset(asked or PARTS)
