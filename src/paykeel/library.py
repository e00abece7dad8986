"""Paykeel as a library: the core, and the HTTP API to mount in an application of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.api import build_app
from paykeel.core import Core
from paykeel.worker import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI


class Paykeel(Core):
    """Everything in one object; ``async with Paykeel.open(settings) as paykeel: …``.

    The services are attributes: ``payments``, ``merchants``, ``keys``, ``terms``, ``fraud``,
    ``metrics``, ``idempotency``, ``auditor``.
    """

    def asgi(self) -> FastAPI:
        """Return the HTTP API as an application to mount, for example under ``/pay``."""
        return build_app(self)

    async def work(self) -> None:
        """Run recovery and purge until cancelled; run it in a task beside the application."""
        await Worker(self).run()
