"""Reads what was refunded and disputed of a payment so far, from rows and not from its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.db.sql import load
from paykeel.refunds.disputes import lost_amount, read_disputes
from paykeel.refunds.reckoning import COUNTS, Standing
from paykeel.refunds.sharing import given_of

if TYPE_CHECKING:
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

SQL = load("paykeel.refunds", "refunds.sql")


async def read_standing(resources: Resources, payment: Payment) -> Standing:
    """Read what became of a payment's refunds and disputes.

    It is read after the payment. What changes in between moves the payment, too, so that what is
    written by the older version is refused, and looked at again.
    """
    (row,) = await resources.database.fetch(
        SQL["refunds_so_far"],
        merchant_id=payment.merchant_id,
        payment_id=payment.payment_id,
        counting=[str(status) for status in COUNTS],
    )
    disputes = await read_disputes(resources, payment)
    # By their ids, in the order in which they were opened.
    given = sorted((row["given"] or {}).items())
    return Standing(
        refunds=row["every"],
        counted=row["counted"],
        given=given_of((amount, lines) for _, (amount, lines) in given if lines is not None),
        lost=lost_amount(disputes),
    )
