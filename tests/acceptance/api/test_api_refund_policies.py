"""Refund policies over HTTP: planned, published, withdrawn, read, and kept with a payment."""

from __future__ import annotations

from typing import Any

from paykeel.api import refund_policies_openapi as described
from paykeel.api.refund_policies_documents import MerchantReturnPolicy
from tests.acceptance.api.kit import CARD, Api, problem_of
from tests.acceptance.api.terms import fits
from tests.database.refund_policies import policy

POLICIES = "/v1/refund-policies"
FIRST = f"{POLICIES}/flexible/versions/1"
BECAUSE = {"author": "Ben", "because": "A slip."}


async def publish(api: Api, status: int = 201, **changes: Any) -> dict[str, Any]:
    body = {"author": "Ada", "document": policy(**changes)}
    return fits("RefundPolicy", await api.post(POLICIES, body), status)


async def test_the_examples_are_served(api: Api) -> None:
    bodies = described.PUBLISH["requestBody"]["content"]["application/json"]["examples"]
    answers = [await api.post(POLICIES, one["value"]) for one in bodies.values()]
    shown = described.VERSION["responses"]["200"]["content"]["application/json"]["examples"]
    made = fits("RefundPolicy", answers[0], 201)
    assert made["sha256"] == shown["version"]["value"]["sha256"]
    # The second says the same, with every default filled in.
    assert fits("RefundPolicy", answers[1]) == made
    whole = fits("RefundWholePolicy", await api.read(FIRST))
    assert whole["document"] == shown["version"]["value"]["document"]


async def test_it_is_planned_published_read_and_withdrawn(api: Api) -> None:
    body = {"document": policy(), "locale": "de"}
    planned = fits("RefundPolicyPlan", await api.post(f"{POLICIES}/plan", body))
    assert (planned["change"], planned["version_to"]) == ("new", 1)
    first = await publish(api)
    assert first["sha256"] == planned["sha256"]
    assert await publish(api, status=200) == first
    second = await publish(api, hours=48)
    page = fits("RefundPolicies", await api.read(POLICIES, limit="1"))
    rest = fits("RefundPolicies", await api.read(POLICIES, cursor=page["next_cursor"]))
    assert page["data"] + rest["data"] == [second, first]
    assert (page["next_cursor"], rest["next_cursor"]) == ("flexible.2", None)
    assert (await api.read(POLICIES, key="firm")).json()["data"] == []

    german = await api.read(f"{FIRST}/sentences", locale="de-AT")
    told = fits("RefundPolicySentences", german)
    assert (told["locale"], told["sentences"]) == ("de", planned["sentences_after"])
    english = fits("RefundPolicySentences", await api.read(f"{FIRST}/sentences"))
    assert (english["locale"], len(english["sentences"])) == ("en", 3)
    exported = (await api.read(f"{FIRST}/schema-org")).json()
    assert exported["@type"] == "MerchantReturnPolicy"
    assert [one["name"] for one in exported["additionalProperty"]] == ["tiers", "tiers", "unknown"]
    shaped = MerchantReturnPolicy.model_validate(exported)
    assert shaped.model_dump(by_alias=True, exclude_unset=True) == exported

    taken = fits("RefundPolicy", await api.post(f"{FIRST}/withdraw", BECAUSE))
    assert (taken["status"], taken["withdrawn_because"]) == ("withdrawn", "A slip.")
    again = await api.post(f"{FIRST}/withdraw", BECAUSE)
    problem_of(again, 409, "refund_policy_withdrawn")


async def test_the_last_policy_is_withdrawn_on_purpose_alone(api: Api) -> None:
    await publish(api)
    problem_of(await api.post(f"{FIRST}/withdraw", BECAUSE), 409, "refund_policy_leaves_none")
    unclear = await api.post(f"{FIRST}/withdraw", {**BECAUSE, "leave_none": "yes"})
    assert problem_of(unclear, 422, "boolean_required")["field"] == "leave_none"
    taken = await api.post(f"{FIRST}/withdraw", {**BECAUSE, "leave_none": True})
    assert fits("RefundPolicy", taken)["status"] == "withdrawn"


async def test_a_version_for_fewer_purchases_is_published_on_purpose_alone(api: Api) -> None:
    await publish(api)
    fewer = policy(scope={"channel": "web"})
    planned = fits("RefundPolicyPlan", await api.post(f"{POLICIES}/plan", {"document": fewer}))
    assert planned["leaves_none"] is True
    body = {"author": "Ada", "document": fewer}
    problem_of(await api.post(POLICIES, body), 409, "refund_policy_leaves_none")
    problem_of(await api.post(POLICIES, {**body, "leave_none": 1}), 422, "boolean_required")
    done = fits("RefundPolicy", await api.post(POLICIES, {**body, "leave_none": True}), 201)
    assert done["scope"]["channel"] == "web"


async def test_mistakes_are_listed(api: Api) -> None:
    wrong = {"key": "flexible", "title": "Flexible", "tiers": [], "currency": "EURO"}
    answer = await api.post(POLICIES, {"author": "Ada", "document": wrong})
    problem = problem_of(answer, 400, "refund_policy_refused")
    assert "currency" in {one["path"] for one in problem["mistakes"]}
    planned = await api.post(f"{POLICIES}/plan", {"document": wrong})
    plan = fits("RefundPolicyPlan", planned)
    assert (plan["change"], plan["mistakes"]) == ("refused", problem["mistakes"])


async def test_what_cannot_be_published_says_why(api: Api) -> None:
    await publish(api)
    tie = {"document": policy("firm"), "author": "Ada"}
    problem_of(await api.post(POLICIES, tie), 409, "refund_policy_scope_tie")
    answer = await api.post(f"{POLICIES}/plan", {"document": tie["document"]})
    planned = fits("RefundPolicyPlan", answer)
    assert [one["key"] for one in planned["ties"]] == ["flexible"]
    later = {"document": policy(hours=2), "author": "Ada", "effective_from": "2099-01-01T00:00Z"}
    assert (await api.post(POLICIES, later)).status_code == 201
    sooner = {**later, "document": policy(hours=3), "effective_from": "2098-01-01T00:00Z"}
    problem_of(await api.post(POLICIES, sooner), 409, "refund_policy_effective_order")
    past = {**later, "document": policy(hours=3), "effective_from": "2026-01-01T00:00Z"}
    problem_of(await api.post(POLICIES, past), 422, "instant_in_past")


async def test_a_field_that_is_wrong_is_named(api: Api) -> None:
    good = {"author": "Ada", "document": policy()}
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        (POLICIES, {"document": policy()}, "field_required", "author"),
        (POLICIES, {"author": "Ada"}, "field_required", "document"),
        (POLICIES, {**good, "document": []}, "object_required", "document"),
        (POLICIES, {**good, "dokument": {}}, "field_unknown", "dokument"),
        (POLICIES, {**good, "author": 7}, "text_required", "author"),
        (POLICIES, {**good, "author": CARD}, "card_number_refused", "author"),
        (POLICIES, {**good, "effective_from": "soon"}, "instant_malformed", "effective_from"),
        (f"{POLICIES}/plan", {**good}, "field_unknown", "author"),
        (f"{POLICIES}/plan", {"document": {}, "locale": "?"}, "locale_malformed", "locale"),
        (f"{FIRST}/withdraw", {"author": "Ben"}, "field_required", "because"),
    ]
    await publish(api)
    for path, body, code, field in cases:
        problem = problem_of(await api.post(path, body), 422, code)
        assert problem["field"] == field
    for parameters, code in (({"cursor": "flexible"}, "cursor_malformed"),
                             ({"limit": "0"}, "limit_out_of_range"),
                             ({"page": "2"}, "field_unknown")):  # fmt: skip
        problem_of(await api.read(POLICIES, **parameters), 422, code)
    problem_of(await api.read(f"{FIRST}/sentences", locale="?"), 422, "locale_malformed")


async def test_another_merchants_policy_is_none(api: Api) -> None:
    await publish(api)
    other = await api.other()
    unknown = [
        f"{POLICIES}/flexible/versions/2",
        f"{POLICIES}/flexible/versions/01",
        f"{POLICIES}/flexible/versions/x",
        f"{POLICIES}/%C3%A9/versions/1",
        f"{POLICIES}/%00/versions/1",
    ]
    for caller, path in [(other, FIRST), *((api, path) for path in unknown)]:
        for part in ("", "/sentences", "/schema-org"):
            answer = await caller.read(path + part)
            problem_of(answer, 404, "refund_policy_unknown")
        answer = await caller.post(f"{path}/withdraw", BECAUSE)
        problem_of(answer, 404, "refund_policy_unknown")
    assert (await other.read(POLICIES)).json()["data"] == []


async def test_a_purchase_tells_its_policy(api: Api) -> None:
    first = await publish(api, scope={"payment_method": "card"})
    bought = await api.buy("order-1", payment_method_type="card")
    assert bought.json()["refund_policy"] == {
        "key": "flexible", "version": 1, "sha256": first["sha256"],
    }  # fmt: skip
    assert "refund_policy" not in (await api.buy("order-2")).json()
    wrong = await api.buy("order-3", payment_method_type="Card!")
    assert problem_of(wrong, 422, "name_malformed")["field"] == "payment_method_type"


async def test_a_policy_that_was_changed_behind_our_back_is_not_served(
    api: Api, admin: Any
) -> None:
    await publish(api)
    await admin.execute("UPDATE refund_policies SET sha256 = sha256('another')")
    problem_of(await api.read(FIRST), 503, "refund_policy_changed")
