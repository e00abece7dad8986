"""Properties of every policy, beside an evaluation that shares no code with the quote's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paykeel.refunds.conditions import CONDITIONS_MAX
from paykeel.refunds.facts import RefundFacts
from paykeel.refunds.parsing import policy_of
from paykeel.refunds.policy import Component, RefundPolicy
from paykeel.refunds.quoting import quote
from tests.unit.refunds.policies import NAMES, NOW, example

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = 3_600
TICK = timedelta(microseconds=1)
PARTS = tuple(component.value for component in Component)


def intervals(
    clock: str, cuts: Sequence[int]
) -> list[tuple[dict[str, Any], int | None, int | None]]:
    """Return the stretches between the cuts, in hours: as a document, and as numbers."""
    edges = [None, *cuts, None]
    found = []
    for lower, upper in pairwise(edges):
        bounds = {"from": lower, "to": upper}
        said = {name: f"{bound}h" for name, bound in bounds.items() if bound is not None}
        found.append(({clock: said}, lower, upper))
    return found


@st.composite
def policies(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """Make a policy cell by cell, and a function that looks its cells up by plain comparison."""
    asks_no_show = draw(st.booleans())
    most = 1 if asks_no_show else 2
    purchase = sorted(draw(st.sets(st.integers(1, 90), min_size=1, max_size=most)))
    service = sorted(draw(st.sets(st.integers(-40, 90), min_size=1, max_size=most + 1)))
    gives = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "percent_bps": st.integers(1, 10_000),
                    "fee": st.integers(0, 3_000),
                    "units_kept": st.integers(0, 3),
                }
            ),
            min_size=2,
            max_size=4,
        )
    )
    cells = []
    for one, from_p, to_p in intervals("since_purchase", purchase):
        for other, from_s, to_s in intervals("before_service", service):
            for away in (False, True) if asks_no_show else (None,):
                at = draw(st.integers(0, len(gives) - 1))
                when = {**one, **other, **({} if away is None else {"no_show": away})}
                cells.append((when, from_p, to_p, from_s, to_s, away, at))
    tiers = []
    for at, give in enumerate(gives):
        whens = [cell[0] for cell in cells if cell[6] == at]
        # A tier names few conditions: as many as can stand together, and each apart if not.
        if whens and len(whens) * 3 <= CONDITIONS_MAX:
            tiers.append({"when": {"any": whens}, **give})
        else:
            tiers += [{"when": when, **give} for when in whens]

    def look(purchased: timedelta, before: timedelta, *, away: bool) -> dict[str, Any]:
        def inside(value: timedelta, lower: int | None, upper: int | None) -> bool:
            return (lower is None or value >= timedelta(hours=lower)) and (
                upper is None or value < timedelta(hours=upper)
            )

        (found,) = (
            cell
            for cell in cells
            if inside(purchased, cell[1], cell[2])
            and inside(before, cell[3], cell[4])
            and cell[5] in (None, away)
        )
        return gives[found[6]]

    rounding = draw(st.sampled_from(["half_up", "half_even", "down", "up"]))
    own = draw(st.dictionaries(st.sampled_from(PARTS), st.sampled_from(["yes", "no"]), max_size=2))
    document = {
        "key": "p",
        "title": "P",
        "currency": "EUR",
        "rounding": rounding,
        "tiers": tiers,
        "components": {name: {"refundable": rule} for name, rule in own.items()},
    }
    return document, look


@st.composite
def payments(draw: st.DrawFn) -> RefundFacts:
    parts = draw(st.lists(st.integers(0, 20_000), min_size=5, max_size=5))
    if not sum(parts):
        parts[0] = 1
    count = draw(st.integers(0, 9))
    near = st.integers(-90, 180).map(lambda hours: timedelta(hours=hours))
    off = st.sampled_from([timedelta(0), TICK, -TICK])
    return RefundFacts(
        currency="EUR",
        exponent=2,
        captured=sum(parts),
        purchased_at=NOW - abs(draw(near)) - abs(draw(off)),
        captured_at=NOW,
        service_at=NOW + draw(near) + draw(off),
        no_show=draw(st.booleans()),
        components=dict(zip(PARTS, parts, strict=True)),
        units=(count, draw(st.integers(0, parts[0] // max(1, count)))),
    )


def rounded(exact: Fraction, rounding: str) -> int:
    whole = exact.numerator // exact.denominator
    rest = exact - whole
    match rounding:
        case "down":
            return whole
        case "up":
            return whole + (rest > 0)
        case "half_even":
            return round(exact)
        case _:
            return whole + (rest >= Fraction(1, 2))


@settings(max_examples=250, deadline=None)
@given(policies(), payments())
def test_a_quote_is_what_plain_fractions_say(
    made: tuple[dict[str, Any], Any], paid: RefundFacts
) -> None:
    document, look = made
    policy = policy_of(document)
    assert paid.service_at is not None
    # Nobody has stayed away from what has not begun.
    away = bool(paid.no_show) and paid.service_at < NOW
    give = look(NOW - paid.purchased_at, paid.service_at - NOW, away=away)
    rules = {name: rule["refundable"] for name, rule in document["components"].items()}
    percent = Fraction(give["percent_bps"], 10_000)
    ruled, own = Fraction(0), Fraction(0)
    for name, amount in paid.components.items():
        if rules.get(name) == "yes":
            own += amount
        elif name not in rules:
            kept = min(give["units_kept"], paid.units[0]) * paid.units[1] if paid.units else 0
            ruled += (amount - (kept if name == "fare" else 0)) * percent
    total = rounded(max(Fraction(0), ruled - give["fee"]) + own, document["rounding"])
    quoted = quote(policy, paid, NOW)
    assert (quoted.total, quoted.amount) == (total, total)
    assert quote(policy, paid, NOW) == quoted
    for line in quoted.breakdown:
        assert 0 <= line.total <= line.captured


@settings(max_examples=150, deadline=None)
@given(policies(), payments(), st.lists(st.integers(1, 9), max_size=8))
def test_partial_refunds_add_up_to_the_rounded_total(
    made: tuple[dict[str, Any], Any], paid: RefundFacts, steps: list[int]
) -> None:
    policy = policy_of(made[0])
    whole = quote(policy, paid, NOW)
    shares = dict.fromkeys(Component, 0)
    refunded = 0
    # The last refund takes the rest.
    for tenths in [*steps, 10]:
        facts = replace(paid, refunded=refunded)
        now = quote(policy, facts, NOW)
        assert now.amount == whole.total - refunded >= 0
        amount = now.amount * tenths // 10
        # A refund of less is shared out as if the rest were disputed.
        part = quote(policy, replace(facts, disputed=paid.captured - refunded - amount), NOW)
        assert part.amount == amount == sum(line.this for line in part.breakdown)
        for line in part.breakdown:
            assert line.this >= 0
            shares[line.component] += line.this
        refunded += amount
    assert refunded == whole.total <= paid.captured
    assert {line.component: line.total for line in whole.breakdown} == {
        line.component: shares[line.component] for line in whole.breakdown
    }


@settings(max_examples=120, deadline=None)
@given(
    policies(), payments(), st.integers(0, 50_000), st.integers(0, 50_000), st.integers(-200, 200)
)
def test_never_negative_and_never_more_than_is_left(
    made: tuple[dict[str, Any], Any], paid: RefundFacts, refunded: int, disputed: int, hours: int
) -> None:
    facts = replace(paid, refunded=refunded, disputed=disputed)
    quoted = quote(policy_of(made[0]), facts, NOW + timedelta(hours=hours))
    left = max(0, facts.captured - refunded - disputed)
    assert quoted.amount == min(max(0, quoted.total - refunded), left)
    assert sum(line.this for line in quoted.breakdown) == quoted.amount


@settings(max_examples=60, deadline=None)
@given(policies(), payments(), st.booleans(), st.booleans())
def test_what_is_missing_is_tried_in_every_way(
    made: tuple[dict[str, Any], Any],
    paid: RefundFacts,
    hide_service: bool,  # noqa: FBT001
    hide_units: bool,  # noqa: FBT001
) -> None:
    """Compare with a sweep over each hour and each price, which needs no cells at all."""
    policy = policy_of({**made[0], "unknown": "deny"})
    hidden = replace(
        paid,
        service_at=None if hide_service else paid.service_at,
        units=None if hide_units else paid.units,
    )
    fare = paid.components["fare"]
    # Who says that the buyer stayed away says that it has begun.
    services = [NOW + timedelta(hours=at) for at in range(-45, 0 if paid.no_show else 95)]
    amounts = {
        quote(policy, replace(paid, service_at=service, units=units), NOW).amount
        for service in (services if hide_service else [paid.service_at])
        for units in ([(1, 0), (1, fare)] if hide_units else [paid.units])
    }
    quoted = quote(policy, hidden, NOW)
    assert quoted.amount == min(amounts)
    assert any(step.code == "fact_missing" for step in quoted.trace) is (len(amounts) > 1)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        # Not those with a fixed fee, which may be more than what a later tier keeps.
        [name for name in NAMES if name.startswith(("lodging", "hotel_first", "app", "rail_value"))]
    ),
    st.integers(1, 100_000),
    st.integers(0, 50 * 24),
    st.lists(st.integers(0, 60 * 24), min_size=2, max_size=6),
)
def test_who_waits_gets_no_more(name: str, captured: int, lead: int, hours: list[int]) -> None:
    policy = example(name)
    paid = RefundFacts(
        currency=policy.currency or "EUR",
        exponent=2,
        captured=captured,
        purchased_at=NOW,
        captured_at=NOW,
        service_at=NOW + timedelta(hours=lead),
        no_show=False,
        units=(3, captured // 3),
    )
    amounts = [quote(policy, paid, NOW + timedelta(hours=at)).amount for at in sorted(hours)]
    assert amounts == sorted(amounts, reverse=True)


@settings(max_examples=150, deadline=None)
@given(policies(), payments())
def test_nothing_changes_before_the_next_boundary(
    made: tuple[dict[str, Any], Any], paid: RefundFacts
) -> None:
    policy = policy_of(made[0])
    now = quote(policy, paid, NOW)
    end = now.next_boundary or NOW + timedelta(days=20)
    if now.next_boundary is not None:
        assert quote(policy, paid, end).amount != now.amount
    for tenth in range(10):
        at = NOW + (end - TICK - NOW) * tenth // 10
        assert quote(policy, paid, at).amount == now.amount


def covered(policy: RefundPolicy, at: dict[str, int]) -> int:
    """Count the tiers that hold, reading the document alone."""

    def holds(when: dict[str, Any]) -> bool:
        found = []
        for name, value in when.items():
            if name == "all":
                found.append(all(holds(part) for part in value))
            elif name == "any":
                found.append(any(holds(part) for part in value))
            elif name == "no_show":
                found.append(bool(at["no_show"]) is value)
            else:
                sizes = {"s": 1, "m": 60, "h": HOUR, "d": 86_400}
                bounds = {key: int(text[:-1]) * sizes[text[-1]] for key, text in value.items()}
                shown = at[name]
                found.append(bounds.get("from", shown) <= shown < bounds.get("to", shown + 1))
        return all(found)

    return sum(holds(tier["when"]) for tier in policy.document()["tiers"])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.fixed_dictionaries(
        {
            "since_purchase": st.integers(0, 70 * 86_400),
            "since_capture": st.integers(0, 70 * 86_400),
            "since_delivery": st.integers(0, 70 * 86_400),
            "before_service": st.integers(-9 * 86_400, 70 * 86_400),
            "no_show": st.integers(0, 1),
        }
    ),
)
def test_the_examples_say_one_thing_at_every_time(name: str, at: dict[str, int]) -> None:
    policy = example(name)
    assert covered(policy, at) + (policy.otherwise is not None) >= 1
    assert covered(policy, at) <= 1
