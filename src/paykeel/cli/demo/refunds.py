"""The part of the demonstration that gives money back: by the policy, past it, and in vain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.cli.demo.steps import DemoFailed
from paykeel.errors import Refused
from paykeel.payments.model import BuyerRole, PurchaseRequest
from paykeel.payments.refunding import RefundStatus
from paykeel.payments.states import Status
from paykeel.refunds.model import RefundRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from paykeel.cli.demo.steps import Show
    from paykeel.core import Core
    from paykeel.payments.model import Payment
    from paykeel.refunds.model import Refund

#: Published before the first purchase, so that every one is made under it.
POLICY: dict[str, Any] = {
    "key": "fortnight",
    "title": "Four fifths within a fortnight",
    "tiers": [
        {"name": "fortnight", "when": {"since_purchase": {"to": "14d"}}, "percent_bps": 8_000}
    ],
    "otherwise": {"percent_bps": 0},
}
ADA, BEN = "Ada Lindqvist", "Ben Okafor"
#: So many partial refunds, the last one of which takes the rest.
PARTS = 3
#: Enough that each part of four fifths is something in any currency.
AMOUNT_MIN = 100


@dataclass(frozen=True, slots=True)
class Refunded:
    """What became of each refund that was tried."""

    #: In parts: what each gave, what they came to, and what the policy gives in all.
    parts: int
    parts_total: int
    policy_total: int
    #: More than the policy gives, without a reason and approved by who asked: the codes.
    refused: tuple[str, ...]
    #: The same with a reason, once somebody else has approved it.
    approved: str
    #: One that the gateway refuses.
    declined: str

    @property
    def ok(self) -> bool:
        """Whether each came out as it must."""
        wanted = ("refund_outside_policy", "refund_needs_another_person")
        ends = (self.approved, self.declined)
        return (
            self.parts_total == self.policy_total
            and self.refused == wanted
            and ends == (RefundStatus.SUCCEEDED, RefundStatus.FAILED)
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values, amounts in minor units."""
        return {
            "parts": self.parts,
            "parts_total": self.parts_total,
            "policy_total": self.policy_total,
            "refused": list(self.refused),
            "approved": self.approved,
            "declined": self.declined,
        }


async def refund_some(core: Core, merchant_id: UUID, payments: Sequence[Payment]) -> Refunded:
    """Give some money back, in the ways in which people do.

    Raises:
        DemoFailed: There are no purchases of which anything could be given back.
    """
    good = [
        payment
        for payment in payments
        if payment.status is Status.SUCCEEDED and payment.refundable >= AMOUNT_MIN
    ]
    if len(good) < 2:
        raise DemoFailed("There is nothing that could be given back.")
    in_parts, whole = good[:2]
    quoted = await core.refunds.quote(in_parts.payment_id, merchant_id=merchant_id)
    given = 0
    for number in range(PARTS):
        amount = None if number == PARTS - 1 else quoted.amount // PARTS
        given += (await _ask(core, in_parts, f"part-{number}", amount=amount)).amount
    refused, approved = await _past_the_policy(core, whole)
    declined = await _in_vain(core, merchant_id)
    return Refunded(PARTS, given, quoted.total, refused, approved, declined)


async def _past_the_policy(core: Core, payment: Payment) -> tuple[tuple[str, ...], str]:
    """Ask for all of it; return by which codes that was refused, and how it ended."""
    codes, merchant_id = [], payment.merchant_id
    try:
        await _ask(core, payment, "no-reason", amount=payment.refundable)
    except Refused as error:
        codes.append(error.code)
    held = await _ask(
        core, payment, "with-a-reason", amount=payment.refundable, override="The seller canceled."
    )
    try:
        await core.refunds.approve(held.refund_id, merchant_id=merchant_id, operator=ADA)
    except Refused as error:
        codes.append(error.code)
    sent = await core.refunds.approve(held.refund_id, merchant_id=merchant_id, operator=BEN)
    return tuple(codes), str(sent.status)


async def _in_vain(core: Core, merchant_id: UUID) -> str:
    """Purchase once more, and ask for a refund that the gateway refuses; return how it ended."""
    request = PurchaseRequest(
        amount=2_500,
        currency="EUR",
        buyer_id="agent-in-vain",
        buyer_role=BuyerRole.AGENT,
        payment_method="pm_refund_declined",
        reference="refund-in-vain",
    )
    payment = await core.payments.purchase(
        request, merchant_id=merchant_id, idempotency_key="refund-in-vain"
    )
    return str((await _ask(core, payment, "in-vain")).status)


async def _ask(
    core: Core,
    payment: Payment,
    key: str,
    *,
    amount: int | None = None,
    override: str | None = None,
) -> Refund:
    request = RefundRequest(requested_by=ADA, amount=amount, override_reason=override)
    return await core.refunds.request(
        payment.payment_id,
        request,
        merchant_id=payment.merchant_id,
        idempotency_key=f"refund-{payment.payment_id}-{key}",
    )


def check_refunds(show: Show, refunded: Refunded) -> None:
    """Show whether money went back as the policy says."""
    show.check(
        "Money went back by the policy, and past it only with another person's word",
        f"{refunded.parts} parts came to {refunded.parts_total} of {refunded.policy_total}; "
        f"{', '.join(refunded.refused)}; then {refunded.approved}; {refunded.declined} at the "
        "gateway",
        ok=refunded.ok,
    )
