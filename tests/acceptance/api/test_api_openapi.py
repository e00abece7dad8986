"""What is documented is what is so: schemas, examples, codes and the reference page."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from paykeel.api import documents, examples
from paykeel.api.codes import CODES, code_table
from paykeel.api.payments import event_document
from paykeel.api.problems import STATUSES, RequestRefused, kind_of
from paykeel.errors import InvalidField, PaykeelError
from paykeel.money import AMOUNT_MAX
from paykeel.payments import metadata as metadata_limits
from paykeel.payments import model
from paykeel.payments.complete import DATA_ENTRIES_MAX, DATA_VALUE_CHARACTERS_MAX
from paykeel.payments.model import PurchaseRequest
from tests.acceptance.api.kit import Api, purchase

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "paykeel"
PAGE = ROOT / "docs" / "reference" / "api.md"


def subclasses(kind: type[PaykeelError]) -> set[type[PaykeelError]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


async def described(api: Api) -> dict[str, Any]:
    answer = await api.http.get("/v1/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


async def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(api: Api) -> None:
    document = await described(api)
    assert document["openapi"].startswith("3.1.")
    schemas = document["components"]["schemas"]

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                assert value["$ref"].removeprefix("#/components/schemas/") in schemas
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(document)
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"], path
            if path.startswith("/v1"):
                # What was published is for everybody to read.
                public = path.startswith("/v1/terms/texts/")
                needed = {"422", "500", "503"} | (set() if public else {"401", "403"})
                assert operation["security"] == ([] if public else [{"api_key": []}])
                assert needed <= operation["responses"].keys()
                assert "404" in operation["responses"] or "{" not in path
                named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
                assert named == set(re.findall(r"{(\w+)}", path)), path


async def test_the_purchases_schema_is_what_is_checked(api: Api) -> None:
    schemas = (await described(api))["components"]["schemas"]
    schema = schemas["Purchase"]
    assert schema["additionalProperties"] is False
    assert schemas["PurchaseBuyer"]["additionalProperties"] is False
    told = {
        **examples.PURCHASES["with_signals"],
        "kind": "deposit",
        "quote": "pkq1.x",
        "items": [{"sku": "a", "quantity": 1, "unit_amount": 2}],
    }
    request = PurchaseRequest.from_document(told).document()
    assert set(schema["properties"]) == set(request)
    for name, part in (("PurchaseBuyer", "buyer"), ("Card", "card"), ("Client", "client")):
        assert set(schemas[name]["properties"]) == set(request[part])
    for name in schema["properties"]:
        lacking = {key: value for key, value in purchase().items() if key != name}
        if name in schema["required"]:
            with pytest.raises(InvalidField):
                PurchaseRequest.from_document(lacking)
        else:
            PurchaseRequest.from_document(lacking)
            PurchaseRequest.from_document(purchase() | {name: None})
    amount = schema["properties"]["amount"]
    assert (amount["minimum"], amount["maximum"]) == (1, AMOUNT_MAX)
    buyer_id = schemas["PurchaseBuyer"]["properties"]["id"]
    assert buyer_id["maxLength"] == model.BUYER_ID_CHARACTERS_MAX
    for name, characters_max in (
        ("payment_method", model.PAYMENT_METHOD_CHARACTERS_MAX),
        ("reference", model.REFERENCE_CHARACTERS_MAX),
        ("description", model.DESCRIPTION_CHARACTERS_MAX),
    ):
        described_as = schema["properties"][name]
        text = described_as.get("anyOf", [described_as])[0]
        assert (text["minLength"], text["maxLength"]) == (1, characters_max), name
        PurchaseRequest.from_document(purchase() | {name: "x" * characters_max})
        for wrong in ("", "x" * (characters_max + 1)):
            with pytest.raises(InvalidField):
                PurchaseRequest.from_document(purchase() | {name: wrong})
    metadata = schema["properties"]["metadata"]["anyOf"][0]
    assert metadata["maxProperties"] == metadata_limits.METADATA_ENTRIES_MAX
    value = metadata["additionalProperties"]
    assert value["maxLength"] == metadata_limits.METADATA_VALUE_CHARACTERS_MAX


async def test_the_other_requests_schemas_are_what_is_checked(api: Api) -> None:
    schemas = (await described(api))["components"]["schemas"]
    assert set(schemas["Capture"]["properties"]) == {"amount", "final"}
    assert schemas["Cancel"]["properties"] == {}
    data = schemas["Actions"]["properties"]["data"]
    assert data["maxProperties"] == DATA_ENTRIES_MAX
    assert data["additionalProperties"]["maxLength"] == DATA_VALUE_CHARACTERS_MAX
    for name in ("Capture", "Cancel", "Actions"):
        assert schemas[name]["additionalProperties"] is False


async def test_answers_have_exactly_the_documented_fields(api: Api) -> None:
    declined = (await api.buy(payment_method="pm_card_declined")).json()
    bought = (await api.buy(payment_method="pm_requires_action", metadata={"a": "b"})).json()
    page = (await api.read("/v1/payments")).json()
    events = (await api.read(f"/v1/payments/{bought['id']}/events")).json()
    refused = (await api.buy(amount=0)).json()
    ready = (await api.http.get("/readyz")).json()
    for kind, document in (
        (documents.Decline, declined),
        (documents.Payment, bought),
        (documents.PaymentList, page),
        (documents.EventList, events),
        (documents.Problem, refused),
        (documents.Readiness, ready),
    ):
        assert surplus(kind, document) == [], kind


def surplus(kind: type[BaseModel], document: dict[str, Any]) -> list[str]:
    """Return the fields of a document that its model does not know, at any depth."""

    def unknown(value: BaseModel) -> list[str]:
        found = list(value.model_extra or ())
        for name in type(value).model_fields:
            item = getattr(value, name)
            for one in item if isinstance(item, list) else [item]:
                if isinstance(one, BaseModel):
                    found += unknown(one)
        return found

    return unknown(kind.model_validate(document))


async def test_every_example_of_a_request_is_accepted(api: Api) -> None:
    for name, document in examples.PURCHASES.items():
        answer = await api.post("/v1/purchases", document)
        assert answer.status_code == 201, (name, answer.text)
    for document in examples.CAPTURES.values():
        made = (await api.buy(capture_method="manual")).json()
        answer = await api.post(f"/v1/payments/{made['id']}/capture", document)
        assert answer.status_code == 200, answer.text
    for document in examples.ACTIONS.values():
        made = (await api.buy(payment_method="pm_requires_action")).json()
        answer = await api.post(f"/v1/payments/{made['id']}/actions", document)
        assert answer.status_code == 200, answer.text


async def test_every_example_of_an_answer_fits_its_schema(api: Api) -> None:
    models = {model.__name__: model for model in (*documents.REQUESTS, *documents.ANSWERS)}
    seen = 0
    for item in (await described(api))["paths"].values():
        for operation in item.values():
            contents = [answer.get("content", {}) for answer in operation["responses"].values()]
            contents.append(operation.get("requestBody", {}).get("content", {}))
            for content in contents:
                for kind, media in content.items():
                    if kind.startswith("text/"):
                        continue
                    name = media["schema"]["$ref"].rpartition("/")[2]
                    for example in media["examples"].values():
                        assert surplus(models[name], example["value"]) == []
                        seen += 1
    assert seen > 60


async def test_an_example_of_an_answer_looks_like_a_real_one(api: Api) -> None:
    real = (await api.buy()).json()
    assert list(examples.PAYMENTS["succeeded"]) == list(real)
    event = (await api.paykeel.payments.events(real["id"], merchant_id=api.merchant_id))[0]
    assert list(examples.EVENTS["page"]["data"][0]) == list(event_document(event))
    hidden = {"data", "to_status", "occurred_at"}
    assert {f.name for f in fields(model.Event)} - set(event_document(event)) == hidden


def texts(node: ast.expr) -> set[str]:
    value = node.value if isinstance(node, ast.Constant) else None
    return {value} if isinstance(value, str) else set()


def raised_codes() -> set[str]:
    """Return every code that the sources name where they raise, the command line's apart."""
    codes = set()
    for path in SOURCES.rglob("*.py"):
        if path.is_relative_to(SOURCES / "cli") or path.is_relative_to(SOURCES / "db"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="InvalidField"), args=[_, code, *_]):
                    codes.update(texts(code))
                case ast.Call(func=ast.Name(id="RequestRefused"), args=[code, *_]):
                    codes.update(texts(code))
                case ast.Call(
                    func=ast.Name(id="InvalidIdempotencyKey" | "Forbidden"),
                    keywords=[ast.keyword(arg="code", value=code)],
                ):
                    codes.update(texts(code))
                case _:
                    pass
    return codes


def test_every_code_that_is_raised_has_its_status_and_title() -> None:
    assert len(raised_codes()) > 40
    assert raised_codes() - set(CODES) == set()


def test_every_error_has_a_status_and_the_one_that_its_code_is_listed_with() -> None:
    for kind in subclasses(PaykeelError):
        if kind is RequestRefused or not kind.__module__.startswith("paykeel."):
            continue
        error = kind("a", "b", "c") if kind is InvalidField else kind("x")
        listed = CODES.get(error.code)
        if listed is not None:
            assert kind_of(error) == listed, kind
        else:
            assert kind_of(error).status in set(STATUSES.values())


def test_nothing_that_may_be_stored_is_a_5xx() -> None:
    """Errors are never stored, and what answers.py composes is below 500."""
    source = ast.parse((SOURCES / "payments" / "answers.py").read_text(encoding="utf-8"))
    numbers = {
        node.value
        for node in ast.walk(source)
        if isinstance(node, ast.Constant) and isinstance(node.value, int)
    }
    assert {201, 202, 402} <= numbers
    assert max(numbers) < 500


def test_the_reference_page_has_the_table_of_codes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert code_table() in page, "copy the output of code_table() into the page"
