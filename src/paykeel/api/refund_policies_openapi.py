"""What OpenAPI says of the routes of refund policies, with an example of each body."""

from __future__ import annotations

from paykeel.api.describing import Document, answer, operation, path, query
from paykeel.api.terms_openapi import AT, page
from paykeel.refunds.parsing import policy_of
from paykeel.refunds.plans import difference
from paykeel.refunds.policy import policy_sha256
from paykeel.refunds.schema_org import schema_org
from paykeel.refunds.wording import sentences

_SENT: Document = {
    "key": "flexible",
    "title": "Flexible",
    "tiers": [
        {"name": "early", "when": {"before_service": {"from": "24h"}}, "percent_bps": 10_000},
        {"name": "late", "when": {"before_service": {"to": "24h"}}, "percent_bps": 5_000},
    ],
}
_POLICY = policy_of(_SENT)
_DOCUMENT = _POLICY.document()
_SAID = list(sentences(_POLICY, "en"))
_VERSION_1: Document = {
    "object": "refund_policy",
    "key": "flexible",
    "version": 1,
    "sha256": policy_sha256(_DOCUMENT).hex(),
    "scope": _POLICY.scope.document(),
    "effective_from": AT,
    "status": "published",
    "author": "Ada Lindqvist",
    "created_at": AT,
    "withdrawn_at": None,
    "withdrawn_by": None,
    "withdrawn_because": None,
}
_WITHDRAWN: Document = {
    **_VERSION_1,
    "status": "withdrawn",
    "withdrawn_at": AT,
    "withdrawn_by": "Ada Lindqvist",
    "withdrawn_because": "The wrong hours.",
}
_PLANNED: Document = {
    "object": "refund_policy_plan",
    "change": "new",
    "key": "flexible",
    "version_from": None,
    "version_to": 1,
    "sha256": _VERSION_1["sha256"],
    "difference": list(difference(None, ("flexible 1", _POLICY))),
    "sentences_before": [],
    "sentences_after": _SAID,
    "ties": [],
    "leaves_none": False,
    "mistakes": [],
}
_CURSOR = "^[a-z][a-z0-9_-]{0,59}\\.[1-9][0-9]{0,8}$"
_PAGED = [
    query("key", "Only this policy.", pattern="^[a-z][a-z0-9_-]{0,59}$"),
    query("cursor", "`next_cursor` of the page before.", pattern=_CURSOR),
    query("limit", "How many.", type="integer", minimum=1, maximum=100, default=20),
]
_PLACE = [
    path("key", "The policy's key.", pattern="^[a-z][a-z0-9_-]{0,59}$"),
    path("version", "The version's number.", pattern="^[1-9][0-9]{0,8}$"),
]


def _good(about: str, model: str, name: str, shown: Document, status: int = 200) -> Document:
    return {str(status): answer(about, model, {name: shown})}


VERSIONS = operation(_good("A page.", "RefundPolicies", "page", page(_VERSION_1)), _PAGED)
PUBLISH = operation(
    {
        **_good("It is published.", "RefundPolicy", "published", _VERSION_1, 201),
        **_good("The last version says just this.", "RefundPolicy", "published", _VERSION_1),
    },
    [],
    body=(
        "RefundPolicyPublication",
        {
            "at_once": {"author": "Ada Lindqvist", "document": _SENT},
            "from_new_year_on": {
                "author": "Ada Lindqvist",
                "document": _DOCUMENT,
                "effective_from": "2027-01-01T00:00:00Z",
            },
        },
    ),
)
PLAN = operation(
    _good("What it would do.", "RefundPolicyPlan", "new", _PLANNED),
    [],
    body=("RefundPolicyPlanRequest", {"in_english": {"document": _SENT, "locale": "en"}}),
)
VERSION = operation(
    _good("The version.", "RefundWholePolicy", "version", {**_VERSION_1, "document": _DOCUMENT}),
    _PLACE,
    404,
)
WITHDRAW = operation(
    _good("It is out of force.", "RefundPolicy", "withdrawn", _WITHDRAWN),
    _PLACE,
    404,
    body=(
        "RefundPolicyWithdrawal",
        {"by_ada": {"author": "Ada Lindqvist", "because": "The wrong hours."}},
    ),
)
SENTENCES = operation(
    _good(
        "In sentences.",
        "RefundPolicySentences",
        "in_english",
        {
            "object": "refund_policy_sentences",
            "key": "flexible",
            "version": 1,
            "locale": "en",
            "sentences": _SAID,
        },
    ),
    [
        *_PLACE,
        query("locale", "BCP 47; the nearest language that is spoken is taken.", default="en"),
    ],
    404,
)
SCHEMA_ORG = operation(
    _good("As schema.org has it.", "MerchantReturnPolicy", "policy", schema_org(_POLICY)),
    _PLACE,
    404,
)
