"""Good rows of the tables of seals, and what each constraint refuses."""

from __future__ import annotations

from typing import Any

from tests.database.ids import AT, MERCHANT, OTHER, Wrong, texts

_HASH = b"h" * 32
_FIRST = bytes(32)

SEAL_ROWS: dict[str, dict[str, Any]] = {
    "server_secrets": {"name": "quotes", "secret": b"s" * 32},
    "seals": {
        "merchant_id": MERCHANT,
        "chain": "fraud",
        "seal_no": 1,
        "form": 1,
        "previous_hash": _FIRST,
        "row_count": 2,
        "rows_total": 2,
        "root": _HASH,
        "next_from": OTHER,
        "sealed_at": AT,
        "public_key": _HASH,
        "seal_hash": _HASH,
        "signature": b"s" * 64,
    },
    "seal_leaves": {
        "merchant_id": MERCHANT,
        "chain": "fraud",
        "row_id": OTHER,
        "seal_no": 1,
        "leaf_hash": _HASH,
    },
    "seal_cursors": {"merchant_id": MERCHANT, "chain": "fraud"},
}


def _bytes(name: str, size: int) -> Wrong:
    return [{"seal_no": 2, name: b"b" * bad} for bad in (0, size - 1, size + 1)]


SEAL_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "server_secrets": {
        "server_secrets_pkey": [{}],
        "server_secrets_name_check": [{"name": bad} for bad in ("", "A", "1a", "x" * 65)],
        "server_secrets_secret_check": [{"secret": b"s" * size} for size in (0, 15, 4_097)],
    },
    "seals": {
        "seals_pkey": [{"previous_hash": _HASH}],
        "seals_never_fork": [{"seal_no": 2}],
        "seals_merchant_id_fkey": [{"merchant_id": OTHER}],
        "seals_chain_check": texts("chain", 32),
        "seals_seal_no_check": [{"seal_no": 0}],
        "seals_form_check": [{"seal_no": 2, "form": 0}],
        "seals_row_count_check": [{"seal_no": 2, "row_count": 0}],
        "seals_check": [{"seal_no": 2, "rows_total": 1}],
        "seals_previous_hash_check": _bytes("previous_hash", 32),
        "seals_root_check": _bytes("root", 32),
        "seals_public_key_check": _bytes("public_key", 32),
        "seals_seal_hash_check": _bytes("seal_hash", 32),
        "seals_signature_check": _bytes("signature", 64),
    },
    "seal_leaves": {
        "seal_leaves_pkey": [{}],
        "seal_leaves_merchant_id_chain_seal_no_fkey": [
            {"row_id": MERCHANT, "seal_no": 2},
            {"row_id": MERCHANT, "chain": "another"},
        ],
        "seal_leaves_leaf_hash_check": [{"leaf_hash": b"l" * size} for size in (0, 31, 33)],
    },
    "seal_cursors": {
        "seal_cursors_pkey": [{}],
        "seal_cursors_merchant_id_fkey": [{"merchant_id": OTHER}],
        "seal_cursors_chain_check": texts("chain", 32),
    },
}
