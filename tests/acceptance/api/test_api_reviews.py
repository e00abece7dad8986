"""The routes of reviews: the queue, what people write, and the purchase that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from paykeel.api import fraud_review_documents as documents
from paykeel.api import fraud_review_openapi as described
from paykeel.gateways.placeholder import PlaceholderGateway
from tests.acceptance.api.kit import Api, calling, problem_of
from tests.conftest import settings_for
from tests.reviews import DEAR, hold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.servers import Urls

PATH = "/v1/fraud/reviews"


@pytest.fixture
async def api(urls: Urls, admin: asyncpg.Connection) -> AsyncIterator[Api]:
    """A merchant of whom everything over 10.00 is held."""
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as paykeel, calling(paykeel) as opened:
        await hold(paykeel, admin, opened.merchant_id)
        yield opened


async def held(api: Api, key: str = "order-1", **changes: object) -> str:
    answer = await api.buy(key, **changes)
    assert (answer.status_code, answer.json()["status"]) == (202, "in_review")
    payment_id: str = answer.json()["id"]
    return payment_id


async def movements(api: Api, payment_id: str) -> int:
    gateway = api.paykeel.gateways.for_mode("test")
    assert isinstance(gateway, PlaceholderGateway)
    return await gateway.movements(payment_id=payment_id)


async def test_an_approved_purchase_goes_on_and_has_its_answer(api: Api) -> None:
    payment_id = await held(api)
    assert (await api.buy("order-1")).status_code == 202
    answer = await api.post(f"{PATH}/{payment_id}/approve", described.APPROVALS["with_a_note"])

    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["status"], document["payment"]["status"]) == ("approved", "succeeded")
    assert document["notes"][0]["text"] == "A buyer of many years."
    assert document["decision"]["reasons"] == ["dear"]
    assert await movements(api, payment_id) == 1
    repeated = await api.buy("order-1")
    assert (repeated.status_code, repeated.headers["idempotent-replayed"]) == (201, "true")
    assert repeated.json() == document["payment"]
    again = await api.post(f"{PATH}/{payment_id}/approve", {"operator": "Ada Lindqvist"})
    assert (again.status_code, again.json()["payment"]) == (200, document["payment"])
    other = await api.post(f"{PATH}/{payment_id}/approve", {"operator": "Ben"})
    problem = problem_of(other, 409, "review_decided")
    assert (problem["payment_id"], problem["payment_status"]) == (payment_id, "succeeded")


async def test_two_people_approve_above_an_amount(api: Api) -> None:
    path = f"{PATH}/{await held(api, amount=DEAR)}/approve"
    first = (await api.post(path, {"operator": "Ada"})).json()
    assert (first["status"], first["approvals"], first["approvals_needed"]) == ("open", 1, 2)
    problem_of(await api.post(path, {"operator": "ada"}), 409, "review_needs_another_person")
    assert (await api.post(path, {"operator": "Ben"})).json()["payment_status"] == "succeeded"


async def test_a_rejected_purchase_is_blocked(api: Api) -> None:
    payment_id = await held(api)
    answer = await api.post(f"{PATH}/{payment_id}/reject", described.REJECTIONS["fraud"])
    assert answer.json()["payment"]["status"] == "blocked"
    assert answer.json()["payment"]["failure"]["reason"] == "blocked"
    problem_of(await api.buy("order-1"), 402, "payment_blocked")
    labels = (await api.read(f"/v1/payments/{payment_id}/labels")).json()["data"]
    assert [(one["label"], one["source"]) for one in labels] == [("fraud", "review")]
    assert await movements(api, payment_id) == 0


async def test_a_held_purchase_is_canceled(api: Api) -> None:
    payment_id = await held(api)
    path = f"/v1/payments/{payment_id}/cancel"
    answer = await api.post(path, None, "cancel-1")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    repeated = await api.post(path, None, "cancel-1")
    assert (repeated.content, repeated.headers["idempotent-replayed"]) == (answer.content, "true")
    problem_of(await api.buy("order-1"), 402, "payment_canceled")


async def test_the_queue_is_paged_assigned_and_noted(api: Api) -> None:
    ids = [
        await held(api, f"order-{n}", buyer={"id": f"agent-{n}", "role": "agent"}) for n in range(3)
    ]
    first = (await api.read(PATH, limit="2")).json()
    second = (await api.read(PATH, limit="2", cursor=first["next_cursor"])).json()
    assert [one["payment_id"] for one in first["data"] + second["data"]] == ids
    assert second["next_cursor"] is None
    for document in described.ASSIGNMENTS.values():
        assigned = await api.post(f"{PATH}/{ids[0]}/assign", document)
        assert assigned.json()["assignee"] == document["assignee"]
    await api.post(f"{PATH}/{ids[1]}/assign", described.ASSIGNMENTS["to_ben"])
    (mine,) = (await api.read(PATH, assignee="Ben Okafor")).json()["data"]
    assert mine["payment_id"] == ids[1]
    assert len((await api.read(PATH, reason="dear")).json()["data"]) == 3
    assert (await api.read(PATH, reason="other")).json()["data"] == []
    noted = await api.post(f"{PATH}/{ids[0]}/notes", described.NOTES["called"])
    assert (noted.status_code, noted.json()["action"]) == (201, "note")
    shown = (await api.read(f"{PATH}/{ids[0]}")).json()
    assert [note["action"] for note in shown["notes"]] == ["assign", "assign", "note"]
    for kind, document in (
        (documents.FraudReviewList, first),
        (documents.FraudReview, mine),
        (documents.FraudReviewNote, noted.json()),
        (documents.FraudReviewDetails, shown),
    ):
        assert set(document) == set(kind.model_fields), kind
        kind.model_validate(document)


async def test_each_route_needs_its_rights(api: Api) -> None:
    payment_id = await held(api)
    body = {"operator": "Ada"}
    reader = await api.other(["fraud:read", "payments:write"], same=True)
    writer = await api.other(["fraud:write", "payments:read"], same=True)
    assert (await reader.read(PATH)).status_code == 200
    problem_of(await writer.read(PATH), 403, "forbidden")
    for verb in ("assign", "notes", "approve", "reject"):
        problem_of(await reader.post(f"{PATH}/{payment_id}/{verb}", body), 403, "forbidden")
    # Approving moves money.
    refused = problem_of(await writer.post(f"{PATH}/{payment_id}/approve", body), 403, "forbidden")
    assert refused["scope"] == "payments:write"
    assert (await writer.post(f"{PATH}/{payment_id}/reject", body)).status_code == 200


async def test_what_is_anothers_or_malformed_is_refused(api: Api) -> None:
    payment_id = await held(api)
    other = await api.other()
    for speaker, place in ((other, payment_id), (api, "x"), (api, payment_id.upper())):
        for verb, more in (
            ("assign", {"assignee": None}),
            ("notes", {"text": "x"}),
            ("approve", {}),
            ("reject", {}),
        ):
            answer = await speaker.post(f"{PATH}/{place}/{verb}", {"operator": "Ada", **more})
            problem_of(answer, 404, "not_found")
        problem_of(await speaker.read(f"{PATH}/{place}"), 404, "not_found")
    for verb, document, code in (
        ("approve", {}, "field_required"),
        ("approve", {"operator": "Ada", "label": "fraud"}, "field_unknown"),
        ("approve", {"operator": 7}, "text_required"),
        ("approve", {"operator": "Ada", "note": ""}, "text_empty"),
        ("approve", {"operator": "x" * 101}, "text_too_long"),
        ("notes", {"operator": "Ada"}, "field_required"),
        ("notes", {"operator": "Ada", "text": "4242424242424242"}, "card_number_refused"),
        ("assign", {"operator": "Ada"}, "field_required"),
        ("assign", {"operator": "Ada", "assignee": ["Ben"]}, "text_required"),
        ("reject", {"operator": "Ada", "label": "odd"}, "choice_unknown"),
        ("reject", {"operator": "Ada", "label": ["fraud"]}, "choice_unknown"),
    ):
        problem_of(await api.post(f"{PATH}/{payment_id}/{verb}", document), 422, code)
    for parameters, code in (
        ({"cursor": "x"}, "cursor_malformed"),
        ({"limit": "101"}, "limit_out_of_range"),
        ({"status": "open"}, "field_unknown"),
        ({"assignee": ""}, "text_empty"),
        ({"reason": "x" * 41}, "text_too_long"),
    ):
        problem_of(await api.read(PATH, **parameters), 422, code)
    await api.paykeel.merchants.set_status(api.merchant_id, "suspended")
    answer = await api.post(f"{PATH}/{payment_id}/approve", {"operator": "Ada"})
    problem_of(answer, 403, "merchant_suspended")
