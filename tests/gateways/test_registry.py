"""Gateways are found by entry point, opened by name, and never serve the wrong mode."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import paykeel.errors
from paykeel.errors import GatewayNotConfigured, Misconfigured
from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import Capabilities
from paykeel.gateways.registry import Gateways, available, open_gateways
from paykeel.settings import Settings

SOURCES = Path(paykeel.errors.__file__).parents[1]


class LiveGateway(PlaceholderGateway):
    """Claims to move real money."""

    @property
    def name(self) -> str:
        return "live"

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, live=True)


def test_the_placeholder_is_always_there() -> None:
    assert available()["placeholder"].value == "paykeel.gateways.placeholder:open_gateway"


async def test_the_default_settings_open_the_placeholder(books_url: str) -> None:
    gateways = await open_gateways(Settings(), books_url)
    try:
        assert gateways.for_mode("test").name == "placeholder"
        assert await gateways.by_name("placeholder") is gateways.for_mode("test")
        with pytest.raises(GatewayNotConfigured) as raised:
            gateways.for_mode("live")
        assert raised.value.data == {"mode": "live"}
    finally:
        await gateways.close()


async def test_a_gateway_that_is_no_longer_configured_is_opened_on_demand(books_url: str) -> None:
    gateways = await open_gateways(Settings(gateway_test=""), books_url)
    try:
        with pytest.raises(GatewayNotConfigured):
            gateways.for_mode("test")
        first = await gateways.by_name("placeholder")
        assert first.name == "placeholder"
        assert await gateways.by_name("placeholder") is first
        with pytest.raises(GatewayNotConfigured):
            gateways.for_mode("test")
    finally:
        await gateways.close()


async def test_the_placeholder_cannot_serve_live_merchants(books_url: str) -> None:
    with pytest.raises(GatewayNotConfigured, match="no real money"):
        await open_gateways(Settings(gateway_live="placeholder"), books_url)


async def test_an_unknown_name_lists_what_there_is(books_url: str) -> None:
    with pytest.raises(Misconfigured, match=r"no gateway named nowhere.*placeholder"):
        await open_gateways(Settings(gateway_test="nowhere"), books_url)


async def test_objects_can_be_handed_over(books_url: str, gateway: PlaceholderGateway) -> None:
    live = await LiveGateway.open(books_url)
    gateways = Gateways.of(test=gateway, live=live)

    assert gateways.for_mode("test") is gateway
    assert gateways.for_mode("live") is live
    assert await gateways.by_name("live") is live
    with pytest.raises(GatewayNotConfigured, match="not handed over"):
        await gateways.by_name("another")
    await gateways.close()


async def test_real_money_never_meets_a_test_merchant(books_url: str) -> None:
    live = await LiveGateway.open(books_url)
    try:
        with pytest.raises(GatewayNotConfigured, match="moves real money"):
            Gateways.of(test=live).for_mode("test")
    finally:
        await live.close()


async def test_two_gateways_cannot_share_a_name(
    books_url: str, gateway: PlaceholderGateway
) -> None:
    other = await PlaceholderGateway.open(books_url)
    try:
        with pytest.raises(Misconfigured, match="named placeholder"):
            Gateways.of(test=gateway, others=[other])
    finally:
        await other.close()


PACKAGE = """
from paykeel.gateways.port import Capabilities

class Tiny:
    def __init__(self, name):
        self.name = name
        self.capabilities = Capabilities(live=True)

    async def close(self):
        print("closed", self.name)

async def open_gateway(settings, url):
    return Tiny("tiny")

async def open_misnamed(settings, url):
    return Tiny("tiny")
"""

ENTRY_POINTS = """\
[paykeel.gateways]
tiny = tiny_gateway:open_gateway
misnamed = tiny_gateway:open_misnamed
missing = tiny_gateway:no_such_thing
"""

SCRIPT = """
import asyncio, json
from paykeel.errors import Misconfigured
from paykeel.gateways.registry import available, open_gateways
from paykeel.settings import Settings

async def main():
    gateways = await open_gateways(Settings(gateway_test="", gateway_live="tiny"), "unused")
    found = {"names": sorted(available()), "live": gateways.for_mode("live").name, "errors": []}
    for name in ("misnamed", "missing"):
        try:
            await gateways.by_name(name)
        except Misconfigured as error:
            found["errors"].append(str(error))
    await gateways.close()
    print(json.dumps(found))

asyncio.run(main())
"""


def _run(script: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(folder) for folder in (*folders, SOURCES))
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _package(folder: Path, name: str, entry_points: str) -> None:
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(entry_points)


def test_a_package_of_its_own_is_found(tmp_path: Path) -> None:
    _package(tmp_path, "tiny_gateway", ENTRY_POINTS)
    (tmp_path / "tiny_gateway.py").write_text(PACKAGE)

    result = _run(SCRIPT, tmp_path)

    assert result.returncode == 0, result.stderr
    *closed, last = result.stdout.splitlines()
    found = json.loads(last)
    assert found["names"] == ["misnamed", "missing", "placeholder", "tiny"]
    assert found["live"] == "tiny"
    assert "calls itself tiny" in found["errors"][0]
    assert "cannot be loaded" in found["errors"][1]
    assert closed == ["closed tiny", "closed tiny"]


def test_two_packages_cannot_offer_one_name(tmp_path: Path) -> None:
    _package(tmp_path / "a", "one_gateway", "[paykeel.gateways]\nacme = one:open\n")
    _package(tmp_path / "b", "two_gateway", "[paykeel.gateways]\nacme = two:open\n")

    script = "from paykeel.gateways.registry import available; available()"
    result = _run(script, tmp_path / "a", tmp_path / "b")

    assert result.returncode == 1
    assert "Two gateways are named acme" in result.stderr
