"""What is wrong with a presentation, an acceptance or a withdrawal is named, by its place."""

from __future__ import annotations

from typing import Any

from tests.acceptance.api.kit import CARD, Api, problem_of
from tests.acceptance.api.terms import AUTHOR, BUYER, FACTS, TERMS, present, require

PRESENTATIONS, ACCEPTANCES = f"{TERMS}/presentations", f"{TERMS}/acceptances"
WITHDRAWALS, ERASURES = f"{TERMS}/withdrawals", f"{TERMS}/erasures"
NONCE = "A" * 43

WRONG: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    (PRESENTATIONS, {"buyer": None}, 422, "field_required", "buyer"),
    (PRESENTATIONS, {"buyer": "agent-7"}, 422, "object_required", "buyer"),
    (PRESENTATIONS, {"buyer": {"id": "a"}}, 422, "field_required", "buyer.role"),
    (PRESENTATIONS, {"buyer": {**BUYER, "role": "*"}}, 422, "choice_unknown", "buyer.role"),
    (PRESENTATIONS, {"buyer": {**BUYER, "id": ""}}, 422, "text_empty", "buyer.id"),
    (PRESENTATIONS, {"buyer": {**BUYER, "id": "x" * 129}}, 422, "text_too_long", "buyer.id"),
    (PRESENTATIONS, {"buyer": {**BUYER, "id": CARD}}, 422, "card_number_refused", "buyer.id"),
    (PRESENTATIONS, {"buyer": {**BUYER, "ip": "x"}}, 422, "field_unknown", "buyer.ip"),
    (
        PRESENTATIONS,
        {"buyer": {**BUYER, "jurisdiction": "de"}},
        422,
        "jurisdiction_malformed",
        "buyer.jurisdiction",
    ),
    (PRESENTATIONS, {"product": "Ticket"}, 422, "name_malformed", "product"),
    (PRESENTATIONS, {"channel": 1}, 422, "text_required", "channel"),
    (PRESENTATIONS, {"locales": "de"}, 422, "list_required", "locales"),
    (PRESENTATIONS, {"locales": [1]}, 422, "text_required", "locales"),
    (PRESENTATIONS, {"locales": ["x"]}, 422, "locale_malformed", None),
    (PRESENTATIONS, {"locales": ["de"] * 21}, 422, "locales_too_many", "locales"),
    (PRESENTATIONS, {"documents": ["a"] * 51}, 422, "items_too_many", "documents"),
    (PRESENTATIONS, {"documents": ["none"]}, 404, "terms_document_unknown", None),
    (PRESENTATIONS, {"component": ""}, 422, "text_empty", "component"),
    (PRESENTATIONS, {"nonce": NONCE}, 422, "field_unknown", "nonce"),
    (ACCEPTANCES, {"nonce": None}, 422, "field_required", "nonce"),
    (ACCEPTANCES, {"nonce": NONCE}, 404, "terms_nonce_unknown", None),
    (ACCEPTANCES, {"nonce": "a\x00"}, 404, "terms_nonce_unknown", None),
    (ACCEPTANCES, {"buyer": {"id": "agent-8"}}, 403, "terms_nonce_of_another", None),
    (ACCEPTANCES, {"buyer": BUYER}, 422, "field_unknown", "buyer.role"),
    (ACCEPTANCES, {"buyer": {"id": "a\x00"}}, 422, "text_not_storable", "buyer.id"),
    (ACCEPTANCES, {"decision": "withdraw"}, 422, "choice_unknown", "decision"),
    (ACCEPTANCES, {"decision": None}, 422, "field_required", "decision"),
    (ACCEPTANCES, {"method": None}, 422, "field_required", "method"),
    (ACCEPTANCES, {"method": "import"}, 422, "choice_unknown", "method"),
    (ACCEPTANCES, {"version_ids": "x"}, 422, "list_required", "version_ids"),
    (ACCEPTANCES, {"version_ids": ["x"]}, 422, "id_malformed", "version_ids"),
    (ACCEPTANCES, {"actor": {"kind": "robot"}}, 422, "choice_unknown", "actor.kind"),
    (ACCEPTANCES, {"actor": {"kind": "delegate"}}, 422, "field_required", "actor.id"),
    (ACCEPTANCES, {"scrolled_to_end": 1}, 422, "boolean_required", "scrolled_to_end"),
    (ACCEPTANCES, {"dwell_ms": 1.5}, 422, "integer_required", "dwell_ms"),
    (ACCEPTANCES, {"dwell_ms": -1}, 422, "integer_out_of_range", "dwell_ms"),
    (ACCEPTANCES, {"dwell_ms": 10**30}, 422, "integer_out_of_range", "dwell_ms"),
    (ACCEPTANCES, {"client": {"ip": "300.1.1.1"}}, 422, "ip_malformed", "client.ip"),
    (ACCEPTANCES, {"client": {"user_agent": ""}}, 422, "text_empty", "client.user_agent"),
    (
        ACCEPTANCES,
        {"client": {"page_url": f"https://shop.example/?card={CARD}"}},
        422,
        "card_number_refused",
        "client.page_url",
    ),
    (ACCEPTANCES, {"client": {"at": "now"}}, 422, "instant_malformed", "client.at"),
    (ACCEPTANCES, {"client": {"country": "DE"}}, 422, "field_unknown", "client.country"),
    (ACCEPTANCES, {"payment_id": "x"}, 422, "id_malformed", "payment_id"),
    (ACCEPTANCES, {"text_sha256": "ab" * 32}, 422, "field_unknown", "text_sha256"),
    (WITHDRAWALS, {"document": None}, 422, "field_required", "document"),
    (WITHDRAWALS, {"document": "none"}, 404, "terms_document_unknown", None),
    (WITHDRAWALS, {"document": "a\x00"}, 404, "terms_document_unknown", None),
    (WITHDRAWALS, {"nonce": NONCE}, 422, "field_unknown", "nonce"),
    (ERASURES, {"author": None}, 422, "field_required", "author"),
    (ERASURES, {"buyer_id": None}, 422, "field_required", "acceptance_id"),
    (ERASURES, {"before": "2026-01-01T00:00:00Z"}, 422, "field_required", "acceptance_id"),
    (ERASURES, {"buyer_id": None, "before": "2026-01-01"}, 422, "instant_malformed", "before"),
    (ERASURES, {"buyer_id": None, "acceptance_id": "x"}, 422, "id_malformed", "acceptance_id"),
]


async def test_what_is_wrong_is_named(api: Api) -> None:
    await require(api)
    good = {
        PRESENTATIONS: {"buyer": BUYER},
        ACCEPTANCES: {"nonce": (await present(api))["nonce"], "decision": "accept", **FACTS},
        WITHDRAWALS: {"document": "terms", **FACTS},
        ERASURES: {"author": AUTHOR, "buyer_id": "agent-7"},
    }
    for path, change, code_status, code, field in WRONG:
        problem = problem_of(await api.post(path, {**good[path], **change}), code_status, code)
        assert problem.get("field") == (field or problem.get("field")), problem
        assert CARD not in str(problem)
    assert (await api.read(ACCEPTANCES, buyer_id="agent-7")).json()["data"] == []


WRONG_PARAMETERS: list[tuple[str, dict[str, str], str]] = [
    ("status", {"buyer_role": "agent"}, "field_required"),
    ("status", {"buyer_id": "a"}, "field_required"),
    ("status", {"buyer_id": "a", "buyer_role": "*"}, "choice_unknown"),
    ("status", {"buyer_id": "", "buyer_role": "agent"}, "text_empty"),
    (
        "status",
        {"buyer_id": "a", "buyer_role": "agent", "jurisdiction": "de"},
        "jurisdiction_malformed",
    ),
    ("status", {"buyer_id": "a", "buyer_role": "agent", "product": "A"}, "name_malformed"),
    ("status", {"buyer_id": "a", "buyer_role": "agent", "country": "DE"}, "field_unknown"),
    ("acceptances", {}, "field_required"),
    ("acceptances", {"buyer_id": "a", "cursor": "x"}, "cursor_malformed"),
    ("acceptances", {"buyer_id": "a", "limit": "101"}, "limit_out_of_range"),
    ("acceptances", {"buyer_id": "a", "decision": "accept"}, "field_unknown"),
]


async def test_wrong_parameters_are_named(api: Api) -> None:
    for path, parameters, code in WRONG_PARAMETERS:
        problem_of(await api.read(f"{TERMS}/{path}", **parameters), 422, code)
