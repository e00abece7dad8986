"""``paykeel refunds notices``, and a refund of another amount, as a person runs them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from paykeel import Paykeel
from paykeel.gateways.port import Notice, Succeeded
from paykeel.money import Money
from paykeel.payments.steps import gateway_reference
from paykeel.refunds.service import RefundService
from tests.acceptance.cli import Cli, environment
from tests.acceptance.test_refunds_cli import asked, publish
from tests.conftest import settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

BECAUSE = ("--operator", "Ben Okafor", "--because", "Seen in the gateway's own screens")


@pytest.fixture
def cli(urls: Urls) -> Cli:
    cli = Cli(environment(urls))
    assert cli("merchants", "create", "Harbour Market").code == 0
    return cli


def bought(cli: Cli) -> str:
    done = cli(
        "purchase", "--reference", "A-1", "--amount", "100.00", "--currency", "EUR",
        "--buyer-id", "agent-7", "--buyer-role", "agent", "--payment-method", "pm_ok", "--json",
    )  # fmt: skip
    payment_id: str = done.json["payment_id"]
    return payment_id


def tell(urls: Urls, payment_id: str, name: str, minor: int) -> None:
    """Let the gateway tell of a refund by itself, as the application hands it over."""

    async def told() -> None:
        async with Paykeel.open(settings_for(urls)) as paykeel:
            (merchant,) = await paykeel.merchants.list()
            owner = merchant.merchant_id
            payment = await paykeel.payments.get(UUID(payment_id), merchant_id=owner)
            charged = gateway_reference(owner, payment.idempotency_key).hex()
            notice = Notice(
                message_id="evt", reference=name, outcome=Succeeded(Money(minor, "EUR")),
                refund_of=charged, merchant_id=str(owner), payment_id=payment_id,
            )  # fmt: skip
            service = RefundService(paykeel.payments.resources, paykeel.refund_policies)
            await service.take_notice(notice)

    asyncio.run(told())


def test_what_is_open_is_listed_with_what_to_do_and_a_person_closes_it(
    cli: Cli, urls: Urls
) -> None:
    payment_id = bought(cli)
    done = cli("refunds", "request", payment_id, "--by", "Ada", "--amount", "80.00", "--yes")
    assert done.code == 0, done
    tell(urls, payment_id, "re_1", 3_000)
    tell(urls, payment_id, "re_2", 1_500)
    found = cli("refunds", "notices", "list", "--json").json["notices"]
    assert [(one["gateway_id"], one["amount"], one["waits_for"]) for one in found] == [
        ("re_1", 3_000, "room"),
    ]  # fmt: skip
    shown = cli("refunds", "notices", "list").out
    assert "30.00 EUR" in shown
    assert "cancel or reject what waits for approval, or dismiss it" in shown
    audit = cli("audit")
    assert (audit.code, "re_1" in audit.out) == (0, True), audit
    refused = cli("refunds", "notices", "book", payment_id, "re_1", *BECAUSE)
    assert (refused.code, "refund_notice_no_room" in refused.err) == (5, True)
    assert "30.00 EUR" in refused.err
    done = cli("refunds", "notices", "dismiss", payment_id, "re_1", *BECAUSE)
    assert done.code == 0, done
    assert "dismissed" in done.out
    assert "operator:Ben Okafor" in done.out
    assert cli("refunds", "notices", "list", "--json").json == {"notices": []}
    every = cli("refunds", "notices", "list", "--every", "--payment", payment_id, "--json").json
    assert [one["status"] for one in every["notices"]] == ["dismissed", "booked"]
    again = cli("refunds", "notices", "dismiss", payment_id, "re_1", *BECAUSE)
    assert (again.code, "refund_notice_decided" in again.err) == (5, True)


def test_a_person_books_what_has_room_now(cli: Cli, urls: Urls, tmp_path: Path) -> None:
    publish(cli, tmp_path)
    payment_id = bought(cli)
    waits = asked(cli, payment_id, "--amount", "80.00", "--service-at", "10d")
    assert waits["status"] == "requested"
    tell(urls, payment_id, "re_1", 3_000)
    approved = cli("refunds", "approve", waits["id"], "--operator", "Ben Okafor")
    assert (approved.code, "refund_notice_open" in approved.err) == (5, True), approved
    assert cli("refunds", "cancel", waits["id"], "--operator", "Ada").code == 0
    booked = cli("refunds", "notices", "book", payment_id, "re_1", *BECAUSE, "--json")
    assert (booked.code, booked.json["status"]) == (0, "booked"), booked
    shown = cli("refunds", "show", booked.json["refund_id"]).out
    assert "Ben Okafor" in shown
    missing = cli("refunds", "notices", "book", payment_id, "re_9", *BECAUSE)
    assert (missing.code, "not_found" in missing.err) == (4, True), missing
    assert cli("audit").code == 0


def test_an_amount_is_only_for_a_refund(cli: Cli) -> None:
    payment_id = bought(cli)
    done = cli(
        "payments", "resolve", payment_id, "failed", "--amount", "30.00", "--operator", "Ben",
        "--evidence", "Seen in the gateway's own screens",
    )  # fmt: skip
    assert "amount_not_of_refund" in done.err
