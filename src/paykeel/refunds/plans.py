"""What publishing a refund policy would do, beside the version before it. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.fraud.documents import write_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.refunds.catalogue import PolicyVersion
    from paykeel.refunds.policy import RefundPolicy


class PolicyChange(StrEnum):
    """What publishing a document would do."""

    #: There is no version of this key in force or to come.
    NEW = "new"
    CHANGED = "changed"
    #: The last version says exactly this.
    UNCHANGED = "unchanged"
    #: It has mistakes.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlan:
    """What publishing a document would do; nothing is done by planning it."""

    change: PolicyChange
    key: str | None = None
    #: The version that it is compared with, and the number it would have or has.
    version_from: int | None = None
    version_to: int | None = None
    sha256: bytes | None = None
    #: Of the canonical YAML, line by line, as a unified diff.
    difference: tuple[str, ...] = ()
    sentences_before: tuple[str, ...] = ()
    sentences_after: tuple[str, ...] = ()
    #: Other policies that are as specific for some of the same purchases: it would be refused.
    ties: tuple[PolicyVersion, ...] = ()
    #: Whether purchases are left without any policy: it is refused unless that is meant.
    leaves_none: bool = False
    #: Everything that is wrong with the document.
    mistakes: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_publishable(self) -> bool:
        """Whether nothing speaks against it."""
        return not (self.ties or self.mistakes or self.leaves_none)

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "refund_policy_plan",
            "change": self.change.value,
            "key": self.key,
            "version_from": self.version_from,
            "version_to": self.version_to,
            "sha256": None if self.sha256 is None else self.sha256.hex(),
            "difference": list(self.difference),
            "sentences_before": list(self.sentences_before),
            "sentences_after": list(self.sentences_after),
            "ties": [
                {
                    "key": one.policy_key,
                    "version": one.policy_version,
                    "scope": one.scope.document(),
                }
                for one in self.ties
            ],
            "leaves_none": self.leaves_none,
            "mistakes": [dict(mistake) for mistake in self.mistakes],
        }


def difference(
    before: tuple[str, RefundPolicy] | None, after: tuple[str, RefundPolicy]
) -> tuple[str, ...]:
    """Return a unified diff of two policies, each beside its name; nothing before is empty."""
    old_name, old = ("nothing", "") if before is None else (before[0], policy_yaml(before[1]))
    new_name, new = after[0], policy_yaml(after[1])
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), old_name, new_name, lineterm=""
    )
    return tuple(lines)


def policy_yaml(policy: RefundPolicy) -> str:
    """Return a policy as YAML with every default filled in; read again it is the same policy."""
    return write_yaml(policy.document())
