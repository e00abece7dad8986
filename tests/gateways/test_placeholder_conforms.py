"""The placeholder passes the kit that every adapter must pass."""

from __future__ import annotations

import pytest

from paykeel.gateways.conformance import CHECKS, GatewayConformance, run_checks
from paykeel.gateways.placeholder import PlaceholderGateway
from tests.gateways.bench import PlaceholderBench


@pytest.fixture
def bench(gateway: PlaceholderGateway) -> PlaceholderBench:
    return PlaceholderBench(gateway)


class TestPlaceholder(GatewayConformance):
    """Every check is inherited."""


async def test_nothing_is_skipped(gateway: PlaceholderGateway, bench: PlaceholderBench) -> None:
    report = await run_checks(gateway, bench)

    assert not report.failed
    assert not report.skipped
    assert set(report.passed) == set(CHECKS)


def test_the_class_has_every_check() -> None:
    tests = {name.removeprefix("test_") for name in dir(GatewayConformance) if "test_" in name}

    assert tests == set(CHECKS)
