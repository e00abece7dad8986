"""``fraud reviews``: what waits for a person, and what a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from cyclopts import App, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    OK,
    REFUSED,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.showing import show_payment
from paykeel.errors import InvalidField
from paykeel.money import Money
from paykeel.payments.review_documents import details_document, note_document, review_document
from paykeel.payments.states import Status

if TYPE_CHECKING:
    from paykeel.payments.model import Payment
    from paykeel.payments.review_queue import Review

PAGE = 100

app = App(name="reviews", help="Payments that are held for a person: list, show, decide.")


@app.command(name="list")
async def list_(
    *,
    assignee: str | None = None,
    reason: str | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 50,
    cursor: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List what waits, the soonest due first.

    Args:
        assignee: Only what this person looks at.
        reason: Only what is held for this reason.
        limit: How many at most.
        cursor: Go on where an earlier list ended.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    found: list[Review] = []
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        while len(found) < limit:
            page = await core.reviews.list(
                merchant_id=owner.merchant_id,
                assignee=assignee,
                reason=reason,
                cursor=cursor,
                rows_max=min(PAGE, limit - len(found)),
            )
            found += page.reviews
            cursor = page.next_cursor
            if cursor is None:
                break
    out.document({"reviews": [review_document(one) for one in found], "next_cursor": cursor})
    out.table(
        ("payment", "due", "amount", "buyer", "reasons", "approvals", "assignee", "reference"),
        [
            (
                one.payment_id,
                f"{one.due_at:%Y-%m-%d %H:%M}",
                Money(one.amount, one.currency),
                one.buyer_id,
                ", ".join(one.reasons),
                f"{one.approvals} of {one.approvals_needed}",
                one.assignee,
                one.reference,
            )
            for one in found
        ],
        right=("amount",),
    )
    if cursor is not None:
        out.line(f"There are more: --cursor {cursor}")


@app.command
async def show(
    payment: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show one review: the payment, why it is held, and what people said.

    Args:
        payment: The payment's id.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.reviews.get(payment, merchant_id=owner.merchant_id)
    out.document(details_document(found))
    if out.json:
        return
    _show_review(out, found.review)
    decision = found.decision
    spoke = [rule for rule in decision.rules if rule["outcome"] != "not"]
    out.table(
        ("rule", "outcome", "action", "mode", "score"),
        [
            (rule["rule"], rule["outcome"], rule["action"], rule["mode"], rule["score"])
            for rule in spoke
        ],
        title=f"Ruleset {decision.ruleset} {decision.ruleset_version}, score {decision.score}",
        right=("score",),
    )
    # What is no plain value was not exact, or not of its type.
    out.facts(
        {
            name: "not known" if isinstance(value, dict) else value
            for name, value in sorted(decision.facts.items())
        }
    )
    out.table(
        ("at", "who", "did", "text"),
        [
            (f"{note.created_at:%Y-%m-%d %H:%M:%S}", note.author, note.action, note.body)
            for note in found.notes
        ],
        prose=("text",),
    )


@app.command
async def assign(
    payment: UUID,
    assignee: str | None = None,
    /,
    *,
    operator: str,
    nobody: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Say who looks at a payment; anybody may still decide.

    Args:
        payment: The payment's id.
        assignee: Who is to look at it.
        operator: Who says so.
        nobody: Take it from whoever has it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    if (assignee is None) != nobody:
        raise InvalidField("assignee", "field_required", "Name a person, or say --nobody.")
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        review = await core.reviews.assign(
            payment, merchant_id=owner.merchant_id, operator=operator, assignee=assignee
        )
    out.document(review_document(review))
    _show_review(out, review)


@app.command
async def note(
    payment: UUID,
    text: str,
    /,
    *,
    operator: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Note something about a payment, before or after it is decided.

    Args:
        payment: The payment's id.
        text: At most 2,000 characters.
        operator: Who says so.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        added = await core.reviews.note(
            payment, merchant_id=owner.merchant_id, operator=operator, text=text
        )
    out.document(note_document(added))
    out.line("Noted.")


@app.command
async def approve(
    payment: UUID,
    /,
    *,
    operator: str,
    note: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Approve a payment; when enough people have, its purchase goes on.

    Args:
        payment: The payment's id.
        operator: Who approves; above an amount a second person has to, too.
        note: Why.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.reviews.approve(
            payment, merchant_id=owner.merchant_id, operator=operator, note=note
        )
    return _show_end(out, found)


@app.command
async def reject(
    payment: UUID,
    /,
    *,
    operator: str,
    note: str | None = None,
    label: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Reject a payment; nothing was sent, and nothing will be.

    Args:
        payment: The payment's id.
        operator: Who rejects.
        note: Why.
        label: fraud or genuine: what it is taken for.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.reviews.reject(
            payment, merchant_id=owner.merchant_id, operator=operator, note=note, label=label
        )
    show_payment(out, found.document())


def _show_end(out: Output, payment: Payment) -> int:
    """Show what became of the purchase; exit code 5 when it ended without money."""
    show_payment(out, payment.document())
    if payment.status is Status.IN_REVIEW:
        out.line("One more person has to approve it.")
    return REFUSED if payment.status is Status.FAILED else OK


def _show_review(out: Output, review: Review) -> None:
    decided = review.decided_at
    facts = {
        "payment": review.payment_id,
        "review": review.status,
        "payment's status": review.payment_status,
        "amount": Money(review.amount, review.currency),
        "buyer": f"{review.buyer_id} ({review.buyer_role})",
        "reference": review.reference,
        "reasons": ", ".join(review.reasons),
        "approvals": f"{review.approvals} of {review.approvals_needed}",
        "assignee": review.assignee,
        "due": f"{review.due_at:%Y-%m-%d %H:%M} UTC",
        "decided": None if decided is None else f"{decided:%Y-%m-%d %H:%M} UTC",
    }
    out.facts({name: value for name, value in facts.items() if value is not None})
