"""Which policy holds: the last that has begun of each key, and the most specific of those."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from paykeel.refunds.catalogue import (
    PolicyCatalogue,
    PolicyStatus,
    PolicyVersion,
    catalogue_of,
    current_of,
    leaves_none,
    ties,
)
from paykeel.refunds.policy import ANY, PolicyScope
from paykeel.terms import TermsScope

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)
SCOPES = st.builds(
    PolicyScope,
    buyer_role=st.sampled_from([ANY, "agent"]),
    product=st.sampled_from([ANY, "ticket"]),
    jurisdiction=st.sampled_from([ANY, "DE", "DE-BY", "FR"]),
    channel=st.sampled_from([ANY, "web"]),
    payment_method=st.sampled_from([ANY, "card"]),
)
#: Key, days from now, and scope.
PUBLICATIONS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-3, 3), SCOPES), max_size=12)


def version(key: str, number: int, day: int, scope: PolicyScope) -> PolicyVersion:
    return PolicyVersion(
        merchant_id=UUID(int=1),
        policy_key=key,
        policy_version=number,
        sha256=bytes(32),
        scope=scope,
        effective_from=NOW + day * DAY,
        status=PolicyStatus.PUBLISHED,
        author="Ann",
        created_at=NOW,
    )


def published(made: list[tuple[str, int, PolicyScope]]) -> PolicyCatalogue:
    """Publish one after another, as the service does; what is refused is left out."""
    kept: list[PolicyVersion] = []
    for key, day, scope in made:
        catalogue = catalogue_of(sorted(kept, key=lambda one: one.name), 0)
        line, begins = catalogue.line(key), NOW + day * DAY
        if (line and begins <= line[-1].effective_from) or ties(catalogue, key, scope, begins):
            continue
        kept.append(version(key, len(line) + 1, day, scope))
    return catalogue_of(sorted(kept, key=lambda one: one.name), 7)


@given(PUBLICATIONS, SCOPES, st.integers(-4, 4))
def test_one_policy_at_most_is_the_most_specific(
    made: list[tuple[str, int, PolicyScope]], place: PolicyScope, day: int
) -> None:
    catalogue, at = published(made), NOW + day * DAY
    found = catalogue.in_force(place, at)
    held = [
        max(begun, key=lambda one: one.effective_from)
        for line in catalogue.lines
        if (begun := [one for one in line if one.effective_from <= at])
    ]
    fitting = [one for one in held if one.scope.covers(place)]
    if found is None:
        assert fitting == []
    else:
        weights = sorted(one.scope.weight for one in fitting)
        assert weights.count(found.scope.weight) == 1
        assert weights[-1] == found.scope.weight


@given(made=PUBLICATIONS, scope=SCOPES, day=st.integers(0, 3), follows=st.booleans())
def test_what_leaves_none_is_known_for_every_instant_to_come(
    made: list[tuple[str, int, PolicyScope]], scope: PolicyScope, day: int, *, follows: bool
) -> None:
    catalogue = published(made)
    for line in catalogue.lines:
        taken = line[-1]
        instead = replace(taken, scope=scope, effective_from=NOW + day * DAY, policy_version=99)
        if follows and instead.effective_from <= taken.effective_from:
            continue
        every = [one for each in catalogue.lines for one in each if follows or one != taken]
        every += [instead] if follows else []
        after = catalogue_of(sorted(every, key=lambda one: (one.policy_key, one.policy_version)), 0)
        days = [NOW + number * DAY for number in range(5)]
        opened = [
            at for at in days
            if catalogue.in_force(taken.scope, at) is not None
            and current_of(line, at) == taken
            and after.in_force(taken.scope, at) is None
        ]  # fmt: skip
        bare = not follows and taken.effective_from > NOW
        bare = bare and after.in_force(taken.scope, NOW) is None
        found = leaves_none(catalogue, taken, NOW, instead if follows else None)
        assert found == (bool(opened) and not bare)


def test_a_version_holds_from_its_instant_on_until_the_next() -> None:
    line = tuple(version("a", number, day, PolicyScope()) for number, day in ((1, 0), (2, 2)))
    instant = timedelta(microseconds=1)
    assert current_of(line, NOW - instant) is None
    assert current_of(line, NOW) == line[0]
    assert current_of(line, NOW + 2 * DAY - instant) == line[0]
    assert current_of(line, NOW + 2 * DAY) == line[1]


def test_a_purchase_that_does_not_say_where_is_for_a_star_alone() -> None:
    german = version("german", 1, 0, PolicyScope(jurisdiction="DE"))
    cards = version("cards", 1, 0, PolicyScope(payment_method="card", buyer_role="agent"))
    catalogue = catalogue_of([cards, german], 0)
    nowhere = TermsScope("agent", ANY, "purchase", ANY)
    assert catalogue.snapshot(nowhere, None, NOW) is None
    found = catalogue.snapshot(nowhere, "card", NOW)
    assert found is not None
    assert (found.key, found.version) == ("cards", 1)
    berlin = catalogue.snapshot(replace(nowhere, jurisdiction="DE-BE"), "sepa", NOW)
    assert berlin is not None
    assert berlin.key == "german"
    assert catalogue_of([], 3) == PolicyCatalogue((), 3)


def test_a_tie_is_only_where_and_when_both_would_hold() -> None:
    german, card = PolicyScope(jurisdiction="DE"), PolicyScope(payment_method="card")
    line = [version("a", 1, 0, german), version("a", 2, 5, PolicyScope(jurisdiction="FR"))]
    catalogue = catalogue_of(line, 0)
    assert ties(catalogue, "b", german, NOW, NOW + DAY) == [line[0]]
    assert ties(catalogue, "b", card, NOW) == line
    assert ties(catalogue, "b", german, NOW + 5 * DAY) == []
    assert ties(catalogue, "b", german, NOW - 2 * DAY, NOW) == []
    # Its own line, and what is more or less specific, are in nobody's way.
    assert ties(catalogue, "a", german, NOW) == []
    assert ties(catalogue, "b", PolicyScope(), NOW) == []
