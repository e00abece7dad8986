"""Who may do what: keys, scopes, and paths that need none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.acceptance.api.kit import CARD, Api, problem_of, purchase

if TYPE_CHECKING:
    import asyncpg

ONE = f"/v1/payments/{uuid4()}"
ID = uuid4()
ROUTES = [
    ("POST", "/v1/purchases", "purchases:write"),
    ("POST", "/v1/quotes", "quotes:write"),
    ("GET", "/v1/payments", "payments:read"),
    ("GET", ONE, "payments:read"),
    ("GET", f"{ONE}/events", "payments:read"),
    ("POST", f"{ONE}/capture", "payments:write"),
    ("POST", f"{ONE}/cancel", "payments:write"),
    ("POST", f"{ONE}/actions", "payments:write"),
    ("GET", f"{ONE}/fraud", "fraud:read"),
    ("GET", f"{ONE}/labels", "fraud:read"),
    ("POST", f"{ONE}/labels", "fraud:write"),
    ("GET", "/v1/fraud/rulesets", "fraud:read"),
    ("POST", "/v1/fraud/rulesets", "fraud:write"),
    ("GET", "/v1/fraud/rulesets/default/0", "fraud:read"),
    ("GET", "/v1/fraud/activations", "fraud:read"),
    ("POST", "/v1/fraud/activations", "fraud:write"),
    ("POST", f"/v1/fraud/activations/{ID}/approve", "fraud:write"),
    ("GET", "/v1/fraud/lists/block/items", "fraud:read"),
    ("POST", "/v1/fraud/lists/block/items", "fraud:write"),
    ("DELETE", "/v1/fraud/lists/block/items", "fraud:write"),
    ("GET", "/v1/fraud/reviews", "fraud:read"),
    ("GET", f"/v1/fraud/reviews/{ID}", "fraud:read"),
    ("POST", f"/v1/fraud/reviews/{ID}/assign", "fraud:write"),
    ("POST", f"/v1/fraud/reviews/{ID}/notes", "fraud:write"),
    # Approving moves money: it takes both.
    ("POST", f"/v1/fraud/reviews/{ID}/approve", "fraud:write payments:write"),
    ("POST", f"/v1/fraud/reviews/{ID}/reject", "fraud:write"),
    ("GET", "/v1/metrics/summary", "metrics:read"),
    ("GET", "/v1/metrics/timeseries", "metrics:read"),
    ("GET", "/v1/metrics/failures", "metrics:read"),
    ("GET", "/v1/metrics/latency", "metrics:read"),
    ("GET", "/v1/metrics/revenue", "metrics:read"),
    ("GET", "/v1/metrics/fraud", "metrics:read"),
    ("GET", "/v1/metrics/alerts", "metrics:read"),
    ("POST", f"/v1/metrics/alerts/{ID}/acknowledge", "metrics:write"),
    ("GET", "/v1/fraud/alerts", "fraud:read"),
    ("POST", f"/v1/fraud/alerts/{ID}/acknowledge", "fraud:write"),
    ("POST", f"{ONE}/refunds/quote", "refunds:read"),
    ("POST", f"{ONE}/refunds", "refunds:write"),
    ("GET", "/v1/refunds", "refunds:read"),
    ("GET", f"/v1/refunds/{ID}", "refunds:read"),
    ("POST", f"/v1/refunds/{ID}/approve", "refunds:approve"),
    ("POST", f"/v1/refunds/{ID}/reject", "refunds:approve"),
    ("POST", f"/v1/refunds/{ID}/cancel", "refunds:write"),
    ("POST", f"{ONE}/disputes", "refunds:write"),
    ("POST", f"{ONE}/disputes/dp_17/close", "refunds:write"),
    ("POST", f"{ONE}/disputes/dp_17/reopen", "refunds:write"),
    ("GET", "/v1/terms/documents", "terms:read"),
    ("POST", "/v1/terms/documents", "terms:write"),
    ("GET", "/v1/terms/documents/seller", "terms:read"),
    ("GET", "/v1/terms/documents/seller/versions", "terms:read"),
    ("POST", "/v1/terms/documents/seller/versions", "terms:write"),
    ("GET", f"/v1/terms/versions/{ID}", "terms:read"),
    ("POST", f"/v1/terms/versions/{ID}/publish", "terms:write"),
    ("POST", f"/v1/terms/versions/{ID}/withdraw", "terms:write"),
    ("POST", "/v1/terms/presentations", "terms:accept"),
    ("POST", "/v1/terms/acceptances", "terms:accept"),
    ("GET", "/v1/terms/acceptances", "terms:read"),
    ("GET", f"/v1/terms/acceptances/{ID}", "terms:read"),
    ("GET", f"/v1/terms/acceptances/{ID}/evidence", "terms:read"),
    ("POST", "/v1/terms/withdrawals", "terms:accept"),
    ("GET", "/v1/terms/status", "terms:read"),
    ("POST", "/v1/terms/erasures", "terms:write"),
    ("GET", "/v1/refund-policies", "refund-policies:read"),
    ("POST", "/v1/refund-policies", "refund-policies:write"),
    ("POST", "/v1/refund-policies/plan", "refund-policies:read"),
    ("GET", "/v1/refund-policies/flexible/versions/1", "refund-policies:read"),
    ("POST", "/v1/refund-policies/flexible/versions/1/withdraw", "refund-policies:write"),
    ("GET", "/v1/refund-policies/flexible/versions/1/sentences", "refund-policies:read"),
    ("GET", "/v1/refund-policies/flexible/versions/1/schema-org", "refund-policies:read"),
]
SCOPES = {scope for _, _, scopes in ROUTES for scope in scopes.split()}
#: How an address is documented.
NAMES = {
    ONE[13:]: "{payment_id}",
    f"reviews/{ID}": "reviews/{payment_id}",
    f"alerts/{ID}": "alerts/{alert_id}",
    f"refunds/{ID}": "refunds/{refund_id}",
    "disputes/dp_17": "disputes/{dispute_id}",
    f"activations/{ID}": "activations/{activation_id}",
    "rulesets/default/0": "rulesets/{name}/{version}",
    "lists/block": "lists/{list}",
    "documents/seller": "documents/{key}",
    "flexible/versions/1": "{key}/versions/{version}",
    f"versions/{ID}": "versions/{version_id}",
    f"acceptances/{ID}": "acceptances/{acceptance_id}",
}
#: What needs no key.
OPEN_TO_ALL = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/v1/terms/texts/{sha256}")}


async def test_every_route_is_listed_here(api: Api) -> None:
    document = (await api.http.get("/v1/openapi.json")).json()
    listed = set()
    for method, path, _ in ROUTES:
        for part, name in NAMES.items():
            path = path.replace(part, name)  # noqa: PLW2901 - one after another
        listed.add((method, path))
    assert listed | OPEN_TO_ALL == {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }


async def test_without_a_valid_key_it_is_401(api: Api) -> None:
    secret = api.secret
    refused = [
        {},
        {"Authorization": ""},
        {"Authorization": secret},
        {"Authorization": f"Basic {secret}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {secret[:-1]}"},
        {"Authorization": f"Bearer {secret} {secret}"},
        {"Authorization": f"Bearer {CARD}"},
        {"X-Api-Key": secret},
        {"Cookie": f"key={secret}"},
    ]
    for method, path, _ in ROUTES:
        for headers in refused:
            answer = await api.http.request(method, path, headers=headers)
            problem_of(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert secret not in answer.text
            assert CARD not in answer.text
        # A key in the address is none, even the right one.
        answer = await api.http.request(method, f"{path}?api_key={secret}&access_token={secret}")
        problem_of(answer, 401, "unauthenticated")


async def test_without_the_scope_it_is_403(api: Api) -> None:
    for method, path, scopes in ROUTES:
        for scope in scopes.split():
            lacking = await api.other(sorted(SCOPES - {scope}), same=True)
            answer = await lacking.http.request(method, path, headers=lacking.headers("k"))
            problem = problem_of(answer, 403, "forbidden")
            assert problem["scope"] == scope
        having = await api.other(scopes.split(), same=True)
        answer = await having.http.request(method, path, headers=having.headers("k"))
        assert answer.status_code not in {401, 403}


async def test_a_stored_answer_needs_the_scope_too(api: Api) -> None:
    await api.buy("first")
    reader = await api.other(["payments:read"], same=True)
    problem_of(await reader.buy("first"), 403, "forbidden")


async def test_a_revoked_key_is_refused(api: Api) -> None:
    other = await api.other(same=True)
    assert (await other.read("/v1/payments")).status_code == 200
    keys = await api.paykeel.keys.list(api.merchant_id)
    await api.paykeel.keys.revoke(keys[-1].key_id)
    problem_of(await other.read("/v1/payments"), 401, "unauthenticated")
    assert (await api.read("/v1/payments")).status_code == 200


async def test_after_a_rotation_both_keys_work_for_a_while(
    api: Api, owner: asyncpg.Connection
) -> None:
    (old,) = await api.paykeel.keys.list(api.merchant_id)
    _, secret = await api.paykeel.keys.rotate(old.key_id, timedelta(hours=1))
    new = Api(api.paykeel, api.app, api.http, api.merchant_id, secret)
    assert (await api.read("/v1/payments")).status_code == 200
    assert (await new.read("/v1/payments")).status_code == 200
    await api.paykeel.keys.rotate(old.key_id, timedelta(0))
    problem_of(await api.read("/v1/payments"), 401, "unauthenticated")
    assert (await new.read("/v1/payments")).status_code == 200


async def test_a_secret_is_in_no_row(api: Api, owner: asyncpg.Connection) -> None:
    await api.buy()
    row = await owner.fetchrow("SELECT k::text AS all FROM api_keys k")
    assert row is not None
    assert api.secret[:25] in row["all"]
    assert api.secret[26:50] not in row["all"]


async def test_the_scheme_is_spelt_in_any_case(api: Api) -> None:
    answer = await api.http.get("/v1/payments", headers={"Authorization": f"bearer {api.secret}"})
    assert answer.status_code == 200


async def test_an_empty_purchase_is_refused_before_it_is_read(api: Api) -> None:
    """Who is nobody learns nothing about what is wrong with a body."""
    answer = await api.http.post("/v1/purchases", json=purchase(amount=-1))
    problem_of(answer, 401, "unauthenticated")
