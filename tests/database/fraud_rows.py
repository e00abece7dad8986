"""Good rows of the tables of fraud prevention, and what each constraint refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from paykeel.money import AMOUNT_MAX
from tests.database.ids import AT, MERCHANT, OTHER, PAYMENT, Wrong, texts

_PAYMENT = {"merchant_id": MERCHANT, "payment_id": PAYMENT}
_DIGEST = b"d" * 32

#: Of these no row rests on a payment.
AMOUNT_ROWS: dict[str, dict[str, Any]] = {
    "amount_limits": {
        "merchant_id": MERCHANT,
        "currency": "EUR",
        "buyer_role": "*",
        "kind": "*",
        "effective_at": AT,
        "amount_min": 1,
        "amount_max": 100,
        "created_by": "ann",
        "created_at": AT,
    },
    "reference_rates": {
        "merchant_id": MERCHANT,
        "reference_currency": "EUR",
        "currency": "USD",
        "effective_on": AT.date(),
        "rate": Decimal("0.9215"),
        "created_by": "ann",
        "created_at": AT,
    },
}
FRAUD_ROWS: dict[str, dict[str, Any]] = {
    "fraud_prevention_logs": {
        **_PAYMENT,
        "log_id": UUID(int=5),
        "decision": "allow",
        "created_at": AT,
    },
    "velocity_attempts": {**_PAYMENT, "occurred_at": AT, "kinds": ["buyer"], "keys": [7]},
    "velocity_entries": {
        "merchant_id": MERCHANT,
        "key": 7,
        "outcome": "attempted",
        "occurred_at": AT,
        "payment_id": PAYMENT,
    },
    "velocity_profiles": {"merchant_id": MERCHANT, "key": 7, "first_at": AT, "last_at": AT},
    "fraud_rules": {
        "merchant_id": MERCHANT,
        "rule_key": "dear",
        "rule_version": 1,
        "document": "{}",
        "sha256": _DIGEST,
        "created_by": "ann",
    },
    "fraud_rulesets": {
        "merchant_id": MERCHANT,
        "ruleset": "default",
        "ruleset_version": 1,
        "document": "{}",
        "members": "[]",
        "sha256": _DIGEST,
        "created_by": "ann",
    },
    "fraud_activations": {
        "merchant_id": MERCHANT,
        "activation_id": UUID(int=7),
        "place": "live",
        "ruleset": "default",
        "ruleset_version": 1,
        "requested_by": "ann",
    },
    "fraud_lists": {
        "merchant_id": MERCHANT,
        "key": 7,
        "list": "block",
        "kind": "buyer",
        "reason": "chargebacks",
        "author": "ann",
        "created_at": AT,
    },
    "fraud_reviews": {
        **_PAYMENT,
        "status": "open",
        "reasons": ["dear"],
        "approvals_needed": 2,
        "due_at": AT,
        "created_at": AT,
    },
    "fraud_review_notes": {
        **_PAYMENT,
        "note_id": UUID(int=6),
        "action": "approve",
        "author": "Ada",
    },
    "fraud_alerts": {
        "merchant_id": MERCHANT,
        "alert_id": UUID(int=8),
        "kind": "decline_spike",
        "dedupe_key": "decline_spike",
        "status": "open",
        "first_at": AT,
        "last_at": AT,
        "count": 1,
        "counted_to": AT,
    },
}


def _digests(changes: dict[str, Any]) -> Wrong:
    return [{**changes, "sha256": b"d" * size} for size in (0, 31, 33)]


def _names(name: str, most: int) -> Wrong:
    return [{name: bad} for bad in ("", "A", "1a", "a-b", "x" * (most + 1))]


FRAUD_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "amount_limits": {
        "amount_limits_pkey": [{}],
        "amount_limits_merchant_id_fkey": [{"merchant_id": OTHER}],
        "amount_limits_currency_check": [{"currency": bad} for bad in ("", "eur", "EURO")],
        "amount_limits_buyer_role_check": [{"buyer_role": "guest"}],
        "amount_limits_kind_check": _names("kind", 40),
        "amount_limits_amount_min_check": [{"currency": "USD", "amount_min": 0}],
        "amount_limits_amount_max_check": [{"currency": "USD", "amount_max": AMOUNT_MAX + 1}],
        "amount_limits_in_order": [{"currency": "USD", "amount_min": 101}],
        "amount_limits_both_or_none": [
            {"currency": "USD", "amount_min": None},
            {"currency": "USD", "amount_max": None},
        ],
        "amount_limits_created_by_check": [
            {"currency": "USD", **bad} for bad in texts("created_by", 100)
        ],
    },
    "reference_rates": {
        "reference_rates_pkey": [{}],
        "reference_rates_merchant_id_fkey": [{"merchant_id": OTHER}],
        "reference_rates_of_another": [{"currency": "EUR"}],
        "reference_rates_rate_check": [{"currency": "JPY", "rate": bad} for bad in (0, -1)],
        "reference_rates_created_by_check": [
            {"currency": "JPY", **bad} for bad in texts("created_by", 100)
        ],
    },
    "fraud_prevention_logs": {
        "fraud_prevention_logs_pkey": [{"payment_id": OTHER}],
        "fraud_prevention_logs_by_payment": [{"log_id": OTHER}],
        "fraud_prevention_logs_decision_check": [{"log_id": OTHER, "decision": "maybe"}],
        "fraud_prevention_logs_check": [
            {"log_id": OTHER, "payment_id": None},
            {"log_id": OTHER, "payment_id": OTHER, "decision": "refuse"},
        ],
        "fraud_prevention_logs_score_check": [
            {"log_id": OTHER, "payment_id": OTHER, "score": bad} for bad in (-1, 101)
        ],
    },
    "velocity_attempts": {
        "velocity_attempts_pkey": [{}],
        "velocity_attempts_check": [
            {"payment_id": OTHER, "keys": []},
            {"payment_id": OTHER, "keys": [7, 8]},
        ],
    },
    "velocity_entries": {
        "velocity_entries_pkey": [{}],
        "velocity_entries_outcome_check": [{"outcome": bad} for bad in ("", "failed")],
    },
    "velocity_profiles": {"velocity_profiles_pkey": [{}]},
    "fraud_rules": {
        "fraud_rules_pkey": [{"sha256": b"e" * 32}],
        "fraud_rules_once": [{"rule_version": 2}],
        "fraud_rules_merchant_id_fkey": [{"merchant_id": OTHER}],
        "fraud_rules_rule_key_check": _names("rule_key", 60),
        "fraud_rules_rule_version_check": [{"rule_version": 0}],
        "fraud_rules_document_check": [{"rule_version": 2, "document": "[]"}],
        "fraud_rules_sha256_check": _digests({"rule_version": 2}),
        "fraud_rules_created_by_check": texts("created_by", 100),
    },
    "fraud_rulesets": {
        "fraud_rulesets_pkey": [{"sha256": b"e" * 32}],
        "fraud_rulesets_once": [{"ruleset_version": 2}],
        "fraud_rulesets_merchant_id_fkey": [{"merchant_id": OTHER}],
        "fraud_rulesets_ruleset_check": _names("ruleset", 60),
        "fraud_rulesets_ruleset_version_check": [{"ruleset_version": 0}],
        "fraud_rulesets_document_check": [{"ruleset_version": 2, "document": "[]"}],
        "fraud_rulesets_members_check": [{"ruleset_version": 2, "members": "{}"}],
        "fraud_rulesets_sha256_check": _digests({"ruleset_version": 2}),
        "fraud_rulesets_created_by_check": texts("created_by", 100),
    },
    "fraud_activations": {
        "fraud_activations_pkey": [{}],
        "fraud_activations_merchant_id_ruleset_ruleset_version_fkey": [
            {"activation_id": OTHER, **wrong}
            for wrong in ({"ruleset_version": 2}, {"ruleset": "another"}, {"merchant_id": OTHER})
        ],
        "fraud_activations_place_check": [{"activation_id": OTHER, "place": "dark"}],
        # A version of nothing, a name without a version; live is always something.
        "fraud_activations_check": [
            {"place": "shadow", "ruleset": None},
            {"place": "shadow", "ruleset_version": None},
        ],
        "fraud_activations_check1": [{"ruleset": None, "ruleset_version": None}],
        "fraud_activations_check2": [{"approved_by": "ben"}, {"approved_at": AT}],
        "fraud_activations_evidence_check": [{"evidence": "[]"}],
        "fraud_activations_requested_by_check": texts("requested_by", 100),
        "fraud_activations_approved_by_check": [
            {"approved_at": AT, **bad} for bad in texts("approved_by", 100)
        ],
        "fraud_activations_take_two": [
            {"approved_by": same, "approved_at": AT} for same in ("ann", "Ann", " ANN ")
        ],
    },
    "fraud_lists": {
        "fraud_lists_pkey": [{}],
        "fraud_lists_merchant_id_fkey": [{"merchant_id": OTHER}],
        "fraud_lists_list_check": _names("list", 40),
        "fraud_lists_kind_check": texts("kind", 47),
        "fraud_lists_reason_check": texts("reason", 200),
        "fraud_lists_author_check": texts("author", 100),
    },
    "fraud_reviews": {
        "fraud_reviews_pkey": [{}],
        "fraud_reviews_merchant_id_payment_id_fkey": [{"payment_id": OTHER}],
        "fraud_reviews_status_check": [{"status": "maybe", "decided_at": AT}],
        "fraud_reviews_approvals_needed_check": [{"approvals_needed": bad} for bad in (0, 3)],
        "fraud_reviews_assignee_check": texts("assignee", 100),
        "fraud_reviews_check": [{"decided_at": AT}, {"status": "rejected"}],
        "fraud_reviews_enough_approvals": [
            {"approvals": -1},
            {"approvals": 2},
            {"approvals": 1, "status": "approved", "decided_at": AT},
            {"approvals": 3, "status": "approved", "decided_at": AT},
        ],
    },
    "fraud_review_notes": {
        "fraud_review_notes_pkey": [{"action": "note"}],
        "fraud_review_notes_merchant_id_payment_id_fkey": [{"payment_id": OTHER, "action": "note"}],
        "fraud_review_notes_one_approval": [
            {"note_id": OTHER, "author": author} for author in ("Ada", "ada", " ADA ")
        ],
        "fraud_review_notes_action_check": [{"note_id": OTHER, "action": "think"}],
        "fraud_review_notes_author_check": [
            {"note_id": OTHER, **bad} for bad in texts("author", 100)
        ],
        "fraud_review_notes_body_check": [
            {"note_id": OTHER, "author": "Ben", **bad} for bad in texts("body", 2_000, least=0)
        ],
    },
    "fraud_alerts": {
        "fraud_alerts_pkey": [{"dedupe_key": "another"}],
        "fraud_alerts_one_open": [{"alert_id": OTHER}],
        "fraud_alerts_merchant_id_fkey": [{"merchant_id": OTHER}],
        "fraud_alerts_kind_check": [{"kind": "noise"}],
        "fraud_alerts_dedupe_key_check": texts("dedupe_key", 200),
        "fraud_alerts_status_check": [{"status": "closed"}],
        "fraud_alerts_count_check": [{"count": 0}],
        "fraud_alerts_counted_check": [{"counted": -1}],
        "fraud_alerts_told_check": [{"told": -1}],
        "fraud_alerts_acknowledged_by_check": texts("acknowledged_by", 100),
        "fraud_alerts_check": [{"status": "acknowledged"}, {"acknowledged_at": AT}],
    },
}
