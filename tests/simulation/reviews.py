"""What a person does about payments that are held, beside everything else that can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import hypothesis.strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.conftest import order
from tests.rulesets import enforce
from tests.rulesets import rule as fraud_rule
from tests.simulation.bench import Driven
from tests.simulation.gateway import Word
from tests.simulation.model import Modelled

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    import asyncpg

AMOUNT = 900
RULESET = {"ruleset": "held", "rules": [fraud_rule("held", "payment.kind == 'held'", "review")]}
DUE = "UPDATE fraud_reviews SET due_at = now() - interval '1 s' WHERE payment_id = $1"
#: Which payment, as in the rules beside these.
which = st.one_of(st.just(-1), st.integers(0, 1_000))


class Held(Driven):
    """The rules."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        #: How each review stands, by the payment's place.
        self.reviews: dict[int, str] = {}
        self.run(self._enforce())

    async def _enforce(self) -> None:
        core = self.bench.core
        async with core.database.connection() as connection:
            await enforce(core, cast("asyncpg.Connection", connection), self.merchant_id, RULESET)

    @rule(manual=st.booleans())
    def hold(self, manual: bool) -> None:  # noqa: FBT001 - hypothesis names it
        """A purchase is held, and nothing is sent."""
        place = len(self.models)
        self.models.append(Modelled(AMOUNT, manual, status="in_review"))
        self.references.append([])
        self.reviews[place] = "open"
        method = "manual" if manual else "automatic"
        payment = self.run(
            self.payments.purchase(
                order(amount=AMOUNT, capture_method=method, kind="held"),
                merchant_id=self.merchant_id,
                idempotency_key=f"order-{place}",
            )
        )
        self.ids.append(payment.payment_id)
        assert self.reference(place) not in self.gateway.charges

    @precondition(lambda self: self.reviews)
    @rule(at=which, word=st.sampled_from(Word))
    def approve(self, at: int, word: Word) -> None:
        place = at % len(self.models)
        self.gateway.next = word
        assert self.refused(self._decide("approve", place)) == self._expected(place, "approved")
        self.gateway.next = Word.YES
        if self.reviews.get(place) == "open":
            self.reviews[place] = "approved"
            self.models[place].status = "pending"
            self.models[place].hear(word)

    @precondition(lambda self: self.reviews)
    @rule(at=which)
    def reject(self, at: int) -> None:
        place = at % len(self.models)
        assert self.refused(self._decide("reject", place)) == self._expected(place, "rejected")
        self._end(place, "rejected", "blocked")

    @precondition(lambda self: "open" in self.reviews.values())
    @rule(at=which)
    def nobody_reviews(self, at: int) -> None:
        place = at % len(self.models)
        is_open = self.reviews.get(place) == "open"
        self.run(self._make_due(place))
        assert self.run(self.bench.core.reviews.expire_overdue()) == int(is_open)
        self._end(place, "expired", "expired")

    def call_off(self, place: int) -> None:
        """Cancel what is held; the gateway is not asked."""
        call = self.payments.cancel(
            self.ids[place], merchant_id=self.merchant_id, idempotency_key=f"call-off-{place}"
        )
        assert self.refused(call) is None
        self._end(place, "canceled", "canceled")

    async def _make_due(self, place: int) -> None:
        async with self.bench.core.database.connection() as connection:
            await connection.execute(DUE, self.ids[place])

    def _decide(self, verb: str, place: int) -> Coroutine[Any, Any, object]:
        reviews = self.bench.core.reviews
        decide = reviews.approve if verb == "approve" else reviews.reject
        return decide(self.ids[place], merchant_id=self.merchant_id, operator="Ada Lindqvist")

    def _expected(self, place: int, wanted: str) -> str | None:
        """Return the code of the refusal; whoever repeats what took effect is not refused."""
        match self.reviews.get(place):
            case None:
                return "not_found"
            case "open":
                return None
            case decided:
                return None if decided == wanted else "review_decided"

    def _end(self, place: int, review: str, status: str) -> None:
        if self.reviews.get(place) == "open":
            self.reviews[place] = review
            self.models[place].end(status)
