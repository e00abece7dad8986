"""Which version holds for whom and when, against a model that tries every line and version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from paykeel.terms.model import (
    ANY,
    Catalogue,
    Enough,
    Line,
    Purpose,
    TermsDocument,
    TermsScope,
    TermsVersion,
    VersionStatus,
    current_of,
    requirement_of,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
MERCHANT = UUID(int=1)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def document(key: str = "terms", *, required: bool = True) -> TermsDocument:
    return TermsDocument(
        merchant_id=MERCHANT, document_id=UUID(int=2), key=key, purpose=Purpose.CONTRACT,
        required=required, title="Terms", author="ann", created_at=START,
    )  # fmt: skip


def version(
    number: int,
    begins: float,
    *,
    anew: bool = True,
    ends: float | None = None,
    grace: float | None = None,
    days: int | None = None,
    scope: TermsScope = TermsScope(),  # noqa: B008 - it is frozen
) -> TermsVersion:
    return TermsVersion(
        merchant_id=MERCHANT, version_id=UUID(int=100 + number), document_id=UUID(int=2),
        scope_id=UUID(int=3), scope=scope, version=f"{number}.0.0",
        change="major" if anew else "minor", requires_reacceptance=anew, reaccept_after_days=days,
        effective_from=day(begins), effective_to=None if ends is None else day(ends),
        grace_until=None if grace is None else day(grace), summary="",
        status=VersionStatus.PUBLISHED, version_sha256=bytes(32), author="ann", created_at=START,
    )  # fmt: skip


def line(*versions: TermsVersion) -> Line:
    return Line(document(), UUID(int=3), versions[0].scope, versions)


def asked(versions: tuple[TermsVersion, ...], at: float) -> tuple[list[int], list[int]]:
    """Return the numbers of the versions that are enough, and of those in their grace."""
    need = requirement_of(line(*versions), day(at))
    assert need is not None
    found: dict[bool, list[int]] = {True: [], False: []}
    for one in reversed(need.enough):
        found[one.until is None].append(one.version_id.int - 100)
    return found[True], found[False]


def test_a_minor_version_asks_nobody_again() -> None:
    versions = version(1, 0), version(2, 10, anew=False), version(3, 20, anew=False)
    assert asked(versions, 5) == ([1], [])
    assert asked(versions, 25) == ([1, 2, 3], [])


def test_a_version_that_must_be_accepted_anew_closes_at_its_instant() -> None:
    versions = version(1, 0), version(2, 10)
    before = requirement_of(line(*versions), day(10) - timedelta(microseconds=1))
    at = requirement_of(line(*versions), day(10))
    assert before is not None
    assert at is not None
    assert before.enough == (Enough(versions[0].version_id),)
    assert at.enough == (Enough(versions[1].version_id),)


def test_in_its_grace_what_was_enough_before_still_is() -> None:
    versions = (
        version(1, 0),
        version(2, 5, anew=False),
        version(3, 10, grace=20),
        version(4, 12, anew=False),
    )
    assert asked(versions, 11) == ([3], [1, 2])
    assert asked(versions, 13) == ([3, 4], [1, 2])
    assert asked(versions, 20) == ([3, 4], [])


def test_what_has_ended_asks_for_nothing() -> None:
    assert requirement_of(line(version(1, 0, ends=5)), day(5)) is None
    assert requirement_of(line(version(1, 3)), day(2)) is None
    # A successor that begins before the end goes on.
    assert asked((version(1, 0, ends=5), version(2, 4)), 6) == ([2], [])


def test_an_acceptance_counts_for_so_many_days_as_the_version_says_that_was_accepted() -> None:
    versions = version(1, 0, days=30), version(2, 10, anew=False, days=7), version(3, 11, grace=20)
    need = requirement_of(line(*versions), day(12))
    assert need is not None
    assert [one.since for one in need.enough] == [None, day(5), day(-18)]


def test_a_grace_that_was_promised_outlasts_the_next_version_that_has_one() -> None:
    versions = version(1, 0), version(2, 10, grace=40), version(3, 20, grace=60), version(4, 30)
    need = requirement_of(line(*versions[:3]), day(25))
    assert need is not None
    assert [one.until for one in need.enough] == [None, day(60), day(40)]
    assert asked(versions[:3], 45) == ([3], [2])
    # Nobody is given longer than the shortest of what came after.
    shorter = versions[0], version(2, 10, grace=60), version(3, 20, grace=40)
    assert asked(shorter, 45) == ([3], [])
    # A version without grace ends them all.
    assert asked(versions, 30) == ([4], [])


def test_what_was_withdrawn_after_it_began_had_to_be_accepted_all_the_same() -> None:
    first, second = version(1, 0), version(2, 10)
    third = version(3, 20, anew=False)
    gone = replace(second, status=VersionStatus.WITHDRAWN, withdrawn_at=day(25))
    assert asked((first, gone, third), 26) == ([2, 3], [])
    # Behind the version in force it asks for nothing, and one that never began asks for nothing.
    assert asked((first, gone), 26) == ([1], [])
    unborn = replace(gone, withdrawn_at=day(9))
    assert asked((first, unborn, third), 26) == ([1, 3], [])


def test_the_most_specific_line_holds_and_a_country_covers_its_parts() -> None:
    anybody, german, bavarian = (
        TermsScope(), TermsScope(jurisdiction="DE"), TermsScope(jurisdiction="DE-BY"),
    )  # fmt: skip
    catalogue = Catalogue(
        tuple(
            Line(document(), UUID(int=number), scope, (version(number, 0, scope=scope),))
            for number, scope in enumerate((anybody, german, bavarian))
        ),
        1,
    )
    for place, expected in (("*", 0), ("FR", 0), ("DE", 1), ("DE-BE", 1), ("DE-BY", 2)):
        [need] = catalogue.requirements(TermsScope("agent", place, "purchase", "web"), day(1))
        assert need.scope_id.int == expected, place


def test_what_is_not_required_gates_nothing() -> None:
    one = Line(document(required=False), UUID(int=3), TermsScope(), (version(1, 0),))
    assert Catalogue((one,), 1).requirements(TermsScope(), day(1)) == ()
    assert Catalogue((one,), 1).in_force(TermsScope(), day(1)) == (requirement_of(one, day(1)),)


ROLES = st.sampled_from((ANY, "agent", "operator"))
PLACES = st.sampled_from((ANY, "DE", "DE-BY", "DE-BE", "FR"))
NAMES = st.sampled_from((ANY, "ticket", "hotel"))
SCOPES = st.builds(TermsScope, ROLES, PLACES, NAMES, NAMES)
PURCHASES = tuple(
    TermsScope(*parts)
    for parts in product(
        ("agent", "operator"),
        (ANY, "DE", "DE-BY", "DE-BE", "FR", "FR-75"),
        ("ticket", "hotel", "other"),
        (ANY, "ticket", "hotel"),
    )
)


@given(SCOPES, SCOPES)
def test_two_scopes_meet_exactly_when_somebody_is_covered_by_both(
    one: TermsScope, other: TermsScope
) -> None:
    both = [c for c in PURCHASES if one.covers(c) and other.covers(c)]
    assert one.meets(other) == bool(both)
    assert one.meets(other) == other.meets(one)


@given(st.lists(SCOPES, unique=True, max_size=6), st.sampled_from(PURCHASES))
def test_without_ties_one_line_holds_whatever_the_order(
    scopes: list[TermsScope], context: TermsScope
) -> None:
    kept: list[TermsScope] = []
    for scope in scopes:
        if not any(scope.meets(held) and scope.weight == held.weight for held in kept):
            kept.append(scope)
    lines = [
        Line(document(), UUID(int=number), scope, (version(number, 0, scope=scope),))
        for number, scope in enumerate(kept)
    ]
    covering = [scope for scope in kept if scope.covers(context)]
    forward = Catalogue(tuple(lines), 1).in_force(context, day(1))
    backward = Catalogue(tuple(reversed(lines)), 1).in_force(context, day(1))
    assert forward == backward
    best = sorted(covering, key=lambda scope: scope.weight, reverse=True)[:1]
    assert [one.current.scope for one in forward] == best


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.booleans(), st.none() | st.integers(0, 9)),
        min_size=1, max_size=6, unique_by=lambda one: one[0],
    ),
    st.floats(0, 30, allow_nan=False),
)  # fmt: skip
def test_every_version_that_is_enough_is_joined_to_the_present_one_without_a_gate(
    facts: list[tuple[int, bool, int | None]], at: float
) -> None:
    versions = tuple(
        version(number, begins, anew=anew, grace=None if grace is None else begins + grace)
        for number, (begins, anew, grace) in enumerate(sorted(facts))
    )
    begun = [one for one in versions if one.effective_from and one.effective_from <= day(at)]
    need = requirement_of(line(*versions), day(at))
    assert current_of(versions, day(at)) == (begun[-1] if begun else None)
    if need is None:
        assert not begun
        return
    held = {one.version_id: one for one in need.enough}
    for place, one in enumerate(begun):
        gates = [later for later in begun[place + 1 :] if later.requires_reacceptance]
        graces = [gate.grace_until for gate in gates]
        lasting = [grace for grace in graces if grace is not None and grace > day(at)]
        assert (one.version_id in held) == (len(lasting) == len(graces))
        if one.version_id in held:
            assert held[one.version_id].until == min(lasting, default=None)
    dates = [one.effective_from or START for one in begun]
    assert all(one < other for one, other in pairwise(dates))
