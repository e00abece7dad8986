"""One Paykeel and one gateway for many runs, driven from code that is not async."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine, initialize

from paykeel import Gateways, Paykeel, PaykeelError
from paykeel.gateways.port import Notice
from paykeel.payments.steps import gateway_reference
from tests.conftest import settings_for
from tests.simulation.gateway import Scripted, Word

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel import Payment
    from tests.servers import Urls
    from tests.simulation.model import Dark, Modelled

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


class Driven(RuleBasedStateMachine):
    """What every rule needs: how to ask, and what was asked before."""

    bench: Bench

    @initialize()
    def begin(self) -> None:
        self.gateway = self.bench.gateway
        self.payments = self.bench.core.payments
        self.merchant_id = self.bench.new_merchant()
        self.models: list[Modelled] = []
        self.ids: list[UUID] = []
        self.keys = 0
        #: What was asked of each payment, as the gateway calls it.
        self.references: list[list[tuple[str, Dark]]] = []

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.bench.run(what)

    def refused(self, what: Coroutine[Any, Any, object]) -> str | None:
        """Run something; return the code with which it was refused, if it was."""
        try:
            self.run(what)
        except PaykeelError as error:
            return error.code
        return None

    def get(self, place: int) -> Coroutine[Any, Any, Payment]:
        return self.payments.get(self.ids[place], merchant_id=self.merchant_id)

    def reference(self, place: int) -> str:
        return gateway_reference(self.merchant_id, f"order-{place}").hex()

    def new_key(self, place: int, operation: Dark) -> str:
        self.keys += 1
        key = f"operation-{self.keys}"
        reference = gateway_reference(self.merchant_id, key).hex()
        self.references[place].append((reference, operation))
        return key

    def deliver(self, place: int, reference: str, outcome: Any) -> None:
        notice = Notice(
            message_id="evt",
            reference=reference,
            outcome=outcome,
            merchant_id=str(self.merchant_id),
            payment_id=str(self.ids[place]),
        )
        self.run(self.payments.take_notice(notice))
