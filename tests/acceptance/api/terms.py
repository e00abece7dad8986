"""What tests of terms do over HTTP again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from paykeel.api import documents as models

if TYPE_CHECKING:
    import httpx

    from tests.acceptance.api.kit import Api

TERMS = "/v1/terms"
AUTHOR = "Ada Lindqvist"
CONTENT = "# Terms\n\nWhat is bought is **paid for**.\n"
BUYER = {"id": "agent-7", "role": "agent"}
FACTS = {"buyer": {"id": "agent-7"}, "method": "button_click"}


def fits(kind: str, answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """Return an answer, which has the documented fields and no other, at any depth."""
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    model = next(one for one in models.ANSWERS if one.__name__ == kind)
    dumped = model.model_validate(document).model_dump(mode="json")
    assert dumped == document
    assert _extras(model.model_validate(document)) == []
    return document


def _extras(value: object) -> list[str]:
    if isinstance(value, list):
        return [name for one in value for name in _extras(one)]
    if not isinstance(value, BaseModel):
        return []
    found = list(value.model_extra or ())
    for name in type(value).model_fields:
        found += _extras(getattr(value, name))
    return found


async def add_document(
    api: Api, key: str = "terms", purpose: str = "contract", **more: Any
) -> dict[str, Any]:
    """Add a document."""
    body = {"key": key, "purpose": purpose, "title": "Terms", "author": AUTHOR, **more}
    return fits("TermsDocument", await api.post(f"{TERMS}/documents", body), 201)


async def add_draft(
    api: Api, key: str = "terms", version: str = "1.0.0", **more: Any
) -> dict[str, Any]:
    """Save a draft; no two versions are of the same text."""
    texts = {"en": f"{CONTENT}\n{version}\n"}
    body = {"author": AUTHOR, "version": version, "texts": texts, **more}
    return fits("TermsVersion", await api.post(f"{TERMS}/documents/{key}/versions", body))


async def publish(
    api: Api, key: str = "terms", version: str = "1.0.0", **more: Any
) -> dict[str, Any]:
    """Save a draft and publish it."""
    draft = await add_draft(api, key, version, **more)
    answer = await api.post(f"{TERMS}/versions/{draft['id']}/publish", {"author": AUTHOR})
    return fits("TermsVersion", answer)


async def require(api: Api, key: str = "terms", **more: Any) -> dict[str, Any]:
    """Make a document with a first version, which every purchase needs from now on."""
    await add_document(api, key)
    return await publish(api, key, **more)


async def present(api: Api, buyer: Any = None, **more: Any) -> dict[str, Any]:
    """Show a buyer what it has to accept."""
    body = {"buyer": buyer or BUYER, **more}
    return fits("TermsPresentation", await api.post(f"{TERMS}/presentations", body), 201)


async def decide(api: Api, nonce: str, decision: str = "accept", **more: Any) -> httpx.Response:
    """Say something to what was shown."""
    body = {"nonce": nonce, "decision": decision, **FACTS, **more}
    answer: httpx.Response = await api.post(f"{TERMS}/acceptances", body)
    return answer


async def accept(api: Api, buyer_id: str = "agent-7", **more: Any) -> list[dict[str, Any]]:
    """Show a buyer what it has to accept, and have it accept all of it."""
    shown = await present(api, {"id": buyer_id, "role": "agent"})
    answer = await decide(api, shown["nonce"], buyer={"id": buyer_id}, **more)
    data: list[dict[str, Any]] = fits("TermsAcceptances", answer, 201)["data"]
    return data
