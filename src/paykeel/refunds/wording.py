"""A policy as sentences, made from its tiers, so that text and rules cannot differ. Pure.

Approval and rounding are the merchant's own affair and are not told; all that changes what a buyer
gets is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.money import Money
from paykeel.refunds.clocks import Clock, Either, Every, NoShow, Within
from paykeel.refunds.languages import LANGUAGES
from paykeel.refunds.policy import ANY, WHOLE_BPS, OnUnknown, Refundable, RefundReason
from paykeel.terms.locales import choose
from paykeel.terms.wording import DEFAULT_LOCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paykeel.refunds.clocks import Condition
    from paykeel.refunds.phrases import Language
    from paykeel.refunds.policy import Given, RefundPolicy

#: Below this many days a duration is told in hours, because it is not about the calendar.
_DAYS_FROM = 2


def sentences(policy: RefundPolicy, locale: str) -> tuple[str, ...]:
    """Return the policy in words, one sentence a rule.

    A language that is not spoken here falls back as in :func:`paykeel.terms.locales.choose`, and
    to English in the end.
    """
    return tuple(sentence for _, sentence in told(policy, locale))


def told(policy: RefundPolicy, locale: str) -> tuple[tuple[str, str], ...]:
    """Return the same sentences, each beside the name of the policy's field that it is of."""
    words = LANGUAGES[choose([locale], LANGUAGES, DEFAULT_LOCALE).locale]
    return tuple(_Telling(words, policy.currency).all(policy))


class _Telling:
    """One telling of one policy."""

    def __init__(self, words: Language, currency: str | None) -> None:
        self._words = words
        self._currency = currency

    def all(self, policy: RefundPolicy) -> Iterator[tuple[str, str]]:
        words = self._words
        for tier in policy.tiers:
            when, given = self._condition(tier.when), self._given(tier.give)
            yield "tiers", words.tier.format(when=when, given=given)
        if policy.otherwise is not None:
            form = words.otherwise if policy.tiers else words.always
            yield "otherwise", form.format(given=self._given(policy.otherwise))
        for component, rule in policy.components.items():
            name = words.components[component]
            if rule.refundable is Refundable.NO:
                yield "components", words.component_no.format(name=name)
            elif rule.refundable is Refundable.YES:
                share = self._share(rule.percent_bps)
                yield "components", words.component_yes.format(name=name, share=share)
        for reason, exception in policy.exceptions.items():
            form = words.bypass if exception.bypass_tiers else words.exception
            share = self._share(exception.percent_bps)
            yield "exceptions", form.format(reason=words.reasons[reason], share=share)
        for sentence in self._floors(policy):
            yield "statutory_floor", sentence
        if policy.max_refunds is not None:
            yield "max_refunds", words.max_refunds.format(count=policy.max_refunds)
        if policy.min_refund is not None:
            yield "min_refund", words.min_refund.format(amount=self._money(policy.min_refund))
        yield "unknown", words.ask if policy.unknown is OnUnknown.ASK else words.deny

    def _floors(self, policy: RefundPolicy) -> Iterator[str]:
        words = self._words
        for floor in policy.statutory_floor:
            places = ", ".join(floor.jurisdictions)
            parts = [words.everywhere if ANY in floor.jurisdictions else places]
            parts.append(self._condition(floor.when))
            if len(floor.reasons) < len(RefundReason):
                parts.append(words.or_.join(words.reasons[reason] for reason in floor.reasons))
            if len(floor.components) < len(words.components):
                parts.append(", ".join(words.components[one] for one in floor.components))
            share = self._share(floor.percent_bps)
            yield words.floor.format(name=floor.name, when="; ".join(parts), share=share)

    def _given(self, given: Given) -> str:
        words = self._words
        if not given.percent_bps:
            return words.nothing
        said = words.share.format(share=self._share(given.percent_bps))
        if given.units_kept:
            said += words.units_kept.format(count=given.units_kept)
        if given.fee:
            said += words.fee.format(fee=self._money(given.fee))
        if given.fee_cap_bps is not None:
            said += words.fee_cap.format(share=self._share(given.fee_cap_bps))
        return said

    def _condition(self, condition: Condition, *, inside: bool = False) -> str:
        match condition:
            case Within(clock, from_s, to_s):
                return self._within(clock, from_s, to_s)
            case NoShow(value):
                return self._words.no_show if value else self._words.show
            case Every(parts) | Either(parts):
                told = [self._condition(part, inside=True) for part in parts]
                both = self._words.and_ if isinstance(condition, Every) else self._words.or_
                return f"({both.join(told)})" if inside and len(told) > 1 else both.join(told)

    def _within(self, clock: Clock, from_s: int | None, to_s: int | None) -> str:
        words = self._words
        if clock is not Clock.BEFORE_SERVICE:
            after = words.after[clock]
            if from_s is not None and to_s is not None:
                return f"{self._between(from_s, to_s)} {after}"
            if from_s is not None:
                return f"{words.at_least.format(time=self._time(from_s))} {after}"
            return f"{words.less.format(time=self._time(to_s or 0))} {after}"
        if from_s is not None and to_s is not None and from_s > 0:
            return f"{self._between(from_s, to_s)} {words.before}"
        said = []
        if from_s is not None:
            said.append(self._service_from(from_s))
        if to_s is not None:
            said.append(self._service_to(to_s))
        return words.and_.join(said)

    def _service_from(self, bound: int) -> str:
        """Tell a bound that counts down: so much is left, or not more has gone by."""
        words = self._words
        if bound == 0:
            return words.not_begun
        if bound > 0:
            return f"{words.at_least.format(time=self._time(bound))} {words.before}"
        return words.begun_at_most.format(time=self._time(-bound))

    def _service_to(self, bound: int) -> str:
        """Tell a bound that counts down: less is left, or more has gone by."""
        words = self._words
        if bound == 0:
            return words.begun
        if bound > 0:
            return words.less_or_begun.format(time=self._time(bound))
        return words.begun_more.format(time=self._time(-bound))

    def _between(self, from_s: int, to_s: int) -> str:
        return self._words.between.format(least=self._time(from_s), less=self._time(to_s))

    def _time(self, seconds: int) -> str:
        """Return a duration in the largest unit that is exact."""
        sizes = (86_400, 3_600, 60, 1)
        for size, forms in zip(sizes, self._words.units, strict=True):
            count, rest = divmod(seconds, size)
            if not rest and (size < 86_400 or count >= _DAYS_FROM):
                return f"{count} {forms[self._words.form_of(count)]}"
        raise AssertionError("a second divides every duration")

    def _share(self, bps: int) -> str:
        if bps == WHOLE_BPS:
            return self._words.whole
        whole, rest = divmod(bps, 100)
        digits = f"{whole}.{rest:02}".rstrip("0") if rest else str(whole)
        return self._words.percent.format(digits=digits.replace(".", self._words.point))

    def _money(self, amount: int) -> str:
        # An amount without a currency is refused when a policy is read.
        major = Money(amount, self._currency or "").major
        return f"{major.replace('.', self._words.point)} {self._currency}"
