"""Everything that can happen to refunds, in any order, beside a model written from the prose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from paykeel.gateways.port import Declined, DeclineReason, Succeeded
from paykeel.money import Money
from paykeel.refunds.model import RefundRequest
from paykeel.refunds.service import RefundService
from tests.conftest import order
from tests.simulation.bench import Bench
from tests.simulation.gateway import Word, name_of
from tests.simulation.noticed import ASKER, DUE_S, Noticed, copies, which
from tests.simulation.refunds import Asked, Refunded

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from tests.servers import Urls

pytestmark = pytest.mark.slow

EXAMPLES = 60
STEPS = 30
AMOUNT = 900
#: What is more than this waits for a person.
OVER = 400
POLICY = {
    "key": "returns",
    "title": "Returns",
    "currency": "EUR",
    "approval": {"when": "over_amount", "over": OVER},
    "otherwise": {"percent_bps": 10_000},
}
APPROVER = "Ben Okafor"

answers = st.sampled_from([Word.YES, Word.NO, Word.SILENT_YES, Word.SILENT_NO, Word.LOST])
amounts = st.sampled_from([50, 300, OVER, OVER + 1, 600, AMOUNT])


class Refunds(Noticed):
    """The rules; ``bench`` is set by the test below."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        core = self.bench.core
        self.service = RefundService(core.payments.resources, core.refund_policies)
        self.paid: list[Refunded] = []
        self.refund_ids: dict[str, UUID] = {}
        self.count = 0
        self.run(
            core.refund_policies.publish(POLICY, merchant_id=self.merchant_id, author="Cleo Marsh")
        )

    # ------------------------------------------------------------------------------- requests

    @rule(part=st.sampled_from([None, 500, AMOUNT]))
    def purchase(self, part: int | None) -> None:
        """A purchase is charged at once, or reserved and captured in part or whole."""
        place = len(self.paid)
        method = "automatic" if part is None else "manual"
        payment = self.run(
            self.payments.purchase(
                order(amount=AMOUNT, capture_method=method),
                merchant_id=self.merchant_id,
                idempotency_key=f"order-{place}",
            )
        )
        self.ids.append(payment.payment_id)
        self.paid.append(Refunded(part or AMOUNT))
        if part is not None:
            self.run(
                self.payments.capture(
                    payment.payment_id, merchant_id=self.merchant_id,
                    idempotency_key=f"capture-{place}", amount=part,
                )
            )  # fmt: skip

    @precondition(lambda self: self.paid)
    @rule(at=which, amount=amounts, word=answers, stale=st.booleans())
    def ask(self, at: int, amount: int, word: Word, stale: bool) -> None:  # noqa: FBT001
        place = at % len(self.paid)
        model = self.paid[place]
        self.count += 1
        one = Asked(f"refund-{self.count}", amount, "requested")
        one.name = name_of(self.reference_of(one))
        taken = model.refunded + model.reserved
        expected = "amount_over_refundable" if amount > model.refundable else None
        if stale:
            expected = "refunded_amount_changed"
        self.gateway.next = word
        code = self.refused(self._ask(place, one, taken + stale))
        self.gateway.next = Word.YES
        assert code == expected
        if expected is not None:
            return
        model.asked.append(one)
        model.reserved += amount
        if taken + model.lost + amount <= OVER:  # Of all that goes back, lost disputes included.
            model.send(one, word, self.gateway, self.reference_of(one))

    async def _ask(self, place: int, one: Asked, expected: int) -> None:
        refund = await self.service.request(
            self.ids[place],
            RefundRequest(requested_by=ASKER, amount=one.amount, expected_refunded_amount=expected),
            merchant_id=self.merchant_id,
            idempotency_key=one.key,
        )
        self.refund_ids[one.key] = refund.refund_id

    @precondition(lambda self: any(model.asked for model in self.paid))
    @rule(at=which, verb=st.sampled_from(["approve", "approve", "reject", "cancel"]), word=answers)
    def decide(self, at: int, verb: str, word: Word) -> None:
        model, one = self.pick(at)
        status = {"approve": "pending", "reject": "rejected", "cancel": "canceled"}[verb]
        expected = None
        if one.status != "requested":
            same = one.approved if verb == "approve" else one.status == status
            expected = None if same else "refund_decided"
        elif verb == "approve" and model.room < model.disputed:
            expected = "payment_disputed"
        elif verb == "approve" and model.waiting:
            expected = "refund_notice_open"
        self.gateway.next = word
        code = self.refused(self._decide(one, verb))
        self.gateway.next = Word.YES
        assert code == expected
        if expected is not None or one.status != "requested":
            return
        if verb == "approve":
            one.approved = True
            model.send(one, word, self.gateway, self.reference_of(one))
        else:
            one.status = status
            model.reserved -= one.amount

    def _decide(self, one: Asked, verb: str) -> Coroutine[Any, Any, object]:
        verbs = {
            "approve": self.service.approve,
            "reject": self.service.reject,
            "cancel": self.service.cancel,
        }
        return verbs[verb](
            self.refund_ids[one.key], merchant_id=self.merchant_id, operator=APPROVER
        )

    # ------------------------------------------------------------------------------- notices

    @precondition(lambda self: any(model.asked for model in self.paid))
    @rule(at=which, times=copies)
    def notice(self, at: int, times: int) -> None:
        """The gateway says, or says again, how a refund ended."""
        model, one = self.pick(at)
        done = self.gateway.follow_ups.get(self.reference_of(one))
        if done is not None:
            for _ in range(times):
                self.deliver(self.paid.index(model), self.reference_of(one), done)
                model.hear(one, yes=isinstance(done, Succeeded))

    @precondition(lambda self: any(model.asked for model in self.paid))
    @rule(at=which, times=copies)
    def change_of_mind(self, at: int, times: int) -> None:
        """What was refused is given back after all; what was given back is said to be refused."""
        model, one = self.pick(at)
        place, reference = self.paid.index(model), self.reference_of(one)
        done = self.gateway.follow_ups.get(reference)
        charge = self.gateway.charges[self.reference(place)]
        if isinstance(done, Succeeded) and one.status == "succeeded":
            for _ in range(times):
                no = Declined(DeclineReason.PROCESSING_ERROR)
                self.deliver(place, reference, no)
        elif isinstance(done, Declined) and charge.taken >= one.amount:
            charge.taken -= one.amount
            yes = Succeeded(Money(one.amount, "EUR"), one.name)
            self.gateway.follow_ups[reference] = yes
            for _ in range(times):
                self.deliver(place, reference, yes)
                model.hear(one, yes=True)

    # ------------------------------------------------------------------------------- disputes

    @precondition(lambda self: self.paid)
    @rule(at=which, number=st.integers(1, 3), amount=st.sampled_from([100, 500]))
    def disputed(self, at: int, number: int, amount: int) -> None:
        place = at % len(self.paid)
        model, name = self.paid[place], f"d-{number}"
        left = model.captured - model.disputed
        expected = None
        if name not in model.disputes:
            over = "amount_over_captured" if amount > left else None
            expected = "illegal_transition" if not left else over
        call = self.service.open_dispute(
            self.ids[place], merchant_id=self.merchant_id, dispute_id=name, operator=ASKER,
            amount=amount,
        )  # fmt: skip
        assert self.refused(call) == expected
        if expected is None and name not in model.disputes:
            model.disputes[name] = (amount, "open")
            model.disputed += amount

    @precondition(lambda self: self.paid)
    @rule(at=which, number=st.integers(1, 3))
    def dispute_is_taken_up_again(self, at: int, number: int) -> None:
        place = at % len(self.paid)
        model, name = self.paid[place], f"d-{number}"
        amount, stands = model.disputes.get(name, (0, "unknown"))
        left = model.captured - model.disputed
        expected = "illegal_transition" if stands in {"unknown", "lost"} else None
        if stands == "won" and amount > left:
            expected = "amount_over_captured" if left else "illegal_transition"
        call = self.service.reopen_dispute(
            self.ids[place], merchant_id=self.merchant_id, dispute_id=name, operator=ASKER
        )
        assert self.refused(call) == expected
        if expected is None and stands == "won":
            model.disputes[name] = (amount, "open")
            model.disputed += amount

    @precondition(lambda self: self.paid)
    @rule(at=which, number=st.integers(1, 3), ending=st.sampled_from(["won", "lost"]))
    def dispute_ends(self, at: int, number: int, ending: str) -> None:
        place = at % len(self.paid)
        model, name = self.paid[place], f"d-{number}"
        amount, stands = model.disputes.get(name, (0, "unknown"))
        call = self.service.close_dispute(
            self.ids[place], merchant_id=self.merchant_id, dispute_id=name, operator=ASKER,
            ending=ending,
        )  # fmt: skip
        # What was won is taken up again before it can be lost; what was lost may be won on appeal.
        no_way = stands == "unknown" or (stands, ending) == ("won", "lost")
        assert self.refused(call) == ("illegal_transition" if no_way else None)
        if stands == "open" or (stands, ending) == ("lost", "won"):
            model.disputes[name] = (amount, ending)
            model.disputed -= amount if ending == "won" else 0

    # ------------------------------------------------------- what chance alone seldom comes to

    @rule()
    def a_dispute_comes_before_the_approval(self) -> None:
        self.purchase(None)
        self.ask(-1, 600, Word.YES, stale=False)
        self.disputed(-1, 1, 500)
        self.decide(-1, "approve", Word.YES)

    @rule(word=st.sampled_from([Word.SILENT_YES, Word.SILENT_NO, Word.LOST]))
    def a_dispute_comes_while_it_is_dark(self, word: Word) -> None:
        self.purchase(None)
        self.ask(-1, 300, word, stale=False)
        self.disputed(-1, 1, 500)

    @rule(times=copies)
    def what_comes_late_finds_no_room(self, times: int) -> None:
        self.purchase(None)
        self.ask(-1, 300, Word.NO, stale=False)
        self.ask(-1, AMOUNT, Word.YES, stale=False)
        self.change_of_mind(-2, times)

    # ------------------------------------------------------------------------------- recovery

    @rule()
    def outage(self) -> None:
        """The gateway cannot be asked any more, or can be asked again."""
        self.gateway.answers_lookups = not self.gateway.answers_lookups

    @precondition(lambda self: self.paid)
    @rule()
    def sweep(self) -> None:
        time.sleep(DUE_S)
        self.run(self.payments.sweep())
        if not self.gateway.answers_lookups:
            return
        for model in self.paid:
            for one in model.asked:
                done = self.gateway.follow_ups.get(self.reference_of(one))
                if one.dark and done is not None:
                    model.hear(one, yes=isinstance(done, Succeeded))

    # ------------------------------------------------------------------------------- always

    @invariant()
    def refunds_are_as_modelled(self) -> None:
        for place, model in enumerate(self.paid):
            payment = self.run(self.get(place))
            assert (
                payment.amount_captured, payment.amount_refunded,
                payment.amount_refund_reserved, payment.amount_disputed, payment.refundable,
            ) == (
                model.captured, model.refunded, model.reserved, model.disputed, model.refundable,
            )  # fmt: skip
            assert payment.status == "succeeded"
            assert model.room >= 0
            # Both sides' books agree, but for what the gateway did and has told nobody.
            untold = sum(one.amount for one in model.asked if one.dark and self.is_done(one))
            charge = self.gateway.charges[self.reference(place)]
            unbooked = model.noted + model.made_there + untold
            assert charge.taken == model.captured - model.refunded - unbooked

    def teardown(self) -> None:
        """Everything that was sent reaches its end, once, and history replays."""
        if not self.paid:
            return
        self.gateway.answers_lookups = True
        for _ in range(2):
            self.sweep()
            self.look_at_notices()
        self.refunds_are_as_modelled()
        for model in self.paid:
            self.dismiss_all(model)
            for one in model.asked:
                assert one.status != "pending"
                refund = self.run(
                    self.service.get(self.refund_ids[one.key], merchant_id=self.merchant_id)
                )
                assert (refund.status, refund.amount) == (one.status, one.amount)
        report = self.run(self.bench.core.auditor.audit(self.merchant_id))
        assert report.differences == ()


def test_refunds_follow_the_model_whatever_happens(urls: Urls) -> None:
    bench = Bench(urls)
    try:
        run_state_machine_as_test(
            type("RefundsHere", (Refunds,), {"bench": bench}),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        bench.close()
