"""Starts several drivers, lets them begin together, and adds up what they say."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 120


async def together(plans: list[dict[str, Any]]) -> Counter[str]:
    """Run one process for each plan; return how often each thing was said."""
    drivers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fraud.driver",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in plans
    ]
    said: Counter[str] = Counter()
    try:
        async with asyncio.timeout(SECONDS_MAX):
            for driver, plan in zip(drivers, plans, strict=True):
                assert driver.stdin is not None
                driver.stdin.write(json.dumps(plan).encode() + b"\n")
            for driver in drivers:
                assert driver.stdout is not None
                assert await driver.stdout.readline() == b"ready\n"
            for driver in drivers:
                assert driver.stdin is not None
                driver.stdin.write(b"go\n")
            for driver in drivers:
                assert driver.stdout is not None
                said.update(json.loads(await driver.stdout.readline()))
                assert await driver.wait() == 0
    finally:
        for driver in drivers:
            if driver.returncode is None:
                driver.kill()
    return said
