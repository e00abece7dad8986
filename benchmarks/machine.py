"""The machine: what it is, how long its disk takes to be sure, and what else it is doing."""

from __future__ import annotations

import asyncio
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil

PROBE_WRITES = 200
LOOK_S = 0.25
#: From here on, what others do on the machine shows in the figures.
BUSY_PERCENT = 10.0
_GIGABYTE = 1024**3


@dataclass(slots=True)
class Machine:
    """What a figure depends on."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    postgres: str
    #: The median of writing 8 KB and having it on the disk, where the data folder is.
    fsync_ms: float
    disk_free_gb: float
    #: How busy the processors were before each run, with nothing of ours running, in percent.
    others_percent: list[float] = field(default_factory=list)

    @property
    def busy_percent(self) -> float:
        """The median of what others used; figures taken beside others are low, and scatter."""
        return median(self.others_percent) if self.others_percent else 0.0

    def document(self) -> dict[str, Any]:
        """Return it for the JSON file."""
        known = asdict(self)
        known["others_percent"] = round(self.busy_percent, 1)
        return known

    async def watch(self, wait_s: float) -> None:
        """Wait until others are quiet, not for ever, and note how busy they are then.

        To be called when nothing of ours runs.
        """
        give_up = perf_counter() + wait_s
        while True:
            busy = await asyncio.to_thread(psutil.cpu_percent, LOOK_S)
            if busy <= BUSY_PERCENT or perf_counter() >= give_up:
                self.others_percent.append(busy)
                return


def look(folder: Path, postgres: str) -> Machine:
    """Describe this machine; ``folder`` is where the data is."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 0,
        memory_gb=round(psutil.virtual_memory().total / _GIGABYTE, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        postgres=postgres,
        fsync_ms=round(probe_fsync(folder), 3),
        disk_free_gb=round(psutil.disk_usage(str(folder)).free / _GIGABYTE, 1),
    )


def probe_fsync(folder: Path, writes: int = PROBE_WRITES) -> float:
    """Return the median time of one 8 KB write with ``fdatasync``, in milliseconds.

    It is what one commit alone costs at the least. The file is written over, not made longer, as
    the log of a database is.
    """
    path = folder / "fsync-probe"
    page = os.urandom(8192)
    sync = getattr(os, "fdatasync", os.fsync)
    took: list[float] = []
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(file, page * 64)
        os.fsync(file)
        for number in range(writes):
            start = perf_counter()
            os.pwrite(file, page, number % 64 * len(page))
            sync(file)
            took.append(perf_counter() - start)
    finally:
        os.close(file)
        path.unlink()
    return median(took) * 1000


def _cpu() -> str:
    """Return the processor's name, as far as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
