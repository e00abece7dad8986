"""Everything that can happen to payments, in any order, beside a model written from the prose."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from paykeel.gateways.port import Succeeded
from paykeel.payments.steps import gateway_reference
from tests.conftest import order
from tests.simulation.bench import Bench
from tests.simulation.gateway import NEVER_ARRIVED, SILENT, Word
from tests.simulation.model import ENDED, OPEN, Dark, Modelled
from tests.simulation.reviews import AMOUNT, Held

if TYPE_CHECKING:
    from tests.servers import Urls

pytestmark = pytest.mark.slow

T = TypeVar("T")
EXAMPLES = 60
STEPS = 25
#: A look is due at most 2 ms after the one before.
DUE_S = 0.01
PARTS = (300, 500, None)

answers = st.sampled_from([Word.YES, Word.NO, Word.SILENT_YES, Word.SILENT_NO, Word.LOST])
#: Which payment: as often as not the latest, so that several things happen to one.
which = st.one_of(st.just(-1), st.integers(0, 1_000))


def expected_of(*cases: tuple[bool, str]) -> str | None:
    """Return the code of the first case that applies."""
    return next((code for applies, code in cases if applies), None)


class Payments(Held):
    """The rules; ``bench`` is set by the test below."""

    # ------------------------------------------------------------------------------- requests

    @rule(word=st.sampled_from(Word), manual=st.booleans())
    def purchase(self, word: Word, manual: bool) -> None:  # noqa: FBT001 - hypothesis names it
        place = len(self.models)
        model = Modelled(AMOUNT, manual)
        self.models.append(model)
        self.references.append([])
        self.gateway.next = word
        method = "manual" if manual else "automatic"
        payment = self.run(
            self.payments.purchase(
                order(amount=AMOUNT, capture_method=method),
                merchant_id=self.merchant_id,
                idempotency_key=f"order-{place}",
            )
        )
        self.ids.append(payment.payment_id)
        model.hear(word)

    @precondition(lambda self: self.models)
    @rule(at=which, part=st.sampled_from(PARTS), final=st.booleans(), word=answers)
    def capture(self, at: int, part: int | None, final: bool, word: Word) -> None:  # noqa: FBT001
        place = at % len(self.models)
        model = self.models[place]
        left = model.amount - model.captured
        operation = Dark("capture", left if part is None else part, final)
        key = self.new_key(place, operation)
        expected = expected_of(
            (model.status != "authorized", "illegal_transition"),
            (operation.amount > left, "amount_over_authorized"),
            (model.dark is not None, "operation_in_flight"),
        )
        self.gateway.next = word
        call = self.payments.capture(
            self.ids[place],
            merchant_id=self.merchant_id,
            idempotency_key=key,
            amount=part,
            final=final,
        )
        assert self.refused(call) == expected
        self.settle(place, operation, word, expected)

    @precondition(lambda self: self.models)
    @rule(at=which, word=answers)
    def cancel(self, at: int, word: Word) -> None:
        place = at % len(self.models)
        model = self.models[place]
        if model.status == "in_review":
            self.call_off(place)
            return
        operation = Dark("cancel", model.amount - model.captured)
        key = self.new_key(place, operation)
        expected = expected_of(
            (model.status not in {*OPEN, "authorized"}, "illegal_transition"),
            (model.dark is not None or model.charge_dark, "operation_in_flight"),
        )
        self.gateway.next = word
        call = self.payments.cancel(
            self.ids[place], merchant_id=self.merchant_id, idempotency_key=key
        )
        assert self.refused(call) == expected
        self.settle(place, operation, word, expected)

    @precondition(lambda self: self.models)
    @rule(at=which, word=st.sampled_from([Word.YES, Word.NO, Word.SILENT_YES, Word.ACTION]))
    def complete(self, at: int, word: Word) -> None:
        place = at % len(self.models)
        model = self.models[place]
        operation = Dark("complete", model.amount)
        key = self.new_key(place, operation)
        expected = expected_of(
            (model.status != "requires_action", "illegal_transition"),
            (model.dark is not None, "operation_in_flight"),
        )
        self.gateway.next = word
        call = self.payments.complete(
            self.ids[place], merchant_id=self.merchant_id, idempotency_key=key
        )
        assert self.refused(call) == expected
        self.gateway.next = Word.YES
        if expected is not None:
            return
        if word in SILENT:
            model.dark = operation
            model.looked = False
        else:
            model.hear(self.gateway.charges[self.reference(place)].truth)

    def settle(self, place: int, operation: Dark, word: Word, refused: str | None) -> None:
        """Let the model follow an operation that was sent."""
        self.gateway.next = Word.YES
        if refused is not None:
            return
        model = self.models[place]
        if word in NEVER_ARRIVED:
            model.dark, model.looked = operation, False
            return
        # The gateway may have refused of its own accord what the test would have let pass.
        reference = self.references[place][-1][0]
        done = self.gateway.follow_ups[reference]
        operation.truth = Word.YES if isinstance(done, Succeeded) else Word.NO
        if word in SILENT:
            model.dark, model.looked = operation, False
        else:
            model.conclude(operation, operation.truth)

    # ------------------------------------------------------------------------------- notices

    @precondition(lambda self: self.models)
    @rule(
        at=which,
        word=st.sampled_from([Word.YES, Word.NO, Word.PENDING, Word.ACTION, Word.LOST]),
        copies=st.integers(1, 3),
    )
    def notice(self, at: int, word: Word, copies: int) -> None:
        """The gateway says something of a charge, whenever it likes, and says it again."""
        place = at % len(self.models)
        reference = self.reference(place)
        if reference not in self.gateway.charges:
            return
        if word is not Word.LOST:
            self.gateway.learn(reference, word)
        for _ in range(copies):
            self.deliver(place, reference, self.gateway.say(reference, word))
            self.models[place].hear(word)

    @rule(word=answers)
    def a_part_is_captured(self, word: Word) -> None:
        """A purchase is reserved, and a part of it is captured at once."""
        place = len(self.models)
        self.purchase(Word.YES, manual=True)
        self.capture(place, 300, final=False, word=word)

    @rule()
    def money_comes_late(self) -> None:
        """A purchase is declined, and the money moves all the same."""
        place = len(self.models)
        self.purchase(Word.NO, manual=False)
        self.notice(place, Word.YES, 1)

    @precondition(lambda self: any(self.references))
    @rule(at=which, copies=st.integers(1, 2))
    def notice_of_an_operation(self, at: int, copies: int) -> None:
        """The gateway says again, or at last, how a capture or a release went."""
        place = at % len(self.models)
        model = self.models[place]
        for reference, operation in self.references[place]:
            outcome = self.gateway.follow_ups.get(reference)
            if outcome is None:
                continue
            for _ in range(copies):
                self.deliver(place, reference, outcome)
                if model.dark is operation:
                    model.conclude(operation, operation.truth or Word.NO)

    # ------------------------------------------------------------------------------- recovery

    @precondition(lambda self: self.models)
    @rule()
    def outage(self) -> None:
        """The gateway cannot be asked any more, or can be asked again."""
        self.gateway.answers_lookups = not self.gateway.answers_lookups

    @precondition(lambda self: self.models)
    @rule()
    def sweep(self) -> None:
        time.sleep(DUE_S)
        self.run(self.payments.sweep())
        for place, model in enumerate(self.models):
            model.looked = model.looked or model.dark is not None or model.charge_dark
            if self.gateway.answers_lookups:
                self.look(place, model)

    def look(self, place: int, model: Modelled) -> None:
        """What recovery must come to: the gateway's own truth."""
        charge = self.gateway.charges.get(self.reference(place))
        operation = model.dark
        if operation is not None and operation.verb != "complete":
            reference = next(ref for ref, one in self.references[place] if one is operation)
            done = self.gateway.follow_ups.get(reference)
            if done is not None:
                yes = isinstance(done, Succeeded)
                if yes and model.status in OPEN and charge is not None:
                    # Released, and so refused: which of the two is heard first names the end.
                    model.end(self.run(self.get(place)).status)
                    assert model.status in ENDED
                else:
                    model.conclude(operation, Word.YES if yes else Word.NO)
        elif operation is not None:
            model.dark = None
        if charge is not None and model.status in OPEN:
            model.hear(charge.truth)

    # ------------------------------------------------------------------------------- operators

    @precondition(lambda self: self.models)
    @rule(at=which)
    def give_up(self, at: int) -> None:
        """An operator calls a charge failed of which nothing is known."""
        place = at % len(self.models)
        model = self.models[place]
        if model.dark is not None:
            return
        expected = expected_of(
            (model.status != "processing", "illegal_transition"),
            (model.charge_dark and not model.looked, "operation_in_flight"),
        )
        assert self.refused(self.resolve(place, "failed")) == expected
        if expected is None:
            model.hear(Word.NO)

    @precondition(lambda self: any(model.late for model in self.models))
    @rule(at=which)
    def accept_late_money(self, at: int) -> None:
        late = [place for place, model in enumerate(self.models) if model.late]
        place = late[at % len(late)]
        model = self.models[place]
        expected = "operation_in_flight" if model.dark is not None else None
        assert self.refused(self.resolve(place, "accept_late")) == expected
        if expected is None:
            model.captured, model.late = model.late, 0

    @precondition(lambda self: any(model.late for model in self.models))
    @rule(at=which, word=answers)
    def refund_late_money(self, at: int, word: Word) -> None:
        late = [place for place, model in enumerate(self.models) if model.late]
        place = late[at % len(late)]
        model = self.models[place]
        # Each refund that was refused is followed by one with a name of its own.
        refunds = sum(one.verb == "refund" for _, one in self.references[place])
        reference = gateway_reference(self.merchant_id, f"order-{place}", 3 + refunds).hex()
        expected = "operation_in_flight" if model.dark is not None else None
        self.gateway.next = word
        assert self.refused(self.resolve(place, "refund_late")) == expected
        operation = Dark("refund", model.late)
        if expected is None:
            self.references[place].append((reference, operation))
        self.settle(place, operation, word, expected)

    def resolve(self, place: int, decision: str) -> Coroutine[Any, Any, object]:
        return self.payments.resolve(
            self.ids[place],
            merchant_id=self.merchant_id,
            decision=decision,
            operator="Ada Lindqvist",
            evidence="seen in the gateway's own screens",
        )

    # ------------------------------------------------------------------------------- always

    @invariant()
    def payments_are_as_modelled(self) -> None:
        for place, model in enumerate(self.models):
            payment = self.run(self.get(place))
            assert (payment.status, payment.amount_captured, payment.amount_late) == (
                model.status,
                model.captured,
                model.late,
            )
            charge = self.gateway.charges.get(self.reference(place))
            assert self.gateway.moved[self.reference(place)] <= 1
            if charge is not None and model.dark is None:
                # Both sides' books agree, but for what the gateway has told nobody.
                ours = model.captured + model.late
                assert charge.taken == ours or (charge.truth is Word.YES and not model.told)

    def teardown(self) -> None:
        """Everything reaches its end, history replays, and nothing that came late was dropped."""
        if not self.models:
            return
        self.gateway.answers_lookups = True
        for place, _ in enumerate(self.models):
            charge = self.gateway.charges.get(self.reference(place))
            if charge is not None and charge.truth in {Word.PENDING, Word.ACTION}:
                self.gateway.learn(self.reference(place), Word.NO)
        for _ in range(2):
            self.sweep()
        self.payments_are_as_modelled()
        assert not any(model.status in OPEN or model.dark for model in self.models)
        report = self.run(self.bench.core.auditor.audit(self.merchant_id))
        assert report.differences == ()
        late = sum(1 for model in self.models if model.late)
        assert len(report.open_items) == late
        for model in self.models:
            assert not model.late or model.status in ENDED


def test_payments_follow_the_model_whatever_happens(urls: Urls) -> None:
    bench = Bench(urls)
    try:
        run_state_machine_as_test(
            type("PaymentsHere", (Payments,), {"bench": bench}),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                # What fails is told as it was found; making it shorter takes minutes.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        bench.close()
