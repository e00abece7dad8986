"""What every story of this room is handed: the things that touch the outside."""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

from paykeel.errors import (
    DatabaseUnavailable,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    NotFound,
    OutcomeUnknown,
)
from paykeel.gateways.port import (
    Authorized,
    Capabilities,
    Declined,
    DeclineReason,
    LookupOutcome,
    NextAction,
    NotSent,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.gateways.port import NotFound as NotFoundThere
from paykeel.idempotency import Answer
from paykeel.metrics.stopwatch import tick
from paykeel.money import Money
from paykeel.payments.moves import Waits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud import FraudPreventionService
    from paykeel.gateways.port import Gateway, Outcome
    from paykeel.gateways.registry import Gateways
    from paykeel.idempotency import IdempotencyService, StoredKey
    from paykeel.merchants import MerchantService
    from paykeel.metrics.stopwatch import Stage, Stopwatch
    from paykeel.payments.model import Payment
    from paykeel.payments.open import Opener
    from paykeel.payments.settle import Settler
    from paykeel.payments.snapshot import PolicySource
    from paykeel.settings import Settings
    from paykeel.terms import TermsService

ANSWERS = (
    Succeeded,
    Authorized,
    RequiresAction,
    Pending,
    Declined,
    NotSent,
    Unknown,
    NotFoundThere,
)
#: Pauses of a duplicate that waits for the first request; the last one repeats.
_PAUSES_MS = (5, 10, 20, 50, 100, 200)
#: Who changes a payment that somebody else has just changed waits so long at most.
APART_MS_MAX = 50


class WaitingRoom:
    """Where duplicates wait for the first request; who finds it full is told to come back."""

    def __init__(self, places: int) -> None:
        """Take how many may wait at once in this process."""
        self.free = places

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place, and give it back."""
        self.free -= 1
        try:
            yield
        finally:
            self.free += 1


@dataclass(frozen=True, slots=True)
class Resources:
    """The parts that the stories of this room work with."""

    settings: Settings
    database: Database
    gateways: Gateways
    merchants: MerchantService
    fraud: FraudPreventionService
    terms: TermsService
    policies: PolicySource
    idempotency: IdempotencyService
    opener: Opener
    settler: Settler
    stopwatch: Stopwatch
    waiting: WaitingRoom

    def timed(self, stage: Stage, payment: Payment, since: int) -> int:
        """Note how long a stage of a purchase took since a tick; return the tick at its end."""
        now = tick()
        took_us = (now - since) // 1_000
        self.stopwatch.note(
            stage, payment.merchant_id, payment.buyer_role, payment.gateway, took_us
        )
        return now

    @property
    def lease_ms(self) -> int:
        """How long after an attempt is opened, or taken by recovery, the next look is due."""
        return self.settings.gateway_ms_max + self.settings.recovery_grace_ms

    def waits(self, capabilities: Capabilities, looks: int = 0) -> Waits:
        """Return when to look again: growing with each look, bounded, and jittered."""
        low, high = (
            self.settings.recovery_backoff_ms_min,
            self.settings.recovery_backoff_ms_max,
        )
        pause = min(high, low * 2 ** min(looks, 20))
        return Waits(
            # Between a half and the whole of the pause, so that many do not come at once.
            again_ms=pause - (pause // 2 * random.getrandbits(16) >> 16),
            # A buyer's step shows at the gateway before it is reported here: look now and then.
            action_ms=min(capabilities.action_ms_max, high),
            authorization_ms=capabilities.authorization_ms_max,
        )


async def come_apart(tried: int) -> None:
    """Wait for a random while, so that many who change one payment at once come apart.

    Of so many only one moves it at a time; the others read it again.
    """
    await asyncio.sleep(min(APART_MS_MAX, 2 * tried) * random.getrandbits(16) / (1_000 << 16))


async def look_up(gateway: Gateway, reference: bytes, deadline_ms: int) -> LookupOutcome:
    """Ask how the operation with our reference stands."""
    outcome = await ask(gateway.lookup(reference.hex(), deadline_ms), deadline_ms)
    # An adapter that could not even ask knows nothing of what was asked about.
    return Unknown("look-up not sent") if isinstance(outcome, NotSent) else outcome


async def ask(
    call: Awaitable[Outcome | LookupOutcome], deadline_ms: int
) -> Outcome | LookupOutcome:
    """Wait for a gateway's answer; whatever is not an answer in time is ``Unknown``.

    No connection is held and no transaction is open while this waits.
    """
    try:
        async with asyncio.timeout(deadline_ms / 1000):
            outcome: object = await call
    except TimeoutError:
        return Unknown("timeout")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # It is our caller who goes away, and not the adapter that raised.
        return Unknown("raised CancelledError")
    except Exception as error:  # noqa: BLE001 - an adapter that raises does not know either
        return Unknown(f"raised {type(error).__name__}")
    # An adapter is somebody else's code: what it returns is believed only if it is an answer.
    if not isinstance(outcome, ANSWERS) or not _is_sound(outcome):
        return Unknown("garbage")
    return outcome


def _is_sound(outcome: Outcome | LookupOutcome) -> bool:
    """Say whether an answer holds what its type promises."""
    match outcome:
        case Succeeded() | Authorized():
            amount: object = outcome.amount
            return isinstance(amount, Money) and type(amount.minor) is int
        case RequiresAction():
            action: object = outcome.next_action
            return isinstance(action, NextAction) and isinstance(action.kind, str)
        case Declined():
            reason: object = outcome.reason
            return isinstance(reason, str) and reason in set(DeclineReason)
        case _:
            return True


async def answer_as_it_stands(
    resources: Resources,
    payment: Payment,
    idempotency_key: str,
    compose: Callable[[Payment], Answer],
) -> tuple[Payment, Answer]:
    """Answer a request that settled nothing itself: perhaps somebody else's settling was faster.

    Raises:
        OutcomeUnknown: The database is away, or has forgotten the payment.
    """
    try:
        stored = await resources.idempotency.find(payment.merchant_id, idempotency_key)
        payment = await resources.settler.get(payment.merchant_id, payment.payment_id)
    except (DatabaseUnavailable, NotFound) as error:
        raise OutcomeUnknown from error
    if stored is not None and stored.answer is not None:
        return payment, replace(stored.answer, replayed=False)
    return payment, compose(payment)


async def answer_duplicate(
    resources: Resources,
    merchant_id: UUID,
    idempotency_key: str,
    fingerprint: bytes,
    differences: Callable[[Payment, StoredKey], list[str]],
    compose: Callable[[Payment], Answer],
) -> tuple[Payment, Answer] | None:
    """Answer a request whose key is taken; ``None`` when the key is free after all.

    Waits for the first request, bounded, in whichever process it runs.

    Raises:
        IdempotencyKeyReused: The key was used for another request; the error names the fields.
        IdempotencyInFlight: The first request has not finished within the time to wait.
    """
    stored = await _wait_for_first(resources, merchant_id, idempotency_key, fingerprint)
    if stored is None:
        return None
    if stored.fingerprint is not None and stored.fingerprint != fingerprint:
        raise await _refuse_reuse(resources, merchant_id, stored, differences)
    if stored.in_flight:
        raise IdempotencyInFlight(
            "The first request with this key has not finished yet; repeat it in a moment.",
            payment_id=str(stored.payment_id),
            retry_after_s=1,
        )
    payment = await resources.settler.get(merchant_id, stored.payment_id)
    if stored.fingerprint is None and (fields := differences(payment, stored)):
        raise _reused(fields)
    answer = stored.answer
    if answer is None:
        composed = compose(payment)
        answer = Answer(composed.status, composed.content_type, composed.body, replayed=True)
    return payment, answer


async def _wait_for_first(
    resources: Resources, merchant_id: UUID, idempotency_key: str, fingerprint: bytes
) -> StoredKey | None:
    """Look at a key until the first request has finished, the time is up, or it is another's."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + resources.settings.duplicate_wait_ms_max / 1000
    stored = await resources.idempotency.find(merchant_id, idempotency_key)
    if stored is None or not stored.in_flight or not resources.waiting.free:
        return stored
    pauses = chain(_PAUSES_MS, repeat(_PAUSES_MS[-1]))
    with resources.waiting.place():
        while (
            stored is not None
            and stored.in_flight
            and stored.fingerprint == fingerprint
            and loop.time() < give_up
        ):
            await asyncio.sleep(next(pauses) / 1000)
            stored = await resources.idempotency.find(merchant_id, idempotency_key)
    return stored


async def _refuse_reuse(
    resources: Resources,
    merchant_id: UUID,
    stored: StoredKey,
    differences: Callable[[Payment, StoredKey], list[str]],
) -> IdempotencyKeyReused:
    """Say which fields differ from the request that used the key first."""
    try:
        payment = await resources.settler.get(merchant_id, stored.payment_id)
    except (NotFound, DatabaseUnavailable):
        fields: list[str] = []
    else:
        fields = differences(payment, stored)
    return _reused(fields)


def _reused(fields: list[str]) -> IdempotencyKeyReused:
    """Compose the refusal of a key that was used for something else."""
    differing = ", ".join(fields) or "the operation"
    return IdempotencyKeyReused(
        f"This Idempotency-Key was used for a different request; what differs: {differing}.",
        fields=fields,
    )
