"""The options that commands about terms share."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cyclopts import Group, Parameter

from paykeel.cli.limits import Author
from paykeel.errors import InvalidField
from paykeel.payments.model import KIND
from paykeel.terms.model import ANY, TermsScope

if TYPE_CHECKING:
    from paykeel.cli.context import Output

PLACE = Group("For whom", sort_key=40)
CONTEXT = Group("The purchase that it is about", sort_key=40)
Role = Literal["agent", "operator"]


@Parameter(name="*", group=PLACE)
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """For whom a version is."""

    role: str = ANY
    """agent, operator, or * for both."""

    jurisdiction: str = ANY
    """ISO 3166: DE, DE-BY, or * for any."""

    product: str = ANY
    """The kind of purchase, or * for any."""

    channel: str = ANY
    """Your own word for where you sell, or * for any."""

    def scope(self) -> TermsScope:
        """Return it as terms know it."""
        return TermsScope(self.role, self.jurisdiction, self.product, self.channel)


EVERYBODY = Place()


@Parameter(name="*", group=CONTEXT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a purchase tells of itself, by which terms can differ."""

    jurisdiction: str = ANY
    """Where the buyer is, by ISO 3166: DE, DE-BY; * says nothing."""

    product: str = KIND
    """The kind of purchase."""

    channel: str = ANY
    """Your own word for where it is sold; * says nothing."""

    def scope(self, role: str) -> TermsScope:
        """Return it as terms know it, for a buyer in this role."""
        return TermsScope(role, self.jurisdiction, self.product, self.channel)


PLAIN = Context()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOptions:
    """What a version is, apart from its texts."""

    version: str | None = None
    """MAJOR.MINOR.PATCH; the next one of its line when left out."""

    change: str | None = None
    """major or minor. Left out: what the version's number says, or major."""

    reaccept: bool | None = None
    """Whether who accepted an earlier version must accept this one; if major, when left out."""

    reaccept_after_days: int | None = None
    """An acceptance counts for so many days; for good when left out."""

    effective_from: str | None = None
    """When it begins: 2027-01-01, or how long from now: 30d. When published, if left out."""

    effective_to: str | None = None
    """When it ends, in the same way; never when left out."""

    grace_days: int | None = None
    """For so many days after it begins, an acceptance of the version before is still enough."""

    grace_until: str | None = None
    """Until when that is so, instead of --grace-days."""

    summary: str = ""
    """What changes, in a sentence or two, for those who are asked."""

    authoritative: str | None = None
    """The language that counts when translations differ; the first one when left out."""

    author: Author = None
    """Who does this; the user of this terminal when left out."""


NEXT = VersionOptions()


def check_askable(out: Output, *, yes: bool) -> None:
    """Refuse what asks a question where nobody could answer it, before anything is done.

    Raises:
        InvalidField: ``field_required``: say --yes.
    """
    if not yes and (out.json or not sys.stdin.isatty()):
        raise InvalidField("--yes", "field_required", "Nobody can be asked here; say --yes.")


def asked(out: Output, question: str) -> bool:
    """Ask whoever sits there."""
    out.side.print(f"{question} [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
