"""One good row of each table about refunds, and a bad one for each constraint."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.database.ids import AT, MERCHANT, OTHER, PAYMENT, Wrong, texts

REFUND = UUID(int=80)

#: In the order of their foreign keys.
REFUND_ROWS: dict[str, dict[str, Any]] = {
    "refunds": {
        "merchant_id": MERCHANT,
        "refund_id": REFUND,
        "payment_id": PAYMENT,
        "status": "requested",
        "amount": 400,
        "currency": "EUR",
        "reason": "requested_by_buyer",
        "origin": "merchant",
        "idempotency_key": "refund-17",
        "requested_by": "Ada Lindqvist",
        "created_at": AT,
        "updated_at": AT,
    },
    "refund_decisions": {
        "merchant_id": MERCHANT,
        "refund_id": REFUND,
        "sequence": 1,
        "kind": "requested",
        "from_status": "new",
        "to_status": "requested",
        "actor": "Ada Lindqvist",
        "as_of": AT,
        "facts": "{}",
        "trace": "[]",
        "breakdown": "[]",
        "decided_at": AT,
    },
    "refund_notices": {
        "merchant_id": MERCHANT,
        "payment_id": PAYMENT,
        "gateway_id": "re_1",
        "amount": 400,
        "currency": "EUR",
        "told_at": AT,
        "status": "open",
        "next_try_at": AT,
    },
    "refund_policies": {
        "merchant_id": MERCHANT,
        "policy_key": "returns",
        "policy_version": 1,
        "document": "{}",
        "sha256": b"p" * 32,
        "buyer_role": "*",
        "product": "*",
        "jurisdiction": "*",
        "channel": "*",
        "payment_method": "*",
        "effective_from": AT,
        "status": "published",
        "author": "Cleo Marsh",
    },
}

_FRESH = {"refund_id": OTHER, "idempotency_key": "another"}
_THERE = {
    "refund_id": OTHER,
    "idempotency_key": None,
    "origin": "gateway",
    "status": "succeeded",
    "finished_at": AT,
    "gateway_id": "re_1",
}
_DISMISSED = {
    "gateway_id": "re_2",
    "status": "dismissed",
    "next_try_at": None,
    "dismissed_by": "operator:Cleo Marsh",
    "dismissed_because": "It was wrong.",
    "dismissed_at": AT,
}
_WITHDRAWN = {
    "withdrawn_at": AT,
    "withdrawn_by": "Cleo Marsh",
    "withdrawn_because": "It was wrong.",
}


def _fresh(wrong: Wrong) -> Wrong:
    return [{**_FRESH, **one} for one in wrong]


def _told(wrong: Wrong) -> Wrong:
    return [{"gateway_id": "re_2", **one} for one in wrong]


def _second(wrong: Wrong) -> Wrong:
    return [{"sequence": 2, **one} for one in wrong]


def _next(wrong: Wrong) -> Wrong:
    return [{"policy_version": 2, **one} for one in wrong]


REFUND_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "refunds": {
        "refunds_pkey": [{"idempotency_key": "another"}],
        "refunds_one_per_key": [{"refund_id": OTHER}],
        "refunds_merchant_id_payment_id_fkey": _fresh([{"payment_id": OTHER}]),
        "refunds_status_check": _fresh(
            [{"status": status, "finished_at": AT} for status in ("new", "refunded", "")]
        ),
        "refunds_amount_check": _fresh([{"amount": 0}, {"amount": -1}]),
        "refunds_reason_check": _fresh(texts("reason", 64)),
        "refunds_origin_check": _fresh([{"origin": "buyer"}]),
        "refunds_idempotency_key_check": [
            {"refund_id": OTHER, **bad} for bad in texts("idempotency_key", 255)
        ],
        "refunds_requested_by_check": _fresh(texts("requested_by", 200)),
        "refunds_quoted_amount_check": _fresh([{"quoted_amount": -1}]),
        "refunds_policy_sha256_check": _fresh(
            [{"policy_sha256": b"p" * size} for size in (0, 31, 33)]
        ),
        "refunds_override_reason_check": _fresh(texts("override_reason", 500)),
        "refunds_approved_by_check": _fresh(texts("approved_by", 200)),
        "refunds_gateway_id_check": _fresh(texts("gateway_id", 255, least=0)),
        "refunds_failure_reason_check": _fresh(
            [
                {"status": "failed", "finished_at": AT, "failure_reason": reason}
                for reason in ("", "x" * 65)
            ]
        ),
        "refunds_failure_code_check": _fresh(texts("failure_code", 100, least=0)),
        "refunds_key_of_ours": [
            {"refund_id": OTHER, "idempotency_key": None},
            {**_THERE, "idempotency_key": "another"},
        ],
        "refunds_finished_when_final": _fresh(
            [
                {"finished_at": AT},
                {"status": "pending", "finished_at": AT},
                {"status": "succeeded"},
                {"status": "rejected"},
                {"status": "canceled"},
                {"status": "failed", "failure_reason": "other"},
            ]
        ),
        "refunds_reason_when_failed": _fresh(
            [
                {"failure_reason": "other"},
                {"status": "failed", "finished_at": AT},
                {"status": "succeeded", "finished_at": AT, "failure_reason": "other"},
            ]
        ),
        "refunds_settled_amount_check": _fresh(
            [
                {"status": "succeeded", "finished_at": AT, "settled_amount": amount}
                for amount in (0, -1)
            ]
        ),
        "refunds_settled_when_given": _fresh(
            [
                {"settled_amount": 300},
                {"status": "succeeded", "finished_at": AT, "settled_amount": 400},
            ]
        ),
        "refunds_four_eyes": _fresh([{"four_eyes": True, "approved_by": "Ada Lindqvist"}]),
    },
    "refund_decisions": {
        "refund_decisions_pkey": [{}],
        "refund_decisions_merchant_id_refund_id_fkey": [{"refund_id": OTHER}],
        "refund_decisions_sequence_check": [{"sequence": 0}],
        "refund_decisions_kind_check": _second([{"kind": "undone"}]),
        "refund_decisions_legal_move": _second(
            [
                {"from_status": "new", "to_status": "failed"},
                {"from_status": "requested", "to_status": "succeeded"},
                {"from_status": "rejected", "to_status": "pending"},
                {"from_status": "succeeded", "to_status": "failed"},
                {"from_status": "canceled", "to_status": "requested"},
            ]
        ),
        "refund_decisions_actor_check": _second(texts("actor", 200)),
        "refund_decisions_because_check": _second(texts("because", 500)),
        "refund_decisions_facts_check": _second([{"facts": "[]"}, {"facts": "null"}]),
        "refund_decisions_trace_check": _second([{"trace": "{}"}, {"trace": '"a"'}]),
        "refund_decisions_breakdown_check": _second([{"breakdown": "{}"}, {"breakdown": '"a"'}]),
    },
    "refund_notices": {
        "refund_notices_pkey": [{}],
        "refund_notices_merchant_id_payment_id_fkey": [{"payment_id": OTHER}],
        "refund_notices_merchant_id_refund_id_fkey": _told(
            [{"status": "booked", "next_try_at": None, "refund_id": OTHER}]
        ),
        "refund_notices_gateway_id_check": texts("gateway_id", 255),
        "refund_notices_currency_check": _told(texts("currency", 10)),
        "refund_notices_status_check": _told([{"status": "new", "next_try_at": None}]),
        "refund_notices_waits_for_check": _told([{"waits_for": "godot"}]),
        "refund_notices_tries_check": _told([{"tries": -1}]),
        "refund_notices_became": _told(
            [
                {"refund_id": REFUND},
                {"status": "booked", "next_try_at": None},
                {**_DISMISSED, "refund_id": REFUND},
            ]
        ),
        "refund_notices_watched_while_open": _told(
            [
                {"next_try_at": None},
                {"status": "ours", "refund_id": REFUND},
                {**_DISMISSED, "next_try_at": AT},
            ]
        ),
        "refund_notices_dismissed_by_check": [
            {**_DISMISSED, **bad} for bad in texts("dismissed_by", 200)
        ],
        "refund_notices_dismissed_because_check": [
            {**_DISMISSED, **bad} for bad in texts("dismissed_because", 500)
        ],
        "refund_notices_dismissed_whole": [
            *_told(
                [
                    {"dismissed_by": "operator:Cleo Marsh"},
                    {"dismissed_because": "It was wrong."},
                    {"dismissed_at": AT},
                ]
            ),
            *({**_DISMISSED, name: None} for name in ("dismissed_by", "dismissed_because")),
            {**_DISMISSED, "dismissed_at": None},
        ],
    },
    "refund_policies": {
        "refund_policies_pkey": [{}],
        "refund_policies_merchant_id_fkey": [{"merchant_id": OTHER}],
        "refund_policies_policy_version_check": [{"policy_version": 0}],
        "refund_policies_document_check": _next([{"document": "[]"}]),
        "refund_policies_policy_key_check": _next(
            [{"policy_key": bad} for bad in ("", "A", "1a", "a b", "x" * 61)]
        ),
        "refund_policies_sha256_check": _next([{"sha256": b"p" * size} for size in (0, 31, 33)]),
        "refund_policies_buyer_role_check": _next([{"buyer_role": "admin"}, {"buyer_role": ""}]),
        "refund_policies_product_check": _next(texts("product", 60)),
        "refund_policies_jurisdiction_check": _next(texts("jurisdiction", 10)),
        "refund_policies_channel_check": _next(texts("channel", 60)),
        "refund_policies_payment_method_check": _next(texts("payment_method", 60)),
        "refund_policies_status_check": _next([{"status": "draft"}]),
        "refund_policies_author_check": _next(texts("author", 100)),
        "refund_policies_withdrawn_by_check": _next(
            [{"status": "withdrawn", **_WITHDRAWN, **bad} for bad in texts("withdrawn_by", 100)]
        ),
        "refund_policies_withdrawn_because_check": _next(
            [
                {"status": "withdrawn", **_WITHDRAWN, **bad}
                for bad in texts("withdrawn_because", 500)
            ]
        ),
        "refund_policies_withdrawn_whole": _next(
            [
                {"status": "withdrawn"},
                _WITHDRAWN,
                {"status": "withdrawn", **_WITHDRAWN, "withdrawn_at": None},
            ]
        ),
    },
}
#: Tried beside the tests that need two rows, or all of the table of moves.
REFUND_ELSEWHERE = {"refunds_once_outside", "refund_transitions_pkey"}
#: A refund that was made in the gateway's own screens.
MADE_THERE = _THERE
