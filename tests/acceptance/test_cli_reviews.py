"""``paykeel fraud reviews`` as a person runs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from paykeel import Paykeel, Settings
from tests.acceptance.cli import Cli, environment
from tests.reviews import DEAR, hold

if TYPE_CHECKING:
    from tests.servers import Urls


@pytest.fixture
def cli(urls: Urls) -> Cli:
    """A merchant of whom everything over 10.00 is held."""
    cli = Cli(environment(urls, PAYKEEL_FRAUD_DEFAULT_RULESET="default"))
    merchant_id = UUID(cli("merchants", "create", "Harbour Market", "--json").json["id"])

    async def run() -> None:
        settings = Settings.model_validate({"database_url": urls.app})
        admin = await asyncpg.connect(urls.admin)
        try:
            async with Paykeel.open(settings) as paykeel:
                await hold(paykeel, admin, merchant_id)
        finally:
            await admin.close()

    asyncio.run(run())
    return cli


def held(cli: Cli, reference: str, amount: str = "12.50", method: str = "pm_ok") -> str:
    done = cli(
        "purchase", "--reference", reference, "--amount", amount, "--currency", "EUR",
        "--buyer-id", f"agent-{reference}", "--buyer-role", "agent", "--payment-method", method,
        "--json",
    )  # fmt: skip
    assert done.json["status"] == "in_review", done
    payment_id: str = done.json["payment_id"]
    return payment_id


def test_a_person_goes_through_the_queue(cli: Cli) -> None:
    good, bad = held(cli, "A-1"), held(cli, "A-2")
    done = cli("fraud", "reviews", "list")
    assert done.code == 0, done
    assert done.out.index(good) < done.out.index(bad)
    assert "0 of 1" in done.out
    page = cli("fraud", "reviews", "list", "--limit", "1", "--json").json
    rest = cli("fraud", "reviews", "list", "--cursor", page["next_cursor"], "--json").json
    assert [one["payment_id"] for one in page["reviews"] + rest["reviews"]] == [good, bad]

    by_ada = ("--operator", "Ada")
    assigned = cli("fraud", "reviews", "assign", good, "Ben", *by_ada)
    assert (assigned.code, "Ben" in assigned.out) == (0, True)
    mine = cli("fraud", "reviews", "list", "--assignee", "Ben", "--reason", "dear", "--json").json
    assert [one["payment_id"] for one in mine["reviews"]] == [good]
    assert cli("fraud", "reviews", "assign", good, "--nobody", *by_ada).code == 0
    assert cli("fraud", "reviews", "assign", good, *by_ada).code == 2
    assert cli("fraud", "reviews", "note", good, "Called back", *by_ada).code == 0

    approved = cli("fraud", "reviews", "approve", good, *by_ada, "--note", "Known", "--json")
    assert (approved.code, approved.json["status"]) == (0, "succeeded")
    rejected = cli("fraud", "reviews", "reject", bad, *by_ada, "--label", "fraud")
    assert (rejected.code, "blocked" in rejected.out) == (0, True)
    shown = cli("fraud", "reviews", "show", good)
    for text in ("approved", "succeeded", "Called back", "dear", "payment.amount", "1 of 1"):
        assert text in shown.out, text
    assert cli("fraud", "reviews", "list", "--json").json["reviews"] == []
    late = cli("fraud", "reviews", "reject", good, "--operator", "Ben")
    assert (late.code, "review_decided" in late.err) == (5, True)
    assert cli("fraud", "reviews", "show", "01a1f3c5-7a00-7c3e-9f5d-6b1e2a3c4d5e").code == 4
    assert cli("audit").code == 0


def test_a_second_person_and_a_decline_are_told(cli: Cli) -> None:
    dear = held(cli, "B-1", f"{DEAR // 100}.00")
    first = cli("fraud", "reviews", "approve", dear, "--operator", "Ada")
    assert (first.code, "One more person has to approve it." in first.out) == (0, True)
    same = cli("fraud", "reviews", "approve", dear, "--operator", "ada")
    assert (same.code, "review_needs_another_person" in same.err) == (5, True)
    assert cli("fraud", "reviews", "approve", dear, "--operator", "Ben").code == 0
    declined = held(cli, "B-2", method="pm_card_declined")
    done = cli("fraud", "reviews", "approve", declined, "--operator", "Ada")
    assert (done.code, "card_declined" in done.out) == (5, True)
