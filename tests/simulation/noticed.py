"""Refunds of which the gateway tells by itself, in any order, beside the model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from paykeel.gateways.port import Notice, Succeeded
from paykeel.money import Money
from paykeel.payments.steps import gateway_reference
from tests.simulation.bench import Driven

if TYPE_CHECKING:
    from paykeel.refunds.service import RefundService
    from tests.simulation.refunds import Asked, Refunded

DUE_S = 0.01
ASKER = "Ada Lindqvist"

which = st.one_of(st.just(-1), st.integers(0, 1_000))
copies = st.integers(1, 3)


class Noticed(Driven):
    """The rules about notices; whoever takes them up says what was paid."""

    service: RefundService
    paid: list[Refunded]
    count: int

    def pick(self, at: int) -> tuple[Refunded, Asked]:
        pairs = [(model, one) for model in self.paid for one in model.asked]
        return pairs[at % len(pairs)]

    def reference_of(self, one: Asked) -> str:
        return gateway_reference(self.merchant_id, one.key).hex()

    def is_done(self, one: Asked) -> bool:
        return isinstance(self.gateway.follow_ups.get(self.reference_of(one)), Succeeded)

    @precondition(lambda self: self.paid)
    @rule(at=which, amount=st.sampled_from([50, 300, 600]), times=copies, old=st.booleans())
    def refunded_there(self, at: int, amount: int, times: int, old: bool) -> None:  # noqa: FBT001
        """Somebody gives money back in the gateway's own screens; or it is told once more."""
        place = at % len(self.paid)
        model = self.paid[place]
        charge = self.gateway.charges[self.reference(place)]
        if old and model.outside:
            name, amount = list(model.outside.items())[at % len(model.outside)]
        elif charge.taken < amount:
            return
        else:
            charge.taken -= amount
            self.count += 1
            name = f"re_{self.count}"
        self.tell(place, name, amount, times)

    @precondition(lambda self: any(model.asked for model in self.paid))
    @rule(at=which, times=copies)
    def ours_is_told_like_one_made_there(self, at: int, times: int) -> None:
        """Some gateways tell of every refund of a charge, before or after they have answered."""
        model, one = self.pick(at)
        if self.is_done(one) and one.status in {"pending", "succeeded"}:
            self.tell(self.paid.index(model), one.name, one.amount, times)

    @rule()
    def look_at_notices(self) -> None:
        time.sleep(DUE_S)
        self.run(self.service.sweep())
        found = self.run(
            self.service.notices(merchant_id=self.merchant_id, status=None, rows_max=1_000)
        )
        open_ = {(one.payment_id, one.gateway_id) for one in found if one.status == "open"}
        for place, model in enumerate(self.paid):
            # Of several that do not all fit any may be booked: first those that were, then none.
            names = sorted(model.waiting, key=lambda name: (self.ids[place], name) in open_)
            for name in names:
                model.look_at(name)
                assert (name in model.waiting) is ((self.ids[place], name) in open_)

    def tell(self, place: int, name: str, amount: int, times: int) -> None:
        model = self.paid[place]
        notice = Notice(
            message_id="evt", reference=name, outcome=Succeeded(Money(amount, "EUR")),
            refund_of=self.reference(place), merchant_id=str(self.merchant_id),
            payment_id=str(self.ids[place]),
        )  # fmt: skip
        for _ in range(times):
            self.run(self.service.take_notice(notice))
            model.hear_outside(name, amount)

    def dismiss_all(self, model: Refunded) -> None:
        """A person closes what found no room."""
        place = self.paid.index(model)
        for name in [*model.waiting]:
            self.run(
                self.service.dismiss_notice(
                    self.ids[place], name, merchant_id=self.merchant_id, operator=ASKER,
                    because="There is no room for it.",
                )
            )  # fmt: skip
            model.noted += model.waiting.pop(name)
