"""Which refund policy holds for a purchase at an instant, and what may not be published. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.errors import InvalidField, Refused
from paykeel.payments.encoding import instant
from paykeel.payments.snapshot import Snapshot
from paykeel.refunds.policy import ANY, PolicyScope, scope_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.terms import TermsScope


class PolicyStatus(StrEnum):
    """Where a version stands."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of a refund policy, without what it says. What is published never changes."""

    merchant_id: UUID
    #: The merchant's own word for the policy.
    policy_key: str
    #: Counts from 1 for each key.
    policy_version: int
    #: Of the document's canonical form.
    sha256: bytes
    scope: PolicyScope
    effective_from: datetime
    status: PolicyStatus
    author: str
    created_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_because: str | None = None

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.policy_key} {self.policy_version}"

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        ended = self.withdrawn_at
        return {
            "object": "refund_policy",
            "key": self.policy_key,
            "version": self.policy_version,
            "sha256": self.sha256.hex(),
            "scope": self.scope.document(),
            "effective_from": instant(self.effective_from),
            "status": self.status.value,
            "author": self.author,
            "created_at": instant(self.created_at),
            "withdrawn_at": None if ended is None else instant(ended),
            "withdrawn_by": self.withdrawn_by,
            "withdrawn_because": self.withdrawn_because,
        }


#: The published versions of one key, in the order in which they begin, which is their number's.
Line = tuple[PolicyVersion, ...]


@dataclass(frozen=True, slots=True)
class PolicyCatalogue:
    """Everything that a merchant has published and not withdrawn, key by key."""

    lines: tuple[Line, ...]
    #: Counts publications and withdrawals of the merchant, of terms and of refund policies.
    revision: int

    def in_force(self, scope: PolicyScope, at: datetime) -> PolicyVersion | None:
        """Return what holds for a purchase at an instant; ``None``: no policy does.

        Of each key the version that began last holds. Of those that are for the purchase the most
        specific one wins; two as specific cannot be published beside each other.
        """
        begun = (current_of(line, at) for line in self.lines)
        held = [one for one in begun if one is not None and one.scope.covers(scope)]
        return max(held, key=lambda one: one.scope.weight, default=None)

    def snapshot(
        self, scope: TermsScope, payment_method_type: str | None, at: datetime
    ) -> Snapshot | None:
        """Return what holds for a purchase at an instant, as it is kept with the payment."""
        if not self.lines:
            return None
        place = PolicyScope(
            scope.buyer_role,
            scope.product,
            scope.jurisdiction,
            scope.channel,
            payment_method_type or ANY,
        )
        held = self.in_force(place, at)
        if held is None:
            return None
        return Snapshot(held.policy_key, held.policy_version, held.sha256)

    def line(self, key: str) -> Line:
        """Return the published versions of a key; none at all when it is not known."""
        return next((line for line in self.lines if line[0].policy_key == key), ())


def catalogue_of(versions: Iterable[PolicyVersion], revision: int) -> PolicyCatalogue:
    """Gather published versions, which come by key and number."""
    lines: dict[str, list[PolicyVersion]] = {}
    for version in versions:
        lines.setdefault(version.policy_key, []).append(version)
    return PolicyCatalogue(tuple(tuple(line) for line in lines.values()), revision)


def current_of(line: Line, at: datetime) -> PolicyVersion | None:
    """Return the version of a key that holds at an instant: the last that has begun."""
    place = bisect_right(line, at, key=lambda one: one.effective_from)
    return line[place - 1] if place else None


def ties(
    catalogue: PolicyCatalogue,
    key: str,
    scope: PolicyScope,
    begins: datetime,
    ends: datetime | None = None,
) -> list[PolicyVersion]:
    """Return versions of other keys that are as specific, at some time for the same purchases.

    Args:
        catalogue: What is published.
        key: Whose own versions are left out: a new one takes the place of the one before it.
        scope: For which purchases.
        begins: From when on.
        ends: Before when; for good when left out.
    """
    return [
        rival
        for line in catalogue.lines
        if line[0].policy_key != key
        for rival in _held_within(line, begins, ends)
        if rival.scope.weight == scope.weight and rival.scope.meets(scope)
    ]


def _held_within(line: Line, begins: datetime, ends: datetime | None) -> Iterator[PolicyVersion]:
    """Give the versions that hold at some time of a period."""
    for place, version in enumerate(line):
        until = line[place + 1].effective_from if place + 1 < len(line) else None
        begun_in_time = ends is None or version.effective_from < ends
        if begun_in_time and (until is None or until > begins):
            yield version


def check_start(line: Line, begins: datetime, now: datetime) -> None:
    """Refuse what would hold backwards, or before the version that it follows.

    Raises:
        InvalidField: ``instant_in_past``.
        Refused: ``refund_policy_effective_order``.
    """
    if begins < now:
        raise InvalidField(
            "effective_from",
            "instant_in_past",
            f"It would begin at {begins.isoformat()}, which is over; nothing holds backwards.",
        )
    if line and begins <= line[-1].effective_from:
        last = line[-1]
        raise Refused(
            f"{last.name} is planned and begins at {instant(last.effective_from)} only; the next"
            f" version has to begin after that. For an earlier one, withdraw {last.name} first.",
            code="refund_policy_effective_order",
        )


def check_return(catalogue: PolicyCatalogue, taken: PolicyVersion, now: datetime) -> None:
    """Refuse a withdrawal after which two policies would be as specific for the same purchases.

    Raises:
        Refused: ``refund_policy_scope_tie``.
    """
    line = catalogue.line(taken.policy_key)
    place = line.index(taken)
    if place == 0:
        return
    back = line[place - 1]
    ends = line[place + 1].effective_from if place + 1 < len(line) else None
    begins = max(now, taken.effective_from)
    rivals = ties(catalogue, back.policy_key, back.scope, begins, ends)
    refuse_ties(back.name, back.scope, rivals)


def leaves_none(
    catalogue: PolicyCatalogue,
    taken: PolicyVersion,
    now: datetime,
    instead: PolicyVersion | None = None,
) -> bool:
    """Say whether at some time no policy is in force for some of what a version is for.

    Of a purchase without a policy everything may be refunded. What is withdrawn before it begins
    leaves nothing open that is not open already. Other policies are taken as they are planned,
    too: one that is for these purchases today may be for fewer of them tomorrow.

    Args:
        catalogue: As it is published now.
        taken: What is withdrawn, or followed by another version of its key.
        now: The time.
        instead: What follows it; ``None``: it is withdrawn.
    """
    lines = [
        (*line, instead) if instead is not None and taken in line else line
        for line in catalogue.lines
    ]
    if instead is None:
        lines = [tuple(one for one in line if one != taken) for line in lines]

    def is_covered(at: datetime) -> bool:
        held = (current_of(line, at) for line in lines)
        return any(one is not None and one.scope.covers(taken.scope) for one in held)

    if instead is None and taken.effective_from > now and not is_covered(now):
        return False
    begins = max(now, taken.effective_from) if instead is None else instead.effective_from
    starts = {one.effective_from for line in catalogue.lines for one in line}
    own = catalogue.line(taken.policy_key)
    return any(
        not is_covered(at)
        for at in {begins, *(start for start in starts if start > begins)}
        # Once it would have been followed by another version, that one answers for it.
        if current_of(own, at) == taken
    )


def refuse_ties(name: str, scope: PolicyScope, rivals: Sequence[PolicyVersion]) -> None:
    """Refuse a scope beside which these would hold for the same purchases.

    Raises:
        Refused: ``refund_policy_scope_tie``; the message names the first.
    """
    for rival in rivals:
        raise Refused(
            f"{rival.name} for {scope_text(rival.scope)} is as specific as {name} for"
            f" {scope_text(scope)}, and there are purchases for which both would hold.",
            code="refund_policy_scope_tie",
        )
