"""The database refuses what must never be: a bad row for each constraint."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from paykeel.money import AMOUNT_MAX, tender_currencies
from paykeel.payments.states import NEW, Status, edges, outcome
from tests.database.fraud_history_rows import HISTORY_CONSTRAINTS
from tests.database.fraud_rows import FRAUD_CONSTRAINTS
from tests.database.ids import AT, OTHER, Wrong, texts
from tests.database.metric_alerts_rows import METRIC_ALERT_CONSTRAINTS
from tests.database.metrics_rows import METRIC_CONSTRAINTS, METRIC_ELSEWHERE
from tests.database.refund_rows import REFUND_CONSTRAINTS, REFUND_ELSEWHERE
from tests.database.rows import ROWS, put, put_all
from tests.database.sealing_rows import SEAL_CONSTRAINTS
from tests.database.sinks_rows import SINK_CONSTRAINTS
from tests.database.terms_event_rows import (
    ERASURE,
    EVENT_CONSTRAINTS,
    EVENT_ELSEWHERE,
    EVENT_LIMITS,
)
from tests.database.terms_rows import IMPORTED, TERMS_CONSTRAINTS, TERMS_ELSEWHERE, TERMS_LIMITS

PAYMENTS: dict[str, Wrong] = {
    "payments_merchant_id_fkey": [{"merchant_id": OTHER}],
    "payments_pkey": [{"idempotency_key": "another"}],
    "payments_one_per_key": [{"payment_id": OTHER}],
    "payments_amount_check": [{"amount": 0}, {"amount": -1}, {"amount": AMOUNT_MAX + 1}],
    "payments_version_check": [{"version": 0}],
    "payments_status_check": [{"status": "refunded"}, {"status": "new"}, {"status": ""}],
    "payments_capture_method_check": [{"capture_method": "later"}],
    "payments_buyer_role_check": [{"buyer_role": "admin"}],
    "payments_idempotency_key_check": texts("idempotency_key", 255),
    "payments_buyer_id_check": texts("buyer_id", 128),
    "payments_payment_method_check": texts("payment_method", 255),
    "payments_reference_check": texts("reference", 128),
    "payments_kind_check": [{"kind": bad} for bad in ("", "A", "1a", "a-b", "x" * 41)],
    "payments_description_check": texts("description", 500),
    "payments_gateway_check": texts("gateway", 64),
    "payments_gateway_id_check": texts("gateway_id", 255, least=0),
    "payments_completion_hook_check": texts("completion_hook", 200),
    "payments_failure_code_check": [
        {
            "status": "failed",
            "finished_at": AT,
            "failure_reason": "other",
            "failure_code": "x" * 101,
        }
    ],
    "payments_failure_reason_check": [
        {"status": "failed", "finished_at": AT, "failure_reason": reason}
        for reason in ("", "x" * 65)
    ],
    "payments_metadata_check": [{"metadata": "[]"}, {"metadata": '"a"'}, {"metadata": "null"}],
    "payments_warnings_check": [{"warnings": "{}"}, {"warnings": '"a"'}, {"warnings": "null"}],
    "payments_amount_authorized_check": [{"amount_authorized": -1}],
    "payments_amount_captured_check": [{"amount_captured": -1}],
    "payments_amount_refunded_check": [{"amount_refunded": -1}],
    "payments_amount_late_check": [{"amount_late": -1}],
    "payments_authorized_within_amount": [{"amount_authorized": 1_001}],
    "payments_captured_within_authorized": [{"amount_authorized": 500, "amount_captured": 501}],
    "payments_refunded_within_captured": [
        {"amount_authorized": 500, "amount_captured": 400, **more}
        for more in (
            {"amount_refunded": 401},
            {"amount_refund_reserved": 401},
            {"amount_refunded": 400, "amount_refund_reserved": 1},
            {"amount_refunded": 1, "amount_refund_reserved": 400},
        )
    ],
    "payments_amount_refund_reserved_check": [{"amount_refund_reserved": -1}],
    "payments_amount_disputed_check": [{"amount_disputed": -1}],
    "payments_disputed_within_captured": [
        {"amount_authorized": 500, "amount_captured": 400, "amount_disputed": 401}
    ],
    "payments_refund_policy_sha256_check": [
        {
            "refund_policy_key": "returns",
            "refund_policy_version": 1,
            "refund_policy_sha256": b"p" * size,
        }
        for size in (0, 31, 33)
    ],
    "payments_refund_policy_whole": [
        {"refund_policy_key": "returns"},
        {"refund_policy_version": 1},
        {"refund_policy_sha256": b"p" * 32},
        {"refund_policy_key": "returns", "refund_policy_version": 1},
        {"refund_policy_version": 1, "refund_policy_sha256": b"p" * 32},
    ],
    "payments_finished_when_final": [
        {"finished_at": AT},
        {"status": "canceled"},
        {"status": "expired"},
        {"status": "authorized", "finished_at": AT},
        {"status": "failed", "failure_reason": "other"},
    ],
    "payments_captured_when_succeeded": [{"status": "succeeded", "finished_at": AT}],
    "payments_reason_when_failed": [
        {"failure_reason": "other"},
        {"status": "failed", "finished_at": AT},
        {"status": "blocked", "finished_at": AT},
        {"status": "canceled", "finished_at": AT, "failure_reason": "other"},
    ],
    "payments_next_action_when_required": [
        {"status": "requires_action"},
        {"next_action": "{}"},
    ],
    "payments_exponent_is_the_currencys": [
        {"exponent": 0},
        {"exponent": 3},
        {"currency": "JPY", "exponent": 2},
        {"currency": "KWD", "exponent": 2},
        {"currency": "CLF", "exponent": 2},
    ],
    "currency_code_is_tender": [
        {"currency": code} for code in ("XAU", "XXX", "eur", "EURO", "", "BTC")
    ],
}
ATTEMPTS: dict[str, Wrong] = {
    "payment_attempts_merchant_id_payment_id_fkey": [{"payment_id": OTHER}],
    "payment_attempts_merchant_id_refund_id_fkey": [{"attempt_no": 2, "refund_id": OTHER}],
    "payment_attempts_pkey": [{"state": "waiting"}],
    "payment_attempts_one_open": [{"attempt_no": 2}],
    "payment_attempts_amount_check": [{"attempt_no": 2, "amount": 0}],
    "payment_attempts_attempt_no_check": [{"attempt_no": 0}],
    "payment_attempts_operation_check": [{"attempt_no": 2, "operation": "dispute"}],
    "payment_attempts_reference_check": [
        {"attempt_no": 2, "reference": reference} for reference in (b"", b"r" * 31, b"r" * 33)
    ],
    "payment_attempts_idempotency_key_check": texts("idempotency_key", 255),
    "payment_attempts_ends_in_check": [{"attempt_no": 2, "ends_in": "succeeded"}],
    "payment_attempts_outcome_check": [{"attempt_no": 2, "outcome": "x" * 201}],
    "payment_attempts_state_check": [
        {"attempt_no": 2, "state": "lost", "recover_at": AT},
    ],
    "payment_attempts_watched": [
        {"attempt_no": 2, "state": "waiting", "recover_at": None},
        {"attempt_no": 2, "state": "done", "finished_at": AT},
    ],
    "payment_attempts_finished": [
        {"attempt_no": 2, "state": "waiting", "finished_at": AT},
        {"attempt_no": 2, "state": "done", "recover_at": None},
    ],
}
HISTORY: dict[str, Wrong] = {
    "payment_events_merchant_id_payment_id_fkey": [{"payment_id": OTHER}],
    "payment_events_pkey": [{}],
    "payment_events_sequence_check": [{"sequence": 0}],
    "payment_events_type_check": [{"sequence": 2, "type": ""}, {"sequence": 2, "type": "x" * 65}],
    "payment_events_reason_check": [{"sequence": 2, "reason": "x" * 65}],
    "payment_events_actor_check": [
        {"sequence": 2, "actor": ""},
        {"sequence": 2, "actor": "x" * 201},
    ],
    "payment_events_legal_move": [{"sequence": 2, "to_status": "succeeded"}],
}
IDEMPOTENCY: dict[str, Wrong] = {
    "payment_idempotency_merchant_id_payment_id_fkey": [
        {"idempotency_key": "k", "payment_id": OTHER}
    ],
    "payment_idempotency_pkey": [{}],
    "payment_idempotency_idempotency_key_check": texts("idempotency_key", 255),
    "payment_idempotency_operation_check": [{"idempotency_key": "k", "operation": "void"}],
    "payment_idempotency_fingerprint_check": [
        {"idempotency_key": "k", "fingerprint": mark} for mark in (b"", b"f" * 31, b"f" * 33)
    ],
    "payment_idempotency_response_status_check": [
        {
            "idempotency_key": "k",
            "response_status": status,
            "response_body": b"",
            "answered_at": AT,
        }
        for status in (199, 500, 503)
    ],
    "payment_idempotency_response_type_check": [
        {"idempotency_key": "k", "response_type": "x" * 101}
    ],
    "payment_idempotency_check": [
        {"idempotency_key": "k", "response_status": 201, "answered_at": AT},
        {"idempotency_key": "k", "response_body": b"{}"},
    ],
    "payment_idempotency_check1": [
        {"idempotency_key": "k", "response_status": 201, "response_body": b"{}"},
        {"idempotency_key": "k", "answered_at": AT},
    ],
}
REST: dict[str, dict[str, Wrong]] = {
    "merchants": {
        "merchants_pkey": [{}],
        "merchants_name_check": [{"merchant_id": OTHER, **bad} for bad in texts("name", 200)],
        "merchants_mode_check": [{"merchant_id": OTHER, "mode": "sandbox"}],
        "merchants_status_check": [{"merchant_id": OTHER, "status": "closed"}],
    },
    "api_keys": {
        "api_keys_pkey": [{"prefix": "q" * 20}],
        "api_keys_prefix_key": [{"key_id": OTHER}],
        "api_keys_merchant_id_fkey": [{"merchant_id": OTHER, "prefix": "q" * 20}],
        "api_keys_prefix_check": [{"key_id": OTHER, "prefix": "q" * size} for size in (19, 41)],
        "api_keys_secret_sha256_check": [
            {"key_id": OTHER, "prefix": "q" * 20, "secret_sha256": b"s" * 31}
        ],
        "api_keys_name_check": [
            {"key_id": OTHER, "prefix": "q" * 20, **bad} for bad in texts("name", 200)
        ],
        "api_keys_scopes_check": [
            {"key_id": OTHER, "prefix": "q" * 20, "scopes": scopes} for scopes in ([], ["a"] * 21)
        ],
    },
    "outbox": {
        "outbox_pkey": [{}],
        "outbox_topic_check": [{"message_id": OTHER, **bad} for bad in texts("topic", 64)],
    },
}
TABLES: dict[str, dict[str, Wrong]] = {
    "payments": PAYMENTS,
    "payment_attempts": ATTEMPTS,
    "payment_events": HISTORY,
    "payment_idempotency": IDEMPOTENCY,
    **REST,
    **FRAUD_CONSTRAINTS,
    **HISTORY_CONSTRAINTS,
    **METRIC_CONSTRAINTS,
    **REFUND_CONSTRAINTS,
    **METRIC_ALERT_CONSTRAINTS,
    **SINK_CONSTRAINTS,
    **SEAL_CONSTRAINTS,
    **TERMS_CONSTRAINTS,
    **EVENT_CONSTRAINTS,
}


async def refused_by(admin: asyncpg.Connection, table: str, changes: dict[str, Any]) -> str | None:
    """Return the constraint that refuses a row; nothing: it was taken."""
    try:
        async with admin.transaction():
            await put(admin, table, **changes)
    except asyncpg.IntegrityConstraintViolationError as error:
        name: str | None = error.constraint_name
        return name
    return None


@pytest.mark.parametrize("table", TABLES)
async def test_every_constraint_refuses_what_it_is_for(
    admin: asyncpg.Connection, table: str
) -> None:
    await put_all(admin)
    faults = []
    for constraint, wrong in TABLES[table].items():
        for changes in wrong:
            found = await refused_by(admin, table, changes)
            if found != constraint:
                faults.append(f"{changes}: {found} in the place of {constraint}")
    assert faults == []


async def test_no_constraint_is_left_untried(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        """
        SELECT conname AS name FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
            AND conrelid <> 'paykeel_migrations'::regclass
        UNION
        SELECT indexrelid::regclass::text FROM pg_index
        WHERE indisunique AND indrelid = ANY ($1::text[]::regclass[])
        """,
        list(ROWS),
    )
    tried = {constraint for wrong in TABLES.values() for constraint in wrong}
    # The key of a follow-up is tried beside the key of the charge, below.
    known = tried | TERMS_ELSEWHERE | EVENT_ELSEWHERE | REFUND_ELSEWHERE | METRIC_ELSEWHERE
    known |= {"payment_attempts_one_per_key", "payment_transitions_pkey"}
    assert {row["name"] for row in rows} == known


async def test_no_index_but_the_primary_key_begins_with_the_merchant(
    admin: asyncpg.Connection,
) -> None:
    # Without statistics one that does is taken for as good as the primary key: see decision 0006.
    rows = await admin.fetch(
        """
        SELECT i.indexrelid::regclass::text AS name FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
        WHERE a.attname = 'merchant_id' AND NOT i.indisprimary
        """
    )
    assert [row["name"] for row in rows] == []


async def test_a_key_of_a_follow_up_is_used_once(admin: asyncpg.Connection) -> None:
    await put_all(admin)
    done = {"state": "done", "recover_at": None, "finished_at": AT, "idempotency_key": "capture"}
    await put(admin, "payment_attempts", attempt_no=2, **done)
    refused = await refused_by(admin, "payment_attempts", {"attempt_no": 3, **done})
    assert refused == "payment_attempts_one_per_key"


async def test_an_import_is_taken_once(admin: asyncpg.Connection) -> None:
    await put_all(admin)
    first, again = UUID(int=101), UUID(int=102)
    one = {**IMPORTED, "imported_ref": "17", "acceptance_id": first}
    await put(admin, "terms_acceptance", **one)
    twice = {**one, "acceptance_id": again}
    assert await refused_by(admin, "terms_acceptance", twice) == "terms_imports_once"
    for other in ({"imported_ref": "18"}, {"imported_from": "club"}, {"imported_ref": None}):
        await put(admin, "terms_acceptance", **{**twice, **other, "acceptance_id": uuid4()})


async def test_an_erasure_is_told_once(admin: asyncpg.Connection) -> None:
    await put_all(admin)
    await put(admin, "terms_events", **ERASURE, event_id=UUID(int=101))
    again = {**ERASURE, "event_id": UUID(int=102)}
    assert await refused_by(admin, "terms_events", again) == "terms_events_of_personal"


async def test_a_text_has_a_version(admin: asyncpg.Connection) -> None:
    await put_all(admin)
    await admin.execute("ALTER TABLE terms_texts DISABLE TRIGGER terms_texts_stay_published")
    found = await refused_by(admin, "terms_texts", {"version_id": OTHER})
    assert found == "terms_texts_merchant_id_version_id_fkey"


async def test_values_at_the_limits_are_taken(admin: asyncpg.Connection) -> None:
    await put(admin, "merchants", name="x" * 200)
    longest = {
        "idempotency_key": 255,
        "buyer_id": 128,
        "payment_method": 255,
        "reference": 128,
        "description": 500,
        "gateway": 64,
        "gateway_id": 255,
        "completion_hook": 200,
    }
    await put(
        admin,
        "payments",
        amount=AMOUNT_MAX,
        amount_authorized=AMOUNT_MAX,
        amount_captured=AMOUNT_MAX,
        amount_refunded=AMOUNT_MAX,
        status="succeeded",
        finished_at=AT,
        **{name: "\u00e9" * most for name, most in longest.items()},
    )
    await put(admin, "payment_attempts", outcome="x" * 200)
    await put(admin, "payment_events", actor="x" * 200, reason="x" * 64, type="x" * 64)
    for table, changes in (*TERMS_LIMITS, *EVENT_LIMITS):
        await put(admin, table, **changes)


async def test_the_currencies_are_those_of_the_code(admin: asyncpg.Connection) -> None:
    await put(admin, "merchants")
    definition = await admin.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1",
        "currency_code_is_tender",
    )
    assert definition.count("'") // 2 == len(tender_currencies())
    for number, (code, exponent) in enumerate(tender_currencies().items()):
        changes = {"payment_id": UUID(int=1_000 + number), "idempotency_key": code}
        await put(admin, "payments", currency=code, exponent=exponent, **changes)


async def test_the_transitions_are_those_of_the_code(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        "SELECT from_status, to_status, outcome FROM payment_transitions"
        " ORDER BY from_status, to_status"
    )
    assert [tuple(row) for row in rows] == [
        (before, after, outcome(before, after)) for before, after in edges()
    ]


async def test_history_takes_every_allowed_pair_and_no_other(admin: asyncpg.Connection) -> None:
    await put(admin, "merchants")
    await put(admin, "payments")
    taken = []
    sequence = 0
    for before in (NEW, *Status):
        for after in (NEW, *Status):
            sequence += 1
            pair = {"from_status": str(before), "to_status": str(after), "sequence": sequence}
            refused = await refused_by(admin, "payment_events", pair)
            assert refused in {None, "payment_events_legal_move"}
            if refused is None:
                taken.append((str(before), str(after)))
    assert sorted(taken) == list(edges())
