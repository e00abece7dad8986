"""The placeholder gateway: the port's verbs over its own books, with the faults of a real network.

What it decides is in ``tokens`` and ``rules``, what it keeps is in ``books``; here is how an answer
travels, or does not.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, assert_never, cast

import asyncpg

from paykeel.clock import Clock, SystemClock
from paykeel.db.pool import Database
from paykeel.errors import Misconfigured, Overloaded
from paykeel.gateways.placeholder import counting, notices, rules, screens
from paykeel.gateways.placeholder.asking import (
    ask_charge,
    ask_follow_up,
    gateway_id,
    malformed,
    outcome_of,
)
from paykeel.gateways.placeholder.books import Books
from paykeel.gateways.placeholder.listening import Deadline, listen
from paykeel.gateways.placeholder.rows import Operation
from paykeel.gateways.placeholder.tokens import Step, Wire, find_script
from paykeel.gateways.port import (
    Capabilities,
    ChargeRequest,
    Declined,
    DeclineReason,
    FollowUpRequest,
    LookupOutcome,
    NotFound,
    Notice,
    NotSent,
    Outcome,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from paykeel.gateways.placeholder.rules import Charge, Decision
    from paykeel.money import Money

NAME = "placeholder"
#: What the buyer's step can come to.
ACTION_RESULTS = frozenset({"authenticated", "failed", "abandoned"})
#: How often an operation is looked at that nobody has promised a time for.
_POLL_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceholderOptions:
    """How a placeholder behaves beyond its tokens, each with a default that behaves well."""

    #: False: a reference that is repeated moves money again, and is counted.
    honour_keys: bool = True
    #: False: ``lookup`` knows nothing, as during an outage.
    lookup_works: bool = True
    #: How long every charge takes at least, as its caller sees it.
    latency_ms: int = 0
    #: What :class:`Capabilities` promises.
    processing_ms_max: int = 2_000
    #: Where a buyer is sent for a step; the charge's reference is added to it.
    action_url: str = "https://placeholder.invalid/actions/"
    #: What webhooks are signed with; nothing: a secret that the books keep.
    webhook_secret: str | None = None
    #: Connections, and the limits of what shares a statement; see :class:`Coalescer`.
    pool_size: int = 4
    batch_rows_max: int = 64
    batch_lanes: int = 2
    queue_rows_max: int = 5_000
    pool_wait_ms_max: int = 5_000
    statement_ms_max: int = 15_000


class PlaceholderGateway:
    """A simulated outside party with durable books, scripted by payment method tokens.

    See docs/reference/placeholder.md for the tokens.
    """

    def __init__(
        self,
        database: Database,
        webhook_secret: str,
        options: PlaceholderOptions,
        clock: Clock | None = None,
    ) -> None:
        """Take a pool, which :meth:`close` closes; :meth:`open` is the usual way."""
        self._options = options
        self._capabilities = Capabilities(
            live=False, authentication=True, processing_ms_max=options.processing_ms_max
        )
        self._books = _books(database, options)
        self._secret = webhook_secret
        self._clock = clock or SystemClock()

    @classmethod
    async def open(
        cls, url: str, options: PlaceholderOptions | None = None, clock: Clock | None = None
    ) -> Self:
        """Connect to the books.

        Raises:
            DatabaseUnavailable: Nothing answers at ``url``.
            Misconfigured: The schema of the books is not installed there.
        """
        options = options or PlaceholderOptions()
        database = await Database.open(
            url,
            size=options.pool_size,
            wait_ms_max=options.pool_wait_ms_max,
            statement_ms_max=options.statement_ms_max,
            name="placeholder-gateway",
        )
        try:
            kept = await _books(database, options).secret(secrets.token_hex(32))
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
            await database.close()
            raise Misconfigured(
                "The placeholder gateway's books are not installed in this database; "
                "run `paykeel migrate`."
            ) from error
        return cls(database, options.webhook_secret or kept, options, clock)

    @property
    def name(self) -> str:
        """The name under which it is registered."""
        return NAME

    @property
    def capabilities(self) -> Capabilities:
        """What it can do and promises."""
        return self._capabilities

    # ------------------------------------------------------------------------ the port's verbs

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        """Charge or reserve, as the payment method's token says.

        Raises:
            ConnectionResetError: The token says that the connection breaks.
        """
        deadline = Deadline(deadline_ms)
        refused = malformed(request)
        if refused is not None:
            return refused
        asked, wire = ask_charge(request, self._options.action_url, self._capabilities)
        try:
            taken = await listen(deadline, self._books.take(asked))
        except Overloaded:
            return NotSent("overloaded")
        if not await deadline.sleep_since_start(self._options.latency_ms):
            return Unknown("timeout")
        return await self._answer(taken, asked.fingerprint, wire, deadline)

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Take a part or all of a reservation; a final capture releases the rest."""
        own_id = gateway_id(request.reference)
        return await self._follow(
            "capture",
            request,
            deadline_ms,
            lambda charge, step: rules.decide_capture(charge, request, step, own_id),
        )

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Release what is still reserved, or stop what has not happened yet.

        ``Succeeded`` carries what was released; for a charge that was still waiting, its amount.
        """
        own_id = gateway_id(request.reference)
        return await self._follow(
            "void",
            request,
            deadline_ms,
            lambda charge, step: rules.decide_void(charge, step, own_id),
        )

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Give back a part or all of what was captured."""
        own_id = gateway_id(request.reference)
        return await self._follow(
            "refund",
            request,
            deadline_ms,
            lambda charge, step: rules.decide_refund(charge, request, step, own_id),
        )

    async def complete(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Go on after the buyer's step; ``data["result"]`` is one of :data:`ACTION_RESULTS`.

        Any other result changes nothing: the answer is then how the charge stands.
        """
        result = request.data.get("result", "")
        if result not in ACTION_RESULTS:
            found = await self.lookup(request.charge_reference, deadline_ms)
            if isinstance(found, NotFound):
                return Declined(DeclineReason.INVALID_REQUEST, "charge_not_found")
            return found
        own_id = gateway_id(request.charge_reference)
        return await self._follow(
            "complete",
            request,
            deadline_ms,
            lambda charge, _step: rules.decide_completion(charge, result, own_id),
        )

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        """Say how an operation stands now; what was taken in but does not show yet is not found."""
        if not self._options.lookup_works:
            return Unknown("lookup_unavailable")
        found = await listen(Deadline(deadline_ms), self._books.find(reference))
        match found:
            case Unknown():
                return found
            case None:
                return NotFound()
            case Operation() if found.answer is None:
                return NotFound()
            case Operation():
                return _as_found(found)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify and read a webhook.

        Raises:
            BadNotice: The signature, the time or the content is wrong.
        """
        return notices.read(self._secret, headers, body, self._clock.now().timestamp())

    async def close(self) -> None:
        """Let go of the connections."""
        await self._books.close()

    # --------------------------------------------------------------- what only a simulator has

    async def complete_action(self, reference: str, result: str) -> LookupOutcome:
        """Do a buyer's step on the gateway's own page; Paykeel learns of it by ``lookup``.

        Raises:
            ValueError: ``result`` is not one of :data:`ACTION_RESULTS`.
        """
        if result not in ACTION_RESULTS:
            raise ValueError(f"a step ends in one of {', '.join(sorted(ACTION_RESULTS))}")
        own_id = gateway_id(reference)
        done = await self._books.complete_action(
            reference, lambda charge: rules.decide_completion(charge, result, own_id)
        )
        return NotFound() if done is None or done.answer is None else _as_found(done)

    async def refund_there(self, charge_reference: str, amount: Money) -> Outcome:
        """Give back in the gateway's own screens; ``gateway_id`` finds its webhooks."""
        return await screens.refund_there(self._books, charge_reference, amount)

    async def webhooks(self, reference: str) -> list[tuple[dict[str, str], bytes]]:
        """Return the webhooks of an operation so far, signed now, in the order of delivery."""
        history = await self._books.history(reference)
        if history is None:
            return []
        at_s = int(self._clock.now().timestamp())
        return [(notices.sign(self._secret, body, at_s), body) for body in notices.bodies(history)]

    def sign(self, body: bytes, at_s: int) -> dict[str, str]:
        """Return the headers with which a webhook that is sent at ``at_s`` would come."""
        return notices.sign(self._secret, body, at_s)

    async def calls(self, reference: str) -> int:
        """Return how many times an operation was asked for; lookups do not count."""
        found = await self._books.find(reference)
        return 0 if found is None else found.calls

    async def movements(
        self,
        *,
        reference: str | None = None,
        payment_id: str | None = None,
        merchant_id: str | None = None,
        kind: str | None = None,
    ) -> int:
        """Count real movements of money, of all that is given.

        ``kind`` is ``charge``, ``reservation``, ``capture``, ``release`` or ``refund``.
        """
        return await counting.count_movements(
            self._books,
            reference=reference,
            payment_id=payment_id,
            merchant_id=merchant_id,
            kind=kind,
        )

    async def books(self, merchant_id: str) -> list[counting.BookTotal]:
        """Add up a merchant's movements by currency and kind, in minor units."""
        return await counting.totals_of(self._books, merchant_id)

    def payments(
        self, merchant_id: str, *, page_rows: int = 1_000
    ) -> AsyncIterator[counting.PaymentBooks]:
        """Go through a merchant's payments in order of their ids, a page at a time."""
        return counting.payments_of(self._books, merchant_id, page_rows)

    async def double_charged(self, merchant_id: str) -> list[counting.DoubleCharge]:
        """List the payments that were charged or reserved more than once."""
        return await counting.double_charges_of(self._books, merchant_id)

    # ------------------------------------------------------------------------ how answers travel

    async def _follow(
        self,
        kind: str,
        request: FollowUpRequest,
        deadline_ms: int,
        decide: Callable[[Charge | None, Step], Decision],
    ) -> Outcome:
        """Do a follow-up and answer as its charge's token says."""
        deadline = Deadline(deadline_ms)
        refused = malformed(request)
        if refused is not None:
            return refused
        asked = ask_follow_up(kind, request)
        taken = await listen(deadline, self._books.follow(asked, decide))
        wire = Wire.ANSWERS
        if isinstance(taken, Operation):
            script = find_script(taken.payment_method)
            wire = script.step(kind).wire if script is not None else wire
        return await self._answer(taken, asked.fingerprint, wire, deadline)

    async def _answer(
        self,
        taken: Operation | NotSent | Unknown,
        fingerprint: bytes,
        wire: Wire,
        deadline: Deadline,
    ) -> Outcome:
        """Send the answer on its way; the first of a reference may be told to get lost."""
        if not isinstance(taken, Operation):
            return taken
        if self._options.honour_keys and taken.fingerprint != fingerprint:
            return Unknown("idempotency_mismatch")
        if taken.calls == 1:
            match wire:
                case Wire.ANSWERS | Wire.SLOW:
                    pass
                case Wire.HANGS_BEFORE | Wire.HANGS_AFTER:
                    await asyncio.sleep(deadline.left_s())
                    return Unknown("timeout")
                case Wire.FAILS_BEFORE | Wire.FAILS_AFTER:
                    return Unknown("http_500")
                case Wire.BREAKS_AFTER:
                    raise ConnectionResetError("the connection broke before the answer came")
                case Wire.NOT_SENT:
                    return NotSent("connection_refused")
                case Wire.GARBAGE:
                    return cast("Outcome", None)
                case _:
                    assert_never(wire)
        return await self._when_seen(taken, deadline)

    async def _when_seen(self, taken: Operation, deadline: Deadline) -> Outcome:
        """Wait until an operation that is in flight shows."""
        standing: Operation | Unknown | None = taken
        while isinstance(standing, Operation) and (standing.answer is None or standing.due):
            wait_ms = _POLL_MS if standing.wait_ms is None else max(0, standing.wait_ms) + 1
            if not standing.due and not await deadline.sleep(wait_ms):
                return Unknown("timeout")
            standing = await listen(deadline, self._books.find(taken.reference))
        if standing is None:
            return Unknown("not_found")
        return outcome_of(standing) if isinstance(standing, Operation) else standing


def _books(database: Database, options: PlaceholderOptions) -> Books:
    return Books(
        database,
        honour_keys=options.honour_keys,
        authorization_ms=Capabilities(live=False).authorization_ms_max,
        rows_max=options.batch_rows_max,
        lanes=options.batch_lanes,
        queue_max=options.queue_rows_max,
    )


def _as_found(operation: Operation) -> LookupOutcome:
    """Return the answer of an operation; what stands in the books was sent."""
    outcome = outcome_of(operation)
    return Unknown("not_sent") if isinstance(outcome, NotSent) else outcome
