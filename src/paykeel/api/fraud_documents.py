"""The documents of fraud prevention's rules and lists as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.fraud.lists import (
    AUTHOR_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    VALUE_CHARACTERS_MAX,
)

Person = Annotated[
    str,
    Field(min_length=1, max_length=AUTHOR_CHARACTERS_MAX, description="Who does this, by name."),
]
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,39}$")]
Version = Annotated[int, Field(ge=0, description="0 is the built-in ruleset.")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Of the canonical document.")]
ItemId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class FraudRulesetApply(Request):
    """A ruleset to store."""

    author: Annotated[Person | None, Field(description="Needed unless it is only planned.")] = None
    document: Annotated[
        dict[str, Any], Field(description="As docs/reference/fraud-rules.md tells of it.")
    ]


class FraudActivationRequest(Request):
    """A version that is to go live, or into the shadow; without one the shadow is emptied."""

    place: Literal["live", "shadow"]
    ruleset: Name | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    author: Person
    backtest_id: Annotated[Id | None, Field(description="Left out: the newest.")] = None


class FraudApproval(Request):
    """Who approves; somebody else than who asked."""

    approver: Person


class FraudListEntry(Request):
    """A value to put on a list."""

    kind: Annotated[str, Field(description="buyer, card, bin, email, …, or custom.<name>.")]
    value: Annotated[str, Field(min_length=1, max_length=VALUE_CHARACTERS_MAX)]
    reason: Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX)]
    author: Person
    expires_at: Instant | None = None


class FraudListRemoval(Request):
    """What to take off: a value with its kind, or an item by its id."""

    kind: str | None = None
    value: Annotated[str, Field(min_length=1, max_length=VALUE_CHARACTERS_MAX)] | None = None
    id: ItemId | None = None


class FraudMember(Answer):
    """One rule of a ruleset, in one version."""

    key: Name
    version: Version


class FraudRuleset(Answer):
    """One version of a ruleset, which never changes."""

    object: Literal["fraud_ruleset"]
    ruleset: Name
    version: Version
    sha256: Sha256
    rules: list[FraudMember]
    created_by: str
    created_at: Instant | None
    document: Annotated[
        dict[str, Any] | None, Field(description="Left out where many are listed.")
    ] = None


class FraudInForce(Answer):
    """What judges now, or runs in the shadow."""

    ruleset: str
    version: Version
    sha256: Sha256


class FraudRulesetList(Answer):
    """A page of versions, by name and newest first, and what is in force."""

    object: Literal["list"]
    data: list[FraudRuleset]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]
    live: FraudInForce
    shadow: FraudInForce | None
    unusable: Annotated[
        list[str], Field(description="What should be in force and does not compile.")
    ]


class FraudRuleChange(Answer):
    """What becomes of one rule."""

    rule: Name
    change: Literal["new", "changed", "same", "removed"]
    version_from: int | None
    version_to: int | None
    fields: list[str]


class FraudPartChange(Answer):
    """What becomes of a velocity, a limit, a list, a threshold or the policy on failure."""

    part: str
    name: str
    change: Literal["new", "changed", "removed"]
    before: Any
    after: Any


class FraudRulesetPlan(Answer):
    """What storing a ruleset would change."""

    object: Literal["fraud_ruleset_plan"]
    ruleset: Name
    sha256: Sha256
    version_from: int | None
    version_to: int
    is_new: Annotated[bool, Field(description="False: exactly this is stored already.")]
    rules: list[FraudRuleChange]
    parts: list[FraudPartChange]
    warnings: list[dict[str, Any]]


class FraudActivation(Answer):
    """A version that is live or in the shadow, was so, or waits for its second person."""

    object: Literal["fraud_activation"]
    id: Id
    place: Literal["live", "shadow"]
    status: Literal["waiting", "in_force", "replaced"]
    ruleset: str | None
    version: int | None
    evidence: dict[str, Any]
    requested_by: str
    requested_at: Instant
    approved_by: str | None
    approved_at: Instant | None


class FraudActivationList(Answer):
    """A page of activations, newest first."""

    object: Literal["list"]
    data: list[FraudActivation]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


class FraudListItem(Answer):
    """One key on one list; the value itself is not kept."""

    object: Literal["fraud_list_item"]
    id: ItemId
    list: str
    kind: str
    reason: str
    author: Annotated[str, Field(description="A person, or `rule:<key>`.")]
    created_at: Instant
    expires_at: Instant | None


class FraudListItems(Answer):
    """A page of what is on a list now, newest first."""

    object: Literal["list"]
    data: list[FraudListItem]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


FRAUD_REQUESTS: tuple[type[BaseModel], ...] = (
    FraudRulesetApply, FraudActivationRequest, FraudApproval, FraudListEntry, FraudListRemoval,
)  # fmt: skip
FRAUD_ANSWERS: tuple[type[BaseModel], ...] = (
    FraudRuleset, FraudRulesetList, FraudRulesetPlan, FraudActivation, FraudActivationList,
    FraudListItem, FraudListItems,
)  # fmt: skip
