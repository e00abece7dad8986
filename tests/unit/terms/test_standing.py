"""Where a subject stands follows from its last word on the line, and from the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from paykeel.terms.acceptance import State, Word, standing_of
from paykeel.terms.model import (
    Enough,
    Purpose,
    Requirement,
    TermsDecision,
    TermsDocument,
    TermsScope,
    TermsVersion,
    VersionStatus,
)
from tests.database.ids import AT, MERCHANT

DOCUMENT, SCOPE, OLDER, OLD, NEW, SAID = (UUID(int=number) for number in range(51, 57))
DAY = timedelta(days=1)


def requirement(*, days: int | None = None, grace_until: datetime | None = None) -> Requirement:
    """Ask for the version NEW at AT; OLD is graced if there is any grace."""
    document = TermsDocument(
        merchant_id=MERCHANT, document_id=DOCUMENT, key="terms", purpose=Purpose.CONTRACT,
        required=True, title="Terms", author="Ann", created_at=AT,
    )  # fmt: skip
    version = TermsVersion(
        merchant_id=MERCHANT, version_id=NEW, document_id=DOCUMENT, scope_id=SCOPE,
        scope=TermsScope(), version="2.0.0", change="major", requires_reacceptance=True,
        reaccept_after_days=days, effective_from=AT, effective_to=None, grace_until=grace_until,
        summary="", status=VersionStatus.PUBLISHED, version_sha256=b"h" * 32, author="Ann",
        created_at=AT,
    )  # fmt: skip
    since = None if days is None else AT - timedelta(days=days)
    older = (Enough(OLD, since, grace_until),) if grace_until else ()
    return Requirement(document, SCOPE, version, (Enough(NEW, since), *older))


def word(version_id: UUID = NEW, at: datetime = AT - 2 * DAY) -> Word:
    return Word(SCOPE, SAID, TermsDecision.ACCEPT, version_id, at)


def test_nothing_was_said() -> None:
    found = standing_of(requirement(), None, AT)
    assert (found.state, found.acceptance_id, found.until) == (State.MISSING, None, None)


def test_it_was_taken_back() -> None:
    said = replace(word(), decision=TermsDecision.WITHDRAW)
    assert standing_of(requirement(), said, AT).state is State.WITHDRAWN


@pytest.mark.parametrize(
    ("days", "age", "state", "until"),
    [
        (None, 400 * DAY, State.ACCEPTED, None),
        (10, 3 * DAY, State.ACCEPTED, AT + 7 * DAY),
        # At the very instant it is still enough, as for the gate.
        (10, 10 * DAY, State.ACCEPTED, AT),
        (10, 10 * DAY + timedelta(microseconds=1), State.EXPIRED, None),
    ],
)
def test_an_acceptance_grows_old(
    days: int | None, age: timedelta, state: State, until: datetime | None
) -> None:
    found = standing_of(requirement(days=days), word(at=AT - age), AT)
    assert (found.state, found.until) == (state, until)
    assert (found.acceptance_id, found.accepted_at) == (SAID, AT - age)


def test_the_version_before_is_enough_while_the_grace_lasts() -> None:
    asked = requirement(grace_until=AT + DAY)
    found = standing_of(asked, word(OLD), AT)
    assert (found.state, found.until) == (State.GRACE, AT + DAY)
    assert standing_of(asked, word(OLDER), AT).state is State.OUTDATED
    assert standing_of(requirement(), word(OLD), AT).state is State.OUTDATED


def test_the_grace_of_an_acceptance_ends_when_it_is_too_old() -> None:
    asked = requirement(days=10, grace_until=AT + 30 * DAY)
    found = standing_of(asked, word(OLD, AT - 9 * DAY), AT)
    assert (found.state, found.until) == (State.GRACE, AT + DAY)
    assert standing_of(asked, word(OLD, AT - 11 * DAY), AT).state is State.EXPIRED
