"""What somebody does in the placeholder's own screens, without Paykeel having asked for it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from paykeel.gateways.placeholder import rules
from paykeel.gateways.placeholder.asking import ask_follow_up, malformed, outcome_of
from paykeel.gateways.placeholder.rows import Operation
from paykeel.gateways.placeholder.tokens import Step
from paykeel.gateways.port import FollowUpRequest

if TYPE_CHECKING:
    from paykeel.gateways.placeholder.books import Books
    from paykeel.gateways.port import Outcome
    from paykeel.money import Money

#: With what the ids of such refunds begin; no reference of ours does.
MADE_THERE = "ph_screens_"


async def refund_there(books: Books, charge_reference: str, amount: Money) -> Outcome:
    """Give back what was taken, never more, whatever the token says of Paykeel's own refunds."""
    own_id = f"{MADE_THERE}{secrets.token_hex(12)}"
    request = FollowUpRequest(reference=own_id, charge_reference=charge_reference, amount=amount)
    refused = malformed(request)
    if refused is not None:
        return refused
    asked = ask_follow_up("refund", request)
    while True:
        done = await books.follow(
            asked, lambda charge, _step: rules.decide_refund(charge, request, Step(), own_id)
        )
        if not isinstance(done, Operation):
            return done
        # A token whose first call does nothing is about the wire, which is not used here.
        if done.done_call is not None:
            return outcome_of(done)


def refund_of(reference: str, charge_reference: str) -> str | None:
    """Return which charge was refunded there; ``None``: Paykeel asked for it."""
    return charge_reference if reference.startswith(MADE_THERE) else None
