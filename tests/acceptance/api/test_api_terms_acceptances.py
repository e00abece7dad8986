"""Presentations and acceptances over HTTP: what is shown, what is said, and what it proves."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paykeel.api import terms_acceptance_openapi as described
from paykeel.terms import bundles
from tests.acceptance.api.kit import Api, problem_of
from tests.acceptance.api.terms import (
    AUTHOR,
    BUYER,
    FACTS,
    TERMS,
    accept,
    add_document,
    decide,
    fits,
    present,
    publish,
    require,
)

if TYPE_CHECKING:
    import asyncpg

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"
PRESENTATIONS, ACCEPTANCES = f"{TERMS}/presentations", f"{TERMS}/acceptances"


async def status(api: Api, buyer_id: str = "agent-7", **more: str) -> dict[str, Any]:
    answer = await api.read(f"{TERMS}/status", buyer_id=buyer_id, buyer_role="agent", **more)
    return fits("TermsStatus", answer)


async def test_a_purchase_waits_for_the_terms_and_its_key_stays_free(api: Api) -> None:
    published = await require(api)
    problem = problem_of(await api.buy("order-1"), 403, "terms_acceptance_required")
    assert problem["missing"] == [
        {
            "document": "terms",
            "purpose": "contract",
            "title": "Terms",
            "version": "1.0.0",
            "version_id": published["id"],
        }
    ]
    shown = await api.post(problem["presentation_url"], {"buyer": BUYER})
    nonce = fits("TermsPresentation", shown, 201)["nonce"]
    fits("TermsAcceptances", await decide(api, nonce), 201)
    assert (await api.buy("order-1")).status_code == 201

    withdrawn = {"document": "terms", **FACTS}
    answer = await api.post(f"{TERMS}/withdrawals", withdrawn)
    (said,) = fits("TermsAcceptances", answer, 201)["data"]
    assert (said["decision"], said["presentation_id"]) == ("withdraw", None)
    problem_of(await api.buy("order-2"), 403, "terms_acceptance_required")
    assert (await api.buy("order-1")).headers["idempotent-replayed"] == "true"
    again = await api.post(f"{TERMS}/withdrawals", withdrawn)
    problem_of(again, 409, "terms_nothing_to_withdraw")


async def test_in_the_grace_period_a_purchase_carries_a_warning(api: Api) -> None:
    await require(api)
    await accept(api)
    newer = await publish(api, version="2.0.0", grace_days=14)
    answer = await api.buy("order-1")
    assert answer.status_code == 201
    (warning,) = answer.json()["warnings"]
    assert (warning["code"], warning["version_id"]) == ("terms_acceptance_due", newer["id"])
    assert warning["due_at"] == newer["grace_until"]
    (standing,) = (await status(api))["data"]
    assert (standing["state"], standing["until"]) == ("grace", newer["grace_until"])
    await accept(api)
    assert "warnings" not in (await api.buy("order-2")).json()


async def test_what_is_shown_is_what_is_accepted(api: Api) -> None:
    texts = {"en": "# Terms\n", "de": "# Bedingungen\n"}
    published = await require(api, texts=texts)
    shown = await present(api, locales=["de-AT", "en"], component="checkout 4.2")
    (item,) = shown["items"]
    assert (item["html"], item["locale"], item["fell_back"]) == (
        "<h1>Bedingungen</h1>\n", "de", True,
    )  # fmt: skip
    assert shown["button_label"] in shown["notice"]
    assert (shown["locale"], item["reason"]) == ("de", "missing")
    example = described.DECIDES["in_person"]
    answer = await api.post(ACCEPTANCES, {**example, "nonce": shown["nonce"]})
    (said,) = fits("TermsAcceptances", answer, 201)["data"]

    assert (said["text_sha256"], said["locale"]) == (item["content_sha256"], "de")
    assert (said["version_id"], said["version_sha256"]) == (published["id"], published["sha256"])
    assert said["presentation_id"] == shown["id"]
    client = {name: said["client"][name] for name in example["client"]}
    assert client == {**example["client"], "at": "2026-11-23T09:30:00.000000Z"}
    for name in ("method", "scrolled_to_end", "dwell_ms", "request_id"):
        assert said[name] == example[name]
    assert fits("TermsAcceptance", await api.read(f"{ACCEPTANCES}/{said['id']}")) == said
    assert said["url"] == item["url"]
    assert said["url"].endswith(f"?version={published['id']}")
    assert (await api.http.get(said["url"])).status_code == 200


async def test_the_browsers_own_header_chooses_the_language(api: Api) -> None:
    await require(api, texts={"en": "# Terms\n", "fr": "# Conditions\n"})
    shown = await present(api, accept_language="de;q=0.3, fr-CH, *;q=0.1")
    assert [item["locale"] for item in shown["items"]] == ["fr"]
    both = await present(api, accept_language="fr", locales=["en"])
    assert [(one["locale"], one["fell_back"]) for one in both["items"]] == [("en", False)]
    none = await present(api)
    assert [(one["locale"], one["fell_back"]) for one in none["items"]] == [("en", False)]


async def test_saying_the_same_again_is_answered_alike(api: Api) -> None:
    await require(api)
    nonce = (await present(api))["nonce"]
    answers = await asyncio.gather(*(decide(api, nonce) for _ in range(10)))
    data = [fits("TermsAcceptances", one, one.status_code)["data"] for one in answers]
    assert all(one == data[0] for one in data)
    replayed = [one.headers.get("idempotent-replayed") for one in answers]
    assert [one.status_code for one in answers].count(201) == replayed.count(None) == 1
    assert [one.status_code for one in answers].count(200) == replayed.count("true") == 9
    problem_of(await decide(api, nonce, "decline"), 409, "terms_nonce_used")
    history = fits("TermsAcceptances", await api.read(ACCEPTANCES, buyer_id="agent-7"))
    assert history["data"] == data[0]


async def test_some_of_what_is_shown_can_be_declined(api: Api) -> None:
    required = await require(api)
    await add_document(api, "news", "marketing")
    optional = await publish(api, "news", texts={"en": "# News\n"})
    shown = await present(api, documents=["news", "terms"])
    assert [item["document"] for item in shown["items"]] == ["news", "terms"]
    said = await decide(api, shown["nonce"], version_ids=[required["id"]])
    assert [one["document"] for one in fits("TermsAcceptances", said, 201)["data"]] == ["terms"]
    said = await decide(api, shown["nonce"], "decline", version_ids=[optional["id"]])
    assert [one["decision"] for one in fits("TermsAcceptances", said, 201)["data"]] == ["decline"]
    for wrong, code in (([str(uuid.uuid4())], "terms_version_not_shown"), ([], "field_required")):
        problem_of(await decide(api, shown["nonce"], version_ids=wrong), 422, code)
    found = await status(api)
    assert [(one["document"], one["required"], one["state"]) for one in found["data"]] == [
        ("news", False, "missing"), ("terms", True, "accepted"),
    ]  # fmt: skip
    assert found["may_purchase"] is True
    nothing = await api.post(PRESENTATIONS, {"buyer": BUYER})
    problem_of(nothing, 409, "terms_nothing_to_accept")


async def test_a_program_accepts_on_behalf_of_somebody(api: Api) -> None:
    await require(api)
    example = described.DECIDES["by_a_program"]
    (said,) = await accept(api, method="api", actor=example["actor"])
    assert said["actor"] == example["actor"]
    nonce = (await present(api, documents=["terms"]))["nonce"]
    answer = await decide(api, nonce, actor={"kind": "electronic_agent", "id": "a"})
    assert problem_of(answer, 422, "field_required")["field"] == "actor.authority"


async def test_a_stale_version_is_409_and_says_which(api: Api) -> None:
    old = await require(api)
    nonce = (await present(api))["nonce"]
    await publish(api, version="2.0.0")
    problem = problem_of(await decide(api, nonce), 409, "terms_version_stale")
    assert problem["version_ids"] == [old["id"]]


async def test_what_was_shown_too_long_ago_is_409(api: Api, admin: asyncpg.Connection) -> None:
    await require(api)
    nonce = (await present(api))["nonce"]
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(
            """
            UPDATE terms_presentations
            SET shown_at = shown_at - interval '1 day', expires_at = now() - interval '1 ms'
            """
        )
    problem_of(await decide(api, nonce), 409, "terms_presentation_expired")


async def test_the_context_of_a_purchase_decides_which_terms_are_for_it(api: Api) -> None:
    await require(api)
    await publish(api, scope={"jurisdiction": "DE", "product": "ticket"}, texts={"de": "# DE\n"})
    buyer = {**BUYER, "jurisdiction": "DE-BY"}
    shown = await present(api, buyer, product="ticket", channel="web")
    assert [item["html"] for item in shown["items"]] == ["<h1>DE</h1>\n"]
    fits("TermsAcceptances", await decide(api, shown["nonce"]), 201)
    bought = await api.buy("order-1", buyer=buyer, kind="ticket", channel="web")
    assert bought.status_code == 201, bought.text
    problem_of(await api.buy("order-2"), 403, "terms_acceptance_required")
    assert (await status(api, jurisdiction="DE", product="ticket"))["may_purchase"] is True
    elsewhere = await status(api)
    assert elsewhere["may_purchase"] is False
    assert elsewhere["context"] == {
        "buyer_role": "agent", "jurisdiction": "*", "product": "purchase", "channel": "*",
    }  # fmt: skip


async def test_history_comes_in_pages_newest_first(api: Api) -> None:
    await require(api)
    for _ in range(3):
        shown = await present(api, documents=["terms"])
        await decide(api, shown["nonce"])
    first = fits("TermsAcceptances", await api.read(ACCEPTANCES, buyer_id="agent-7", limit="2"))
    rest = await api.read(ACCEPTANCES, buyer_id="agent-7", limit="2", cursor=first["next_cursor"])
    second = fits("TermsAcceptances", rest)
    ids = [one["id"] for one in first["data"] + second["data"]]
    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)
    assert second["next_cursor"] is None


async def test_evidence_is_a_bundle_that_can_be_verified_or_a_page(api: Api) -> None:
    await require(api, texts={"en": "# Terms\n\nFive < six.\n"})
    example = described.DECIDES["in_person"]
    (said,) = await accept(api, client=example["client"])
    at = f"{ACCEPTANCES}/{said['id']}/evidence"
    answer = await api.read(at)
    bundle = fits("TermsEvidence", answer)
    assert bundles.verify(bundles.read_bundle(answer.text)) == []
    assert bundle["text"]["content"] == "# Terms\n\nFive < six.\n"
    assert bundle["stripe"]["customer_purchase_ip"] == "203.0.113.9"
    tampered = answer.text.replace("Five", "Four")
    assert bundles.verify(bundles.read_bundle(tampered)) != []

    for page in (
        await api.read(at, format="html"),
        await api.http.get(at, headers=api.headers(Accept="text/html, */*;q=0.1")),
    ):
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert page.headers["cache-control"] == "no-store"
        assert "Five &lt; six." in page.text
        assert "<script" not in page.text
    both = await api.http.get(at, headers=api.headers(Accept="text/html, application/json"))
    assert both.headers["content-type"] == "application/json"
    problem_of(await api.read(at, format="pdf"), 422, "choice_unknown")


async def test_what_is_erased_is_gone_and_the_evidence_still_holds(api: Api) -> None:
    await require(api)
    example = described.DECIDES["in_person"]
    (said,) = await accept(api, client=example["client"])
    (kept,) = await accept(api, "agent-8", client=example["client"])
    for body, erased in (
        (described.ERASURES["a_subject"], 1),
        (described.ERASURES["a_subject"], 0),
        (described.ERASURES["all_before"], 0),
        ({"author": AUTHOR, "acceptance_id": said["id"]}, 0),
    ):
        told = fits("TermsErasure", await api.post(f"{TERMS}/erasures", body))
        assert told["erased"] == erased
    after = (await api.read(f"{ACCEPTANCES}/{said['id']}")).json()
    assert (after["client"]["ip"], after["client"]["user_agent"]) == (None, None)
    assert after["client"]["ip_hash"] == said["client"]["ip_hash"]
    assert after["client"]["erased_at"] is not None
    assert (await api.read(f"{ACCEPTANCES}/{kept['id']}")).json() == kept
    answer = await api.read(f"{ACCEPTANCES}/{said['id']}/evidence")
    assert bundles.verify(bundles.read_bundle(answer.text)) == []
    assert "203.0.113.9" not in answer.text


async def test_two_merchants_never_see_each_other(api: Api) -> None:
    await require(api)
    nonce = (await present(api))["nonce"]
    other = await api.other()
    problem_of(await decide(other, nonce), 404, "terms_nonce_unknown")
    (said,) = fits("TermsAcceptances", await decide(api, nonce), 201)["data"]
    at = f"{ACCEPTANCES}/{said['id']}"
    for speaker, path in (
        (other, at),
        (other, f"{at}/evidence"),
        (api, f"{ACCEPTANCES}/{uuid.uuid4()}"),
        (api, f"{ACCEPTANCES}/x/evidence"),
    ):
        problem_of(await speaker.read(path), 404, "terms_acceptance_unknown")
    assert (await other.read(ACCEPTANCES, buyer_id="agent-7")).json()["data"] == []
    assert (await status(other))["data"] == []
    erasure = {"author": AUTHOR, "acceptance_id": said["id"]}
    answer = await other.post(f"{TERMS}/erasures", erasure)
    problem_of(answer, 404, "terms_acceptance_unknown")
    answer = await other.post(f"{TERMS}/erasures", described.ERASURES["a_subject"])
    assert answer.json()["erased"] == 0
    withdrawal = {"document": "terms", **FACTS}
    answer = await other.post(f"{TERMS}/withdrawals", withdrawal)
    problem_of(answer, 404, "terms_document_unknown")
    problem_of(await other.post(PRESENTATIONS, {"buyer": BUYER}), 409, "terms_nothing_to_accept")
    answer = await other.post(PRESENTATIONS, {"buyer": BUYER, "documents": ["terms"]})
    problem_of(answer, 404, "terms_document_unknown")


async def test_the_examples_are_served(api: Api) -> None:
    await require(api, "seller-terms")
    for example in described.PRESENTS.values():
        shown = fits("TermsPresentation", await api.post(PRESENTATIONS, example), 201)
        assert [item["document"] for item in shown["items"]] == ["seller-terms"]
    for example in described.DECIDES.values():
        nonce = (await present(api, documents=["seller-terms"]))["nonce"]
        fits("TermsAcceptances", await api.post(ACCEPTANCES, {**example, "nonce": nonce}), 201)
    for example in described.WITHDRAWALS.values():
        fits("TermsAcceptances", await api.post(f"{TERMS}/withdrawals", example), 201)
    for example in described.ERASURES.values():
        fits("TermsErasure", await api.post(f"{TERMS}/erasures", example))


async def test_the_bodies_of_the_reference_page_are_served(api: Api) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("### Terms\n")[2].partition("\n### ")[0]
    draft, shown, said = map(json.loads, re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    await require(api)
    answer = await api.post(f"{TERMS}/documents/terms/versions", draft)
    assert fits("TermsVersion", answer)["version"] == draft["version"]
    nonce = fits("TermsPresentation", await api.post(PRESENTATIONS, shown), 201)["nonce"]
    fits("TermsAcceptances", await api.post(ACCEPTANCES, {**said, "nonce": nonce}), 201)
