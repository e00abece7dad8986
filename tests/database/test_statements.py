"""Every statement in a file fits the migrated schema, the application's rights, and its class."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

import paykeel
from paykeel.db.sql import Statement, parse
from paykeel.fraud.activations import Activation
from paykeel.fraud.lists import ListItem
from paykeel.fraud.stored import Stored
from paykeel.gateways.placeholder.counting import BookTotal, DoubleCharge, PaymentBooks
from paykeel.gateways.placeholder.rows import History, Operation
from paykeel.gateways.placeholder.rules import Totals
from paykeel.idempotency import StoredKey
from paykeel.merchants import Limit, Merchant, StoredRate
from paykeel.merchants.keys import ApiKey
from paykeel.metrics.frauds import Stopped, Waiting
from paykeel.payments.model import Event, Payment
from paykeel.payments.moves import Attempt
from paykeel.payments.resolve import Stuck
from paykeel.payments.review_queue import Note, Review
from paykeel.refunds.catalogue import PolicyVersion
from paykeel.refunds.disputes import Dispute
from paykeel.refunds.model import Refund, RefundDecision
from paykeel.refunds.noticed import Beside, RefundNotice
from paykeel.refunds.policy import PolicyScope
from paykeel.sealing import Seal
from paykeel.terms.acceptance import Acceptance, Word
from paykeel.terms.documents import PublicText
from paykeel.terms.model import TermsDocument, TermsScope, TermsText, TermsVersion

if TYPE_CHECKING:
    from tests.servers import Urls

ROOT = Path(paykeel.__file__).parent
FILES = {
    path.relative_to(ROOT).as_posix(): path
    for path in sorted(ROOT.rglob("*.sql"))
    if "-- name: " in path.read_text(encoding="utf-8")
}
STATEMENTS: dict[str, Statement] = {
    f"{name}::{statement.name}": statement
    for name, path in FILES.items()
    for statement in parse(path.read_text(encoding="utf-8")).values()
}
#: What a merchant is read with, as arrays.
LIMITS = {f"limit_{field.name}" for field in fields(Limit)}
RATES = {"rate_currency", "rate_effective_on", "rate_rate"}
#: What a scope is read with.
SCOPE = {field.name for field in fields(TermsScope)}
#: What a refund policy's scope is read with.
PLACE = {field.name for field in fields(PolicyScope)}
#: Which class is built from which statement's rows, and what the rows have besides.
BUILDS: dict[str, tuple[type, set[str]]] = {
    "payments/queries.sql::get_payment": (Payment, set()),
    "payments/queries.sql::list_payments": (Payment, set()),
    "payments/queries.sql::list_events": (Event, set()),
    "payments/queries.sql::get_attempts": (Attempt, set()),
    "payments/queries.sql::claim_due_attempts": (Attempt, {"age_ms", "merchant_id"}),
    "payments/queries.sql::list_stuck": (Stuck, set()),
    "payments/review.sql::list_reviews": (Review, set()),
    "payments/review.sql::get_review": (Review, set()),
    "payments/review.sql::list_notes": (Note, set()),
    "payments/review.sql::add_note": (Note, set()),
    "idempotency/queries.sql::find_keys": (StoredKey, set()),
    "merchants/queries.sql::list_merchants": (Merchant, set()),
    "merchants/queries.sql::get_merchant": (Merchant, LIMITS | RATES),
    "merchants/queries.sql::add_limit": (Limit, set()),
    "merchants/queries.sql::list_limits": (Limit, set()),
    "merchants/queries.sql::list_rates": (StoredRate, set()),
    "merchants/queries.sql::create_key": (ApiKey, set()),
    "merchants/queries.sql::get_key": (ApiKey, set()),
    "merchants/queries.sql::list_keys": (ApiKey, set()),
    "merchants/queries.sql::revoke_key": (ApiKey, set()),
    "merchants/queries.sql::find_keys": (ApiKey, {"secret_sha256", "mode"}),
    "metrics/answers.sql::stopped_by_reason": (Stopped, set()),
    "metrics/answers.sql::waiting_for_people": (Waiting, set()),
    "fraud/rulesets.sql::get_ruleset": (Stored, set()),
    "fraud/rulesets.sql::newest_ruleset": (Stored, set()),
    "fraud/rulesets.sql::get_activation": (Activation, set()),
    "fraud/rulesets.sql::list_activations": (Activation, set()),
    "fraud/lists.sql::put_items": (ListItem, set()),
    "fraud/lists.sql::list_items": (ListItem, set()),
    "fraud/lists.sql::find_items": (ListItem, set()),
    "sealing/queries.sql::last_seal": (Seal, set()),
    "sealing/queries.sql::list_seals": (Seal, set()),
    "terms/documents.sql::add_document": (TermsDocument, set()),
    "terms/documents.sql::list_documents": (TermsDocument, set()),
    "terms/documents.sql::find_document": (TermsDocument, set()),
    "terms/documents.sql::get_document": (TermsDocument, set()),
    "terms/documents.sql::get_version": (TermsVersion, SCOPE),
    "terms/documents.sql::list_versions": (TermsVersion, SCOPE),
    "terms/documents.sql::list_texts": (TermsText, set()),
    "terms/documents.sql::find_public_text": (
        PublicText,
        {*SCOPE, "other_locales", "other_sha256s", "is_shared", "shared_locale"},
    ),
    "terms/presenting.sql::last_words": (Word, set()),
    "terms/accepting.sql::get_acceptances": (Acceptance, set()),
    "terms/evidence.sql::version_texts": (TermsText, set()),
    "refunds/refunds.sql::get_refund": (Refund, set()),
    "refunds/refunds.sql::refund_by_key": (Refund, set()),
    "refunds/refunds.sql::list_refunds": (Refund, set()),
    "refunds/refunds.sql::list_decisions": (RefundDecision, set()),
    "refunds/refunds.sql::disputes_so_far": (Dispute, set()),
    "refunds/notices.sql::get_notice": (RefundNotice, set()),
    "refunds/notices.sql::list_notices": (RefundNotice, set()),
    "refunds/notices.sql::beside_notice": (Beside, set()),
    "refunds/policies.sql::publish_policy": (PolicyVersion, PLACE),
    "refunds/policies.sql::withdraw_policy": (PolicyVersion, PLACE),
    "refunds/policies.sql::list_policies": (PolicyVersion, PLACE),
    "refunds/policies.sql::get_policy": (PolicyVersion, {*PLACE, "document"}),
    "refunds/policies.sql::policy_by_hash": (PolicyVersion, {*PLACE, "document"}),
    "refunds/policies.sql::read_policies": (
        PolicyVersion,
        {*PLACE, "terms_revision", "database_now"},
    ),
    "gateways/placeholder/queries.sql::find_operation": (Operation, set()),
    "gateways/placeholder/queries.sql::take_charges": (Operation, set()),
    "gateways/placeholder/queries.sql::claim_follow_up": (Operation, set()),
    "gateways/placeholder/queries.sql::answer_follow_up": (Operation, set()),
    "gateways/placeholder/queries.sql::find_history": (History, set()),
    "gateways/placeholder/queries.sql::totals": (Totals, set()),
    "gateways/placeholder/queries.sql::books": (BookTotal, set()),
    "gateways/placeholder/queries.sql::payments_page": (PaymentBooks, set()),
    "gateways/placeholder/queries.sql::double_charged": (DoubleCharge, set()),
}
#: What a class has that no column gives: it is filled in from elsewhere.
NOT_COLUMNS = {
    "timeline", "limits", "is_new", "rates", "read_at", "scope", "others", "replayed",
}  # fmt: skip
#: Utility statements, of which there is no plan to explain.
UTILITIES = {"payments/queries.sql::plan_afresh"}


def test_the_rooms_are_all_here() -> None:
    rooms = {name.rpartition("/")[0] for name in FILES}
    expected = {"payments", "idempotency", "merchants", "terms", "metrics", "gateways/placeholder"}
    assert expected <= rooms
    assert {"payments/audit.sql", "terms/accepting.sql", "terms/documents.sql"} <= FILES.keys()
    assert BUILDS.keys() <= STATEMENTS.keys()


async def test_every_statement_prepares_and_gives_the_columns_of_its_class(urls: Urls) -> None:
    connection = await asyncpg.connect(urls.app)
    faults = []
    try:
        for name, statement in STATEMENTS.items():
            try:
                prepared = await connection.prepare(statement.text)
            except asyncpg.PostgresError as error:
                faults.append(f"{name}: {error}")
                continue
            if len(prepared.get_parameters()) != len(statement.parameters):
                faults.append(f"{name}: {prepared.get_parameters()}")
            columns = sorted(attribute.name for attribute in prepared.get_attributes())
            if name in BUILDS:
                kind, besides = BUILDS[name]
                wanted = {field.name for field in fields(kind)} - NOT_COLUMNS
                if columns != sorted(wanted | besides):
                    faults.append(f"{name}: {set(columns) ^ (wanted | besides) or columns}")
    finally:
        await connection.close()
    assert faults == []


async def test_the_application_may_run_every_statement(urls: Urls) -> None:
    """Explaining a statement checks the rights to everything in it, and does nothing."""
    connection = await asyncpg.connect(urls.app)
    faults = []
    try:
        for number, (name, statement) in enumerate(STATEMENTS.items()):
            if name in UTILITIES:
                continue
            await connection.execute(f"PREPARE s{number} AS {statement.text}")
            nulls = ", ".join(["NULL"] * len(statement.parameters))
            try:
                await connection.execute(
                    f"EXPLAIN EXECUTE s{number}" + (f" ({nulls})" if nulls else "")
                )
            except asyncpg.InsufficientPrivilegeError as error:
                faults.append(f"{name}: {error}")
    finally:
        await connection.close()
    assert faults == []


async def test_a_statement_without_the_right_would_be_seen(urls: Urls) -> None:
    connection = await asyncpg.connect(urls.app)
    try:
        await connection.execute("PREPARE s AS DELETE FROM payments WHERE payment_id = $1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("EXPLAIN EXECUTE s (NULL)")
    finally:
        await connection.close()
