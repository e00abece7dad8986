"""The conformance kit: what every adapter must pass, offline, before it may move money.

Subclass :class:`GatewayConformance` in your tests, or call :func:`run_checks`. The guide is
docs/how-to/write-a-gateway.md.
"""

from __future__ import annotations

from paykeel.gateways.conformance.bench import Behaviour, Bench, NotConforming, NotScripted
from paykeel.gateways.conformance.suite import CHECKS, GatewayConformance, Report, run_checks

__all__ = [
    "CHECKS",
    "Behaviour",
    "Bench",
    "GatewayConformance",
    "NotConforming",
    "NotScripted",
    "Report",
    "run_checks",
]
