"""Labels over HTTP: added once, listed, and each merchant's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel.api import fraud_label_openapi
from paykeel.api.fraud_label_documents import FraudLabel, FraudLabelRequest, FraudLabels
from paykeel.merchants.keys import Scope

if TYPE_CHECKING:
    from tests.acceptance.api.kit import Api

GOOD: dict[str, Any] = {"label": "fraud", "source": "chargeback", "author": "ann"}


async def path_of(api: Api) -> str:
    return f"/v1/payments/{(await api.buy()).json()['id']}/labels"


async def test_a_label_is_added_once_and_listed(api: Api) -> None:
    path = await path_of(api)
    first, again = await api.post(path, GOOD), await api.post(path, GOOD)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert FraudLabel.model_validate(first.json()).model_extra == {}
    listed = (await api.read(path)).json()
    assert listed == {"object": "list", "data": [first.json()]}
    assert FraudLabels.model_validate(listed).model_extra == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"label": None}, "field_required"),
        ({"author": None}, "field_required"),
        ({"label": "bad"}, "choice_unknown"),
        ({"source": 5}, "choice_unknown"),
        ({"author": ""}, "text_empty"),
        ({"author": 5}, "text_required"),
        ({"known_at": "yesterday"}, "instant_malformed"),
        ({"known_at": 5}, "instant_malformed"),
        ({"known_at": "2999-01-01T00:00:00Z"}, "known_at_in_future"),
        ({"known_at": "2020-01-01T00:00:00Z"}, "known_at_before_payment"),
        ({"why": "x"}, "field_unknown"),
    ],
)
async def test_a_wrong_label_is_refused(api: Api, changes: dict[str, Any], code: str) -> None:
    answer = await api.post(await path_of(api), {**GOOD, **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_the_scopes_and_the_merchant_hold(api: Api) -> None:
    path = await path_of(api)
    reader = await api.other([str(Scope.FRAUD_READ)], same=True)
    assert (await reader.post(path, GOOD)).status_code == 403
    assert (await reader.read(path)).status_code == 200
    writer = await api.other([str(Scope.FRAUD_WRITE)], same=True)
    assert (await writer.post(path, GOOD)).status_code == 201
    assert (await writer.read(path)).status_code == 403
    stranger = await api.other()
    assert (await stranger.post(path, GOOD)).status_code == 404
    assert (await stranger.read(path)).status_code == 404


async def test_the_documented_example_is_accepted(api: Api) -> None:
    path = await path_of(api)
    for example in fraud_label_openapi.LABELLED.values():
        FraudLabelRequest.model_validate(example)
        answer = await api.post(path, {**example, "known_at": None})
        assert answer.status_code == 201
    schemas = (await api.http.get("/v1/openapi.json")).json()["components"]["schemas"]
    assert set(schemas["FraudLabelRequest"]["properties"]) == {*GOOD, "known_at"}
