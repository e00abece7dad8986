"""Rulesets as they are stored, and the two that are built in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from paykeel.fraud.logs import instant_text
from paykeel.fraud.rules import default_ruleset_text, read_ruleset, read_ruleset_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.fraud.engine import ExpressionEngine
    from paykeel.fraud.ruleset import Ruleset

#: Which built-in ruleset judges where nothing was activated.
BuiltIn = Literal["default", "none"]
#: The name of the one that can be looked at, and began as version 0.
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one ruleset."""

    ruleset: str
    ruleset_version: int
    sha256: bytes

    def __str__(self) -> str:
        return f"{self.ruleset} {self.ruleset_version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A version of a ruleset as it is stored; ``document`` is empty where many are listed."""

    ruleset: str
    ruleset_version: int
    sha256: bytes
    #: ``{"key", "version"}`` of each rule.
    members: list[dict[str, Any]]
    created_by: str
    #: ``None``: it is built in.
    created_at: datetime | None
    document: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it was stored just now; False: it was there already.
    is_new: bool = False

    @property
    def version(self) -> Version:
        """Return which one it is."""
        return Version(self.ruleset, self.ruleset_version, self.sha256)

    def summary(self) -> dict[str, Any]:
        """Return it as values for JSON, without what it says."""
        return {
            "object": "fraud_ruleset",
            "ruleset": self.ruleset,
            "version": self.ruleset_version,
            "sha256": self.sha256.hex(),
            "rules": self.members,
            "created_by": self.created_by,
            "created_at": self.created_at and instant_text(self.created_at),
        }


def read_stored(stored: Stored, engine: ExpressionEngine | None = None) -> Ruleset:
    """Read a stored ruleset, with the numbers of its rules.

    Raises:
        RulesetRefused: It was stored by another release, and is not understood any more.
    """
    numbers = {member["key"]: member["version"] for member in stored.members}
    ruleset = read_ruleset(stored.document, engine)
    return ruleset.with_versions(stored.ruleset_version, numbers)


def built_in(name: BuiltIn, engine: ExpressionEngine | None = None) -> Ruleset:
    """Return a built-in ruleset: the default rules, or none at all."""
    if name == DEFAULT:
        return read_ruleset_text(default_ruleset_text(), engine)
    return read_ruleset({"ruleset": "none", "rules": []}, engine)


def built_in_stored() -> Stored:
    """Return the built-in default as if it were stored."""
    ruleset = built_in(DEFAULT)
    return Stored(
        ruleset=ruleset.name,
        ruleset_version=0,
        sha256=bytes.fromhex(ruleset.sha256),
        members=[{"key": rule.key, "version": 0} for rule in ruleset.rules],
        created_by="paykeel",
        created_at=None,
        document=ruleset.document(),
    )
