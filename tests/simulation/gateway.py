"""A gateway in memory that does and says what the test decides, and keeps books of what it did."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from paykeel.gateways.port import (
    Authorized,
    BadNotice,
    Capabilities,
    Declined,
    DeclineReason,
    NextAction,
    NotFound,
    NotSent,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paykeel.gateways.port import (
        ChargeRequest,
        FollowUpRequest,
        LookupOutcome,
        Notice,
        Outcome,
    )


def name_of(reference: str) -> str:
    """What the gateway calls an operation by itself."""
    return f"g_{reference[:20]}"


class Word(StrEnum):
    """What a gateway can say, or do without saying it."""

    YES = "yes"
    NO = "no"
    PENDING = "pending"
    ACTION = "action"
    #: It was done, or refused, or never arrived; and in each case nothing is heard.
    SILENT_YES = "silent yes"
    SILENT_NO = "silent no"
    LOST = "lost"
    NOT_SENT = "not sent"


SILENT = {Word.SILENT_YES: Word.YES, Word.SILENT_NO: Word.NO}
NEVER_ARRIVED = frozenset({Word.LOST, Word.NOT_SENT})


@dataclass
class Charge:
    """A charge as the gateway has it."""

    amount: Money
    captures: bool
    truth: Word
    taken: int = 0
    held: int = 0
    #: Its reservation was released.
    voided: bool = False


class Scripted:
    """Implements the port. ``next`` is how the next new operation goes."""

    name = "scripted"
    capabilities = Capabilities(live=False, processing_ms_max=1)

    def __init__(self) -> None:
        self.charges: dict[str, Charge] = {}
        #: What each capture, void or refund came to, by its reference.
        self.follow_ups: dict[str, Outcome] = {}
        self.moved: dict[str, int] = defaultdict(int)
        self.next = Word.YES
        #: Whether it can be asked how something stands.
        self.answers_lookups = True

    # ------------------------------------------------------------------- what the test has it do

    def learn(self, reference: str, word: Word) -> None:
        """Change how a charge stands; money that has moved stays moved."""
        charge = self.charges[reference]
        if charge.truth is Word.YES:
            return
        charge.truth = word
        if word is Word.YES and charge.captures:
            charge.taken = charge.amount.minor
            self.moved[reference] += 1
        elif word is Word.YES and not charge.voided:
            charge.held = charge.amount.minor
            self.moved[reference] += 1

    def say(self, reference: str, word: Word) -> Outcome:
        """Put a word about a charge as an outcome."""
        charge = self.charges[reference]
        match word:
            case Word.YES:
                return Succeeded(charge.amount) if charge.captures else Authorized(charge.amount)
            case Word.NO:
                return Declined(DeclineReason.CARD_DECLINED)
            case Word.PENDING:
                return Pending()
            case Word.ACTION:
                return RequiresAction(NextAction("redirect", "https://gateway.example/step"))
            case Word.NOT_SENT:
                return NotSent("no connection")
            case _:
                return Unknown("silence")

    # ------------------------------------------------------------------- the port

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        word, self.next = self.next, Word.YES
        reference = request.reference
        if reference in self.charges:
            return self.say(reference, self.charges[reference].truth)
        if word in NEVER_ARRIVED:
            return NotSent("no connection") if word is Word.NOT_SENT else Unknown("silence")
        self.charges[reference] = Charge(request.amount, request.capture, Word.PENDING)
        self.learn(reference, SILENT.get(word, word))
        if word in SILENT:
            raise ConnectionResetError
        return self.say(reference, word)

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        charge = self.charges[request.charge_reference]

        def act() -> bool:
            if request.amount.minor > charge.held:
                return False
            charge.taken += request.amount.minor
            charge.held = 0 if request.final else charge.held - request.amount.minor
            return True

        return self._follow(request, act)

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        charge = self.charges[request.charge_reference]

        def act() -> bool:
            if charge.truth is Word.YES and not charge.held:
                return False
            charge.held = 0
            charge.voided = True
            if not charge.taken:
                charge.truth = Word.NO
            return True

        return self._follow(request, act)

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        charge = self.charges[request.charge_reference]

        def act() -> bool:
            if request.amount.minor > charge.taken:
                return False
            charge.taken -= request.amount.minor
            return True

        return self._follow(request, act)

    async def complete(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        word, self.next = self.next, Word.YES
        reference = request.charge_reference
        if self.charges[reference].truth is Word.ACTION:
            self.learn(reference, SILENT.get(word, word))
        if word in SILENT:
            raise ConnectionResetError
        return self.say(reference, self.charges[reference].truth)

    def _follow(self, request: FollowUpRequest, act: Callable[[], bool]) -> Outcome:
        """Do a capture, void or refund once, or refuse it, or let it get lost."""
        word, self.next = self.next, Word.YES
        reference = request.reference
        if reference in self.follow_ups:
            return self.follow_ups[reference]
        if word in NEVER_ARRIVED:
            return NotSent("no connection") if word is Word.NOT_SENT else Unknown("silence")
        done = SILENT.get(word, word) is Word.YES and act()
        said: Outcome = Declined(DeclineReason.PROCESSING_ERROR)
        if done:
            said = Succeeded(request.amount, name_of(reference))
        self.follow_ups[reference] = said
        if word in SILENT:
            raise ConnectionResetError
        return said

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        if not self.answers_lookups:
            return Unknown("an outage")
        if reference in self.charges:
            said = self.say(reference, self.charges[reference].truth)
            return Unknown("silence") if isinstance(said, NotSent) else said
        known = self.follow_ups.get(reference)
        return NotFound() if known is None or isinstance(known, NotSent) else known

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        raise BadNotice("this gateway's notices are handed over as they are")

    async def close(self) -> None:
        """There is nothing to let go of."""
