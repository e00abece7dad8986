"""One Paykeel and one gateway for many runs, driven from code that is not async."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from paykeel import Gateways, Paykeel
from tests.conftest import settings_for
from tests.simulation.gateway import Scripted, Word

if TYPE_CHECKING:
    from uuid import UUID

    from tests.servers import Urls

T = TypeVar("T")


class Bench:
    """One Paykeel for all runs; each has a merchant and a gateway of its own."""

    def __init__(self, urls: Urls) -> None:
        self._runner = asyncio.Runner()
        self._settings = settings_for(
            urls,
            gateway_ms_max=2_000,
            recovery_grace_ms=1,
            recovery_backoff_ms_min=1,
            recovery_backoff_ms_max=2,
            recovery_batch_rows=1_000,
            log_level="CRITICAL",
        )
        self.gateway = Scripted()
        self._opening = Paykeel.open(self._settings, gateways=Gateways.of(test=self.gateway))
        self.core = self.run(self._opening.__aenter__())

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    def new_merchant(self) -> UUID:
        self.gateway.next, self.gateway.answers_lookups = Word.YES, True
        return self.run(self.core.merchants.create("Harbour Market", "test")).merchant_id

    def close(self) -> None:
        self.run(self._opening.__aexit__(None, None, None))
        self._runner.close()
