"""The bodies of refund policies as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Instant, Request
from paykeel.api.terms_documents import Locale, Person, Sha256
from paykeel.refunds.catalogue import PolicyStatus
from paykeel.refunds.plans import PolicyChange

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,59}$", description="Your own word for it.")]
PolicyDocument = Annotated[
    dict[str, Any], Field(description="As docs/reference/refund-policies.md tells of it.")
]
EffectiveFrom = Annotated[
    Instant | None, Field(description="From when on it holds; at once when left out.")
]
Number = Annotated[int, Field(ge=1, description="Counts from 1 for each key.")]


LeaveNone = Annotated[
    bool | None,
    Field(description="Although purchases are left without a policy then: on purpose."),
]


class RefundPolicyPublication(Request):
    """A document that is to be the next version of its key."""

    author: Person
    document: PolicyDocument
    effective_from: EffectiveFrom = None
    leave_none: LeaveNone = None


class RefundPolicyPlanRequest(Request):
    """A document of which nothing is stored."""

    document: PolicyDocument
    locale: Annotated[Locale | None, Field(description="Of the sentences.")] = "en"
    effective_from: EffectiveFrom = None


class RefundPolicyWithdrawal(Request):
    """Why a version is taken out of force."""

    author: Person
    because: Annotated[str, Field(min_length=1, max_length=500)]
    leave_none: LeaveNone = None


class RefundPolicyScope(Answer):
    """For which purchases a version is; `*` is any. The most specific policy holds."""

    buyer_role: str
    product: str
    jurisdiction: str
    channel: str
    payment_method: str


class RefundPolicy(Answer):
    """One version of a refund policy. What is published never changes."""

    object: Literal["refund_policy"]
    key: Key
    version: Number
    sha256: Annotated[Sha256, Field(description="Of the document's canonical form.")]
    scope: RefundPolicyScope
    effective_from: Instant
    status: PolicyStatus
    author: str
    created_at: Instant
    withdrawn_at: Instant | None
    withdrawn_by: str | None
    withdrawn_because: str | None


class RefundWholePolicy(RefundPolicy):
    """A version with what it says."""

    document: PolicyDocument


class RefundPolicies(Answer):
    """A page of versions, by key and newest first."""

    object: Literal["list"]
    data: list[RefundPolicy]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


class RefundPolicyPlan(Answer):
    """What publishing a document would do."""

    object: Literal["refund_policy_plan"]
    change: PolicyChange
    key: str | None
    version_from: Annotated[int | None, Field(description="The version it is compared with.")]
    version_to: Annotated[int | None, Field(description="The number it has, or would have.")]
    sha256: Sha256 | None
    difference: Annotated[
        list[str], Field(description="A unified diff of the policies as YAML, line by line.")
    ]
    sentences_before: list[str]
    sentences_after: list[str]
    ties: Annotated[
        list[dict[str, Any]],
        Field(description="Policies as specific for the same purchases: it would be refused."),
    ]
    leaves_none: Annotated[
        bool, Field(description="Purchases are left without a policy: likewise, unless meant.")
    ]
    mistakes: Annotated[
        list[dict[str, Any]], Field(description="Code, path and message of each: likewise.")
    ]


class RefundPolicySentences(Answer):
    """A version in sentences for people, made from its tiers."""

    object: Literal["refund_policy_sentences"]
    key: Key
    version: Number
    locale: Annotated[Locale, Field(description="The language that they are in.")]
    sentences: list[str]


class MerchantReturnPolicy(Answer):
    """A version as schema.org writes it, as far as it has words for what the version says."""

    context: Annotated[Literal["https://schema.org"], Field(alias="@context")]
    type: Annotated[Literal["MerchantReturnPolicy"], Field(alias="@type")]
    name: str
    description: Annotated[str, Field(description="The policy in sentences, in English.")]
    category: Annotated[str, Field(alias="returnPolicyCategory")]
    country: Annotated[str | None, Field(alias="applicableCountry")] = None
    days: Annotated[int | None, Field(alias="merchantReturnDays")] = None
    fee: Annotated[
        int | dict[str, str] | None,
        Field(alias="restockingFee", description="In percent, or an amount."),
    ] = None
    refund: Annotated[str | None, Field(alias="refundType")] = None
    fees: Annotated[str | None, Field(alias="returnFees")] = None
    unsaid: Annotated[
        list[dict[str, str]],
        Field(
            alias="additionalProperty",
            description="What the other fields cannot say, by the policy's own fields.",
        ),
    ]


REFUND_POLICY_REQUESTS: tuple[type[BaseModel], ...] = (
    RefundPolicyPublication, RefundPolicyPlanRequest, RefundPolicyWithdrawal,
)  # fmt: skip
REFUND_POLICY_ANSWERS: tuple[type[BaseModel], ...] = (
    RefundPolicy, RefundWholePolicy, RefundPolicies, RefundPolicyPlan, RefundPolicySentences,
    MerchantReturnPolicy,
)  # fmt: skip
