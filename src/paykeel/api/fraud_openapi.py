"""What OpenAPI says of the routes of rules and lists, with an example of each document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.api.describing import Document, answer, operation, path, query
from paykeel.api.queries import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

_AT = "2026-11-23T09:30:00.000000Z"
_SHA256 = "ab" * 32
_RULE: Document = {
    "key": "daily_amount",
    "when": "velocity.buyer_sum_24h + payment.amount_ref > limit.buyer_daily_ref",
    "action": "block",
    "mode": "live",
    "reason": "daily_amount",
    "tests": [
        {"given": {"velocity.buyer_sum_24h": 499999, "payment.amount_ref": 2}, "expect": True},
        {"given": {"velocity.buyer_sum_24h": 499999, "payment.amount_ref": 1}, "expect": False},
    ],
}
DOCUMENT: Document = {
    "ruleset": "harbour_market",
    "on_failure": "review",
    "lists": ["vip"],
    "limits": {"buyer_daily_ref": 500000},
    "velocities": {
        "buyer_sum_24h": {
            "key": "buyer",
            "aggregate": "sum",
            "outcome": "attempted",
            "window": "24h",
            "cap": 1000,
        }
    },
    "rules": [_RULE],
}
APPLIES: Document = {"one_rule": {"author": "ann", "document": DOCUMENT}}
ACTIVATES: Document = {
    "shadow": {"place": "shadow", "ruleset": "harbour_market", "version": 1, "author": "ann"},
    "live": {"place": "live", "ruleset": "harbour_market", "version": 1, "author": "ann"},
    "empty_the_shadow": {"place": "shadow", "author": "ann"},
}
ENTRIES: Document = {
    "an_address": {
        "kind": "ip",
        "value": "203.0.113.9",
        "reason": "card testing",
        "author": "ann",
        "expires_at": "2027-01-01T00:00:00Z",
    }
}
REMOVALS: Document = {
    "a_value": {"kind": "ip", "value": "203.0.113.9"},
    "an_item": {"id": "00c5e1f0a9b8d7e6"},
}
_STORED: Document = {
    "object": "fraud_ruleset",
    "ruleset": "harbour_market",
    "version": 1,
    "sha256": _SHA256,
    "rules": [{"key": "daily_amount", "version": 1}],
    "created_by": "ann",
    "created_at": _AT,
}
_WHOLE: Document = {"ruleset": {**_STORED, "document": DOCUMENT}}
_LISTED: Document = {
    "page": {
        "object": "list",
        "data": [_STORED],
        "next_cursor": None,
        "live": {"ruleset": "default", "version": 0, "sha256": _SHA256},
        "shadow": {"ruleset": "harbour_market", "version": 1, "sha256": _SHA256},
        "unusable": [],
    }
}
_PLANNED: Document = {
    "plan": {
        "object": "fraud_ruleset_plan",
        "ruleset": "harbour_market",
        "sha256": _SHA256,
        "version_from": None,
        "version_to": 1,
        "is_new": True,
        "rules": [
            {
                "rule": "daily_amount",
                "change": "new",
                "version_from": None,
                "version_to": 1,
                "fields": [],
            }
        ],
        "parts": [
            {
                "part": "limits",
                "name": "buyer_daily_ref",
                "change": "new",
                "before": None,
                "after": 500000,
            }
        ],
        "warnings": [],
    }
}
_WAITING: Document = {
    "object": "fraud_activation",
    "id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0a",
    "place": "live",
    "status": "waiting",
    "ruleset": "harbour_market",
    "version": 1,
    "evidence": {"shadow_decisions": 1000},
    "requested_by": "ann",
    "requested_at": _AT,
    "approved_by": None,
    "approved_at": None,
}
_APPROVED: Document = {
    **_WAITING,
    "status": "in_force",
    "approved_by": "ben",
    "approved_at": _AT,
}
_ITEM: Document = {
    "object": "fraud_list_item",
    "id": "00c5e1f0a9b8d7e6",
    "list": "block",
    "kind": "ip",
    "reason": "card testing",
    "author": "ann",
    "created_at": _AT,
    "expires_at": None,
}


def _page(items: list[Document]) -> Document:
    return {"page": {"object": "list", "data": items, "next_cursor": None}}


_LIMIT = query(
    "limit",
    "How many.",
    type="integer",
    minimum=1,
    maximum=PAGE_ROWS_MAX,
    default=PAGE_ROWS_DEFAULT,
)
_PAGED = [query("cursor", "`next_cursor` of the page before."), _LIMIT]


_LIST = path("list", "`block`, `allow`, `watch`, or one that a ruleset declares.")


def _good(about: str, model: str, shown: Mapping[str, Any], status: int = 200) -> Document:
    return {str(status): answer(about, model, shown)}


APPLY = operation(
    {
        **_good("Stored.", "FraudRuleset", _WHOLE, 201),
        **_good("With `plan=true`: what would change.", "FraudRulesetPlan", _PLANNED),
    },
    [query("plan", "`true`: store nothing.", enum=["true", "false"], default="false")],
    body=("FraudRulesetApply", APPLIES),
)
RULESETS = operation(
    _good("A page.", "FraudRulesetList", _LISTED),
    [query("ruleset", "Only versions of this name."), *_PAGED],
)
RULESET = operation(
    _good("The version.", "FraudRuleset", _WHOLE),
    [
        path("name", "The ruleset's name."),
        path("version", "Its number; 0 is the built-in `default`.", pattern="^[0-9]{1,9}$"),
    ],
    404,
)
ACTIVATE = operation(
    _good("It waits for its second person, or runs in the shadow.", "FraudActivation", {
        "waiting": _WAITING,
    }),
    [],
    404,
    body=("FraudActivationRequest", ACTIVATES),
)  # fmt: skip
APPROVE = operation(
    _good("It is live.", "FraudActivation", {"in_force": _APPROVED}),
    [path("activation_id", "The activation's id.", format="uuid")],
    404,
    body=("FraudApproval", {"by_another": {"approver": "ben"}}),
)
ACTIVATIONS = operation(
    _good("A page.", "FraudActivationList", _page([_APPROVED])),
    _PAGED,
)
ITEMS = operation(_good("A page.", "FraudListItems", _page([_ITEM])), [_LIST, *_PAGED], 404)
ADD_ITEM = operation(
    _good("It is on the list.", "FraudListItem", {"item": _ITEM}),
    [_LIST],
    404,
    body=("FraudListEntry", ENTRIES),
)
REMOVE_ITEM = operation(
    {"204": {"description": "It is not on the list any more."}},
    [_LIST],
    404,
    body=("FraudListRemoval", REMOVALS),
)
