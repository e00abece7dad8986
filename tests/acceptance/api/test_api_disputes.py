"""The routes of disputes: opened, won or lost, and taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.api import refunds_openapi as described
from tests.acceptance.api.kit import problem_of
from tests.acceptance.api.test_api_refunds import ADA, ask, bought

if TYPE_CHECKING:
    from tests.acceptance.api.kit import Api


async def test_what_is_disputed_cannot_be_refunded(api: Api) -> None:
    payment_id = await bought(api)
    path = f"/v1/payments/{payment_id}/disputes"
    opened = await api.post(path, described.OPENINGS["a_part"])
    assert opened.status_code == 200, opened.text
    assert (opened.json()["amount_disputed"], opened.json()["display_status"]) == (250, "disputed")
    assert (await api.post(path, described.OPENINGS["a_part"])).json() == opened.json()
    whole = {"dispute_id": "dp_19", "amount": 1_001, "operator": "Ada"}
    problem_of(await api.post(path, whole), 422, "amount_over_captured")
    problem_of(await ask(api, payment_id, amount=1_001), 422, "amount_over_refundable")
    problem_of(
        await api.post(f"{path}/dp_18/close", ADA | {"ending": "drawn"}), 422, "choice_unknown"
    )
    problem_of(
        await api.post(f"{path}/dp_20/close", ADA | {"ending": "won"}), 409, "illegal_transition"
    )
    won = await api.post(f"{path}/dp_18/close", described.CLOSINGS["won"])
    assert (won.status_code, "amount_disputed" in won.json()) == (200, False)
    await api.post(path, {"dispute_id": "dp_21", "operator": "Ada"})
    lost = await api.post(f"{path}/dp_21/close", described.CLOSINGS["lost"])
    assert lost.json()["amount_disputed"] == 1_250
    problem_of(await ask(api, payment_id), 409, "refund_denied")
    problem_of(
        await api.post(f"{path}/dp_21/reopen", described.REOPENINGS["as_before"]),
        409,
        "illegal_transition",
    )
    appeal = await api.post(f"{path}/dp_21/close", described.CLOSINGS["won"])
    assert (appeal.status_code, "amount_disputed" in appeal.json()) == (200, False)


async def test_what_was_won_is_taken_up_again(api: Api) -> None:
    payment_id = await bought(api)
    path = f"/v1/payments/{payment_id}/disputes"
    reopen = f"{path}/dp_18/reopen"
    problem_of(await api.post(reopen, ADA), 409, "illegal_transition")
    await api.post(path, described.OPENINGS["a_part"])
    await api.post(f"{path}/dp_18/close", described.CLOSINGS["won"])
    wrong = await api.post(reopen, ADA | {"amount": 1_251})
    problem_of(wrong, 422, "amount_over_captured")
    problem_of(await api.post(reopen, ADA | {"ending": "won"}), 422, "field_unknown")
    problem_of(await api.post(reopen, {}), 422, "field_required")
    again = await api.post(reopen, described.REOPENINGS["as_before"])
    assert (again.status_code, again.json()["amount_disputed"]) == (200, 250)
    assert (await api.post(reopen, ADA)).json() == again.json()
    await api.post(f"{path}/dp_18/close", described.CLOSINGS["won"])
    part = await api.post(reopen, ADA | {"amount": 100})
    assert part.json()["amount_disputed"] == 100
