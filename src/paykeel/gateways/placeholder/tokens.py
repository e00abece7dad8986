"""The tokens that script the placeholder: one table, from which the reference page is made.

A payment method token says how the charge goes, and for some tokens how a later capture, void or
refund of that charge goes. Nothing is random.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from paykeel.gateways.port import DeclineReason

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A pending operation settles, and a slow one answers, after this time unless the token says so.
PENDING_MS = 300
SLOW_MS = 1_000


class End(StrEnum):
    """How an operation ends in the gateway's books."""

    SUCCEEDS = "succeeds"
    DECLINED = "declined"
    NEEDS_ACTION = "needs_action"
    PENDING_THEN_SUCCEEDS = "pending_then_succeeds"
    PENDING_THEN_DECLINED = "pending_then_declined"


class Wire(StrEnum):
    """How the first answer travels. Later calls of the same reference always get the truth."""

    ANSWERS = "answers"
    #: It is taken in at once, but done, seen and answered only after the step's time.
    SLOW = "slow"
    #: No answer until the deadline; before: nothing was done, after: it was.
    HANGS_BEFORE = "hangs_before"
    HANGS_AFTER = "hangs_after"
    #: A server error; before: nothing was done, after: it was.
    FAILS_BEFORE = "fails_before"
    FAILS_AFTER = "fails_after"
    #: It is done, and the connection breaks while the answer is on its way.
    BREAKS_AFTER = "breaks_after"
    #: No connection could be made.
    NOT_SENT = "not_sent"
    #: It is done, and the answer is no outcome at all.
    GARBAGE = "garbage"


#: With these, the first call does nothing, and a repeat does it.
DOES_NOTHING_FIRST = frozenset({Wire.HANGS_BEFORE, Wire.FAILS_BEFORE, Wire.NOT_SENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one operation goes."""

    end: End = End.SUCCEEDS
    wire: Wire = Wire.ANSWERS
    reason: DeclineReason = DeclineReason.CARD_DECLINED
    #: How long until a pending operation settles or a slow one is done.
    delay_ms: int | None = None
    #: How many minor units more than asked are moved, and echoed.
    surplus: int = 0
    #: Whether another currency than asked is moved, and echoed.
    other_currency: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What one token means."""

    #: The token, as a payment method.
    name: str
    #: What happens, in the words of the reference page.
    about: str
    charge: Step = Step()
    capture: Step = Step()
    void: Step = Step()
    refund: Step = Step()
    #: Whether ``_<ms>`` may follow the token, and the time then meant.
    takes_ms: bool = False
    #: How long a reservation holds; nothing: as long as the gateway promises.
    authorization_ms: int | None = None
    #: Whether its webhooks are delivered twice and out of order.
    webhooks_twice: bool = False

    def step(self, kind: str) -> Step:
        """Return how an operation of this kind goes; what is not scripted succeeds."""
        match kind:
            case "charge":
                return self.charge
            case "capture":
                return self.capture
            case "void":
                return self.void
            case "refund":
                return self.refund
            case _:
                return Step()

    def after(self, ms: int) -> Script:
        """Return this script with another time."""
        timed = {
            kind: replace(step, delay_ms=ms)
            for kind in ("charge", "capture", "void", "refund")
            if (step := self.step(kind)).delay_ms is not None
        }
        authorization_ms = self.authorization_ms and ms
        return replace(self, authorization_ms=authorization_ms, **timed)  # type: ignore[arg-type]


_LOOK_ALIKES = (
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_amex",
    "pm_card_jcb",
    "pm_sepa_debit",
    "pm_ideal",
)

_PENDING = Step(end=End.PENDING_THEN_SUCCEEDS, delay_ms=PENDING_MS)
_PENDING_DECLINED = Step(end=End.PENDING_THEN_DECLINED, delay_ms=PENDING_MS)


#: The tokens that script the charge itself, declines aside.
_CHARGES: tuple[Script, ...] = (
    Script(name="pm_ok", about="Succeeds. `pm_ok_<anything>` too: as many as you like."),
    *(Script(name=name, about="Succeeds, like `pm_ok`.") for name in _LOOK_ALIKES),
    Script(
        name="pm_requires_action",
        about="The buyer must do a step first: then `complete`, with `authenticated`, `failed` "
        "or `abandoned`.",
        charge=Step(end=End.NEEDS_ACTION),
    ),
    Script(
        name="pm_pending_then_succeeded",
        about=f"Pending; succeeds {PENDING_MS} ms later.",
        charge=_PENDING,
        takes_ms=True,
    ),
    Script(
        name="pm_pending_then_declined",
        about=f"Pending; declined (`card_declined`) {PENDING_MS} ms later.",
        charge=_PENDING_DECLINED,
        takes_ms=True,
    ),
    Script(
        name="pm_slow",
        about=f"Done and answered only after {SLOW_MS} ms, even when the caller has given up. "
        "Until then nothing of it is seen.",
        charge=Step(wire=Wire.SLOW, delay_ms=SLOW_MS),
        takes_ms=True,
    ),
    Script(
        name="pm_timeout",
        about="The first call hangs until the deadline and does nothing; a repeat succeeds.",
        charge=Step(wire=Wire.HANGS_BEFORE),
    ),
    Script(
        name="pm_timeout_then_succeeded",
        about="The money moves, then silence until the deadline; later calls get the truth.",
        charge=Step(wire=Wire.HANGS_AFTER),
    ),
    Script(
        name="pm_timeout_then_declined",
        about="Declined (`card_declined`), then silence until the deadline; later calls get "
        "the truth.",
        charge=Step(end=End.DECLINED, wire=Wire.HANGS_AFTER),
    ),
    Script(
        name="pm_lost_response",
        about="The money moves, then the connection breaks (`ConnectionResetError`).",
        charge=Step(wire=Wire.BREAKS_AFTER),
    ),
    Script(
        name="pm_5xx_before",
        about="The first call meets a server error and does nothing; a repeat succeeds.",
        charge=Step(wire=Wire.FAILS_BEFORE),
    ),
    Script(
        name="pm_5xx_after",
        about="The money moves, then the first call meets a server error.",
        charge=Step(wire=Wire.FAILS_AFTER),
    ),
    Script(
        name="pm_not_sent",
        about="The first call finds no connection and does nothing; a repeat succeeds.",
        charge=Step(wire=Wire.NOT_SENT),
    ),
    Script(
        name="pm_wrong_amount",
        about="Moves, and echoes, one minor unit more than asked.",
        charge=Step(surplus=1),
    ),
    Script(
        name="pm_wrong_currency",
        about="Moves, and echoes, another currency: USD, or EUR when USD was asked.",
        charge=Step(other_currency=True),
    ),
    Script(
        name="pm_garbage",
        about="The money moves, and the first call returns what is no outcome at all.",
        charge=Step(wire=Wire.GARBAGE),
    ),
    Script(
        name="pm_duplicate_webhook",
        about="Succeeds; its webhooks come twice each and out of order.",
        webhooks_twice=True,
    ),
    Script(
        name="pm_authorization_expires",
        about="Succeeds; with manual capture, what is not captured by then is released after "
        f"{SLOW_MS} ms.",
        authorization_ms=SLOW_MS,
        takes_ms=True,
    ),
)


def _declines() -> tuple[Script, ...]:
    """Return one token for each reason for which a charge can be declined."""
    return tuple(
        Script(
            name=f"pm_{reason}",
            about=f"Declined: `{reason}`.",
            charge=Step(end=End.DECLINED, reason=reason),
        )
        for reason in DeclineReason
    )


#: How a capture, void or refund may go: what follows ``pm_<verb>_``, its prose, its step.
_FOLLOW_UPS: tuple[tuple[str, str, Step], ...] = (
    (
        "declined",
        "is declined (`processing_error`).",
        Step(end=End.DECLINED, reason=DeclineReason.PROCESSING_ERROR),
    ),
    (
        "lost_response",
        "is done, then the connection breaks (`ConnectionResetError`).",
        Step(wire=Wire.BREAKS_AFTER),
    ),
    (
        "timeout",
        "hangs until the deadline and is not done; a repeat succeeds.",
        Step(wire=Wire.HANGS_BEFORE),
    ),
    (
        "timeout_then_succeeded",
        "is done, then there is silence until the deadline.",
        Step(wire=Wire.HANGS_AFTER),
    ),
    (
        "5xx_before",
        "meets a server error and is not done; a repeat succeeds.",
        Step(wire=Wire.FAILS_BEFORE),
    ),
    ("5xx_after", "is done, then meets a server error.", Step(wire=Wire.FAILS_AFTER)),
    (
        "not_sent",
        "finds no connection and is not done; a repeat succeeds.",
        Step(wire=Wire.NOT_SENT),
    ),
    (
        "pending_then_succeeded",
        f"is pending; it succeeds {PENDING_MS} ms later.",
        _PENDING,
    ),
    (
        "pending_then_declined",
        f"is pending; it is declined (`card_declined`) {PENDING_MS} ms later.",
        _PENDING_DECLINED,
    ),
)


def _follow_ups() -> tuple[Script, ...]:
    """Return the tokens whose charge succeeds and whose follow-up is scripted."""
    scripts: list[Script] = []
    for verb in ("capture", "void", "refund"):
        for suffix, prose, step in _FOLLOW_UPS:
            script = Script(
                name=f"pm_{verb}_{suffix}",
                about=f"Succeeds; the first call of each {verb} {prose}",
                takes_ms=step.delay_ms is not None,
            )
            scripts.append(replace(script, **{verb: step}))  # type: ignore[arg-type]
    return tuple(scripts)


#: Every token that is known, in the order of the reference page.
SCRIPTS: Mapping[str, Script] = MappingProxyType(
    {script.name: script for script in (*_CHARGES, *_declines(), *_follow_ups())}
)

_TIMED = re.compile(r"(pm_[a-z0-9_]+?)_([0-9]{1,6})", re.ASCII)
_OK = re.compile(r"pm_ok_[A-Za-z0-9_.-]{1,100}", re.ASCII)
#: More than any token needs and less than any card number has, separators or not.
_DIGITS = re.compile(r"[0-9](?:[^0-9A-Za-z]{0,2}[0-9]){11}")


def looks_like_card_number(token: str) -> bool:
    """Say whether a token holds so many digits that it may hold a card number.

    This gateway would rather refuse a harmless token than take one card number: it does not ask
    for a check digit.

    >>> looks_like_card_number("pm_card_4242424242424242"), looks_like_card_number("pm_slow_2000")
    (True, False)
    """
    plain = "".join(
        str(unicodedata.digit(character, character))
        for character in unicodedata.normalize("NFKC", token)
    )
    return _DIGITS.search(plain) is not None


def find_script(token: str) -> Script | None:
    """Return what a token means; nothing: it is unknown.

    >>> script = find_script("pm_pending_then_succeeded_2000")
    >>> script and script.charge.delay_ms
    2000
    """
    script = SCRIPTS.get(token)
    if script is not None:
        return script
    if _OK.fullmatch(token):
        return SCRIPTS["pm_ok"]
    timed = _TIMED.fullmatch(token)
    if timed is None:
        return None
    script = SCRIPTS.get(timed[1])
    if script is None or not script.takes_ms:
        return None
    return script.after(int(timed[2]))


def token_table() -> str:
    """Return the table of tokens of the reference page, in Markdown."""
    rows = ["| Token | What happens |", "|---|---|"]
    for script in SCRIPTS.values():
        suffix = f", `{script.name}_<ms>`" if script.takes_ms else ""
        rows.append(f"| `{script.name}`{suffix} | {script.about} |")
    rows.append(
        "| anything else | Declined: `invalid_request`, with the code `unknown_payment_method`. |"
    )
    return "\n".join(rows)
