"""Refunds are shared out over components: whole units, none lost, and none more than was paid."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paykeel.refunds.rounding import split
from paykeel.refunds.sharing import given_of, scaled, share

#: Of one component: what was captured, what the policy gives back in all, and what went back.
COMPONENT = st.integers(0, 500).flatmap(
    lambda captured: st.tuples(
        st.just(captured), st.integers(0, captured), st.integers(0, captured)
    )
)
COMPONENTS = st.lists(COMPONENT, min_size=1, max_size=5)


@given(COMPONENTS, st.data())
def test_the_parts_add_up_and_none_is_more_than_is_left(
    components: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    captured, totals, gone = (list(one) for one in zip(*components, strict=True))
    # What is known of it by component may be less than what went back, and more.
    before = data.draw(st.integers(0, sum(captured)))
    amount = data.draw(st.integers(0, sum(captured) - before))
    parts = share(captured, totals, gone, before, amount)
    assert sum(parts) == amount
    assert min(parts) >= 0
    had = split(gone, before)
    assert all(part + one <= most for part, one, most in zip(parts, had, captured, strict=True))


@given(COMPONENTS, st.data())
def test_in_whatever_steps_each_component_comes_to_its_total(
    components: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    captured, totals, _ = (list(one) for one in zip(*components, strict=True))
    gone, left = [0] * len(captured), sum(totals)
    while left:
        amount = data.draw(st.integers(1, left))
        parts = share(captured, totals, gone, sum(gone), amount)
        gone = [one + part for one, part in zip(gone, parts, strict=True)]
        left -= amount
    assert gone == totals


@given(COMPONENTS, st.data())
def test_where_nothing_is_known_by_component_it_is_as_if_shared_out_by_these_totals(
    components: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    captured, totals, _ = (list(one) for one in zip(*components, strict=True))
    before = data.draw(st.integers(0, sum(totals)))
    amount = data.draw(st.integers(0, sum(totals) - before))
    first = share(captured, totals, [], 0, before)
    assert share(captured, totals, [], before, amount) == share(
        captured, totals, first, before, amount
    )
    after = split(totals, before + amount)
    assert share(captured, totals, [], before, amount) == tuple(
        now - then for now, then in zip(after, split(totals, before), strict=True)
    )


@given(COMPONENTS, st.data())
def test_scaled_parts_add_up_and_none_is_more_than_is_left(
    components: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    left, parts, _ = (list(one) for one in zip(*components, strict=True))
    amount = data.draw(st.integers(0, sum(left)))
    found = scaled(parts, left, amount)
    assert sum(found) == amount
    assert all(0 <= part <= most for part, most in zip(found, left, strict=True))
    if amount == sum(parts):
        assert list(found) == parts
    if amount <= sum(parts):
        # In proportion, to a unit.
        whole = max(1, sum(parts))
        exact = [part * amount for part in parts]
        assert all(abs(one * whole - of) < whole for one, of in zip(found, exact, strict=True))


@given(COMPONENTS, st.data())
def test_whatever_each_refund_gave_back_no_component_gave_more_than_was_captured(
    components: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    captured = [one for one, _, _ in components]
    refunds: list[tuple[int, list[dict[str, Any]]]] = []
    gone = [0] * len(captured)
    while sum(gone) < sum(captured) and len(refunds) < 4:
        left = sum(captured) - sum(gone)
        asked = data.draw(st.integers(1, left))
        totals = [data.draw(st.integers(0, most)) for most in captured]
        parts = share(captured, totals, gone, sum(gone), asked)
        lines = [
            {"component": str(place), "captured": most, "this": part}
            for place, (most, part) in enumerate(zip(captured, parts, strict=True))
        ]
        settled = data.draw(st.integers(1, left))
        refunds.append((settled, lines))
        found = given_of(refunds)
        gone = [found[str(place)] for place in range(len(captured))]
        assert sum(gone) == sum(amount for amount, _ in refunds)
        assert all(0 <= one <= most for one, most in zip(gone, captured, strict=True))
