"""Good rows of the tables of labels, models and backtests, and what each constraint refuses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.database.ids import AT, MERCHANT, OTHER, PAYMENT

LONG = "x" * 101
DIGEST = b"s" * 32

HISTORY_ROWS: dict[str, dict[str, Any]] = {
    "fraud_labels": {
        "merchant_id": MERCHANT,
        "payment_id": PAYMENT,
        "label_id": UUID(int=31),
        "label": "fraud",
        "source": "chargeback",
        "known_at": AT,
        "created_by": "ann",
    },
    "fraud_models": {
        "merchant_id": MERCHANT,
        "model": "score",
        "model_version": 1,
        "document": "{}",
        "sha256": DIGEST,
        "created_by": "ann",
    },
    "fraud_model_activations": {
        "merchant_id": MERCHANT,
        "activation_no": 1,
        "model": "score",
        "model_version": 1,
        "author": "ann",
    },
    "fraud_backtests": {
        "merchant_id": MERCHANT,
        "backtest_id": UUID(int=32),
        "ruleset": "candidate",
        "ruleset_sha256": DIGEST,
        "since": AT,
        "until": AT,
        "decisions": 0,
        "report": "{}",
        "created_by": "ann",
    },
}

HISTORY_CONSTRAINTS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "fraud_labels": {
        "fraud_labels_pkey": [{"label": "genuine"}],
        "fraud_labels_merchant_id_payment_id_fkey": [{"payment_id": OTHER}],
        "fraud_labels_label_check": [{"label": "maybe"}],
        "fraud_labels_source_check": [{"source": "rumour"}],
        "fraud_labels_created_by_check": [{"created_by": ""}, {"created_by": LONG}],
    },
    "fraud_models": {
        "fraud_models_pkey": [{"sha256": b"t" * 32}],
        "fraud_models_merchant_id_fkey": [{"merchant_id": OTHER}],
        "fraud_models_model_check": [{"model": "A"}, {"model": "a-b"}, {"model": ""}],
        "fraud_models_model_version_check": [{"model_version": 0}],
        "fraud_models_document_check": [{"document": "[]"}],
        "fraud_models_sha256_check": [{"sha256": b"s" * 31}],
        "fraud_models_created_by_check": [{"created_by": ""}, {"created_by": LONG}],
    },
    "fraud_model_activations": {
        "fraud_model_activations_pkey": [{"author": "ben"}],
        "fraud_model_activations_merchant_id_fkey": [
            {"merchant_id": OTHER, "model": None, "model_version": None}
        ],
        "fraud_model_activations_merchant_id_model_model_version_fkey": [
            {"activation_no": 2, "model_version": 2}
        ],
        "fraud_model_activations_activation_no_check": [{"activation_no": 0}],
        "fraud_model_activations_author_check": [{"author": ""}, {"author": LONG}],
        "fraud_model_activations_check": [{"model_version": None}, {"model": None}],
    },
    "fraud_backtests": {
        "fraud_backtests_pkey": [{"ruleset": "another"}],
        "fraud_backtests_ruleset_sha256_check": [{"ruleset_sha256": b"s" * 31}],
        "fraud_backtests_report_check": [{"report": "[]"}],
        "fraud_backtests_created_by_check": [{"created_by": ""}, {"created_by": LONG}],
    },
}
