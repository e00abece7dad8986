"""What should become of a payment, told a second time: from the prose of the design alone.

Nothing here looks at how Paykeel decides. A payment hears words about its charge, and has at most
one operation of which nobody knows the end; that is all there is to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.gateway import Word

#: The charge's answer still decides.
OPEN = frozenset({"processing", "requires_action"})
#: Ended without money: what comes now is late.
ENDED = frozenset({"failed", "canceled"})


@dataclass
class Dark:
    """An operation that was sent, and of which nothing was heard."""

    verb: str
    amount: int
    final: bool = True
    #: What the gateway did; none: it never arrived.
    truth: Word | None = None


@dataclass
class Modelled:
    """One payment."""

    amount: int
    manual: bool
    status: str = "pending"
    captured: int = 0
    late: int = 0
    #: Late money came once; the same money does not come again.
    late_booked: bool = False
    #: Nobody has heard of the charge itself since it was sent.
    charge_dark: bool = False
    #: Recovery has looked at what is dark.
    looked: bool = False
    dark: Dark | None = None
    #: The gateway has said that its money moved, or is reserved.
    told: bool = False

    def hear(self, word: Word) -> None:
        """Hear a word about the charge, whoever brings it and however late it is."""
        self.told = self.told or word is Word.YES
        if word in {Word.YES, Word.NO, Word.NOT_SENT}:
            self._hear_an_end(word)
        elif self.status not in OPEN | {"pending"}:
            return
        elif word is Word.ACTION:
            self.status = "requires_action"
            self.charge_dark = False
        elif word is Word.PENDING:
            self.status = "processing"
            self.charge_dark = False
        elif self.status == "pending":
            self.status = "processing"
            self.charge_dark = True

    def _hear_an_end(self, word: Word) -> None:
        undecided = self.status in OPEN | {"pending"}
        if undecided and word is not Word.YES:
            self.end("failed")
        elif undecided and self.manual:
            self.status = "authorized"
            self.charge_dark = False
        elif undecided:
            self.captured = self.amount
            self.end("succeeded")
        elif (
            word is Word.YES
            and self.status in ENDED
            and not self.manual
            and not self.captured
            and not self.late_booked
        ):
            self.late, self.late_booked = self.amount, True

    def end(self, status: str) -> None:
        """Reach an end, which ends whatever was dark."""
        self.status = status
        self.dark = None
        self.charge_dark = False

    def conclude(self, operation: Dark, truth: Word) -> None:
        """Learn the end of a capture, a release or a refund."""
        self.dark = None
        if truth is not Word.YES:
            return
        match operation.verb:
            case "capture":
                self.captured += operation.amount
                if operation.final or self.captured == self.amount:
                    self.end("succeeded")
            case "cancel":
                self.end("succeeded" if self.captured else "canceled")
            case _:
                self.late = 0
