"""``paykeel fraud alerts`` and ``explain`` as a person runs them."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from tests.acceptance.cli import Cli, environment
from tests.conftest import settings_for
from tests.database.helpers import buy

if TYPE_CHECKING:
    from tests.servers import Urls


@dataclass(frozen=True)
class Shop:
    """A merchant with two alerts, and a purchase that was blocked."""

    cli: Cli
    merchant_id: str
    blocked: str


@pytest.fixture
def shop(urls: Urls) -> Shop:
    async def run() -> tuple[str, str]:
        settings = settings_for(urls, fraud_default_ruleset="default")
        async with Paykeel.open(settings) as paykeel:
            merchant = await paykeel.merchants.create("Harbour Market")
            bought = [await buy(paykeel, merchant, f"order-{n}") for n in range(20)]
            code = "quote_amount_differs"
            await paykeel.alerts.look()
            await paykeel.refusals.write(merchant.merchant_id, code, {"code": code})
            await paykeel.alerts.look()
            return str(merchant.merchant_id), str(bought[-1].payment_id)

    return Shop(Cli(environment(urls)), *asyncio.run(run()))


def test_alerts_are_shown_and_acknowledged(shop: Shop) -> None:
    shown = shop.cli("fraud", "alerts", "list")
    assert shown.code == 0
    assert "velocity burst" in shown.out
    assert "buyer_rate" in shown.out
    first, second = shop.cli("fraud", "alerts", "list", "--json").json["alerts"]
    assert (first["kind"], second["kind"], second["count"]) == (
        "amount_tampering",
        "velocity_burst",
        10,
    )
    done = shop.cli("fraud", "alerts", "acknowledge", second["id"], "--author", "ann")
    assert (done.code, done.out) == (0, "Acknowledged by ann, at a count of 10.\n")
    other = shop.cli("fraud", "alerts", "acknowledge", second["id"], "--author", "ben", "--json")
    assert other.code == 5
    assert other.json["error"]["code"] == "alert_acknowledged"
    assert other.json["error"]["data"] == {"acknowledged_by": "ann"}
    left = shop.cli("fraud", "alerts", "list", "--json").json
    assert [one["id"] for one in left["alerts"]] == [first["id"]]
    seen = shop.cli("fraud", "alerts", "list", "--status", "acknowledged", "--json").json["alerts"]
    assert [one["acknowledged_by"] for one in seen] == ["ann"]
    page = shop.cli("fraud", "alerts", "list", "--all", "--limit", "1", "--json").json
    words = ("--all", "--limit", "1", "--cursor", page["next_cursor"], "--json")
    rest = shop.cli("fraud", "alerts", "list", *words).json
    assert [one["id"] for one in page["alerts"] + rest["alerts"]] == [first["id"], second["id"]]


def test_the_doctor_lists_what_is_open(shop: Shop) -> None:
    alert = shop.cli("fraud", "alerts", "list", "--json").json["alerts"][1]
    findings = shop.cli("doctor", "--json").json["findings"]
    found = [one for one in findings if one["what"] == "alert"]
    assert [one["state"] for one in found] == ["warn", "warn"]
    assert found[0]["found"].startswith("velocity_burst:buyer_rate, 10 times since ")
    assert alert["id"] in found[0]["then"]
    for one in shop.cli("fraud", "alerts", "list", "--json").json["alerts"]:
        shop.cli("fraud", "alerts", "acknowledge", one["id"], "--author", "ann")
    findings = shop.cli("doctor", "--json").json["findings"]
    assert [one["found"] for one in findings if one["what"] == "alerts"] == ["none is open"]


def test_a_decision_is_explained(shop: Shop) -> None:
    shown = shop.cli("fraud", "explain", shop.blocked)
    assert shown.code == 0
    for words in (
        "buyer_rate",
        "matched",
        "missing velocity.card_declines_1h",
        "velocity.buyer_attempts_1h",
    ):
        assert words in shown.out, words
    said = shop.cli("fraud", "explain", shop.blocked, "--json").json
    assert (said["decision"], said["reasons"][0], said["ruleset"]) == (
        "block",
        "buyer_rate",
        "default",
    )
    assert said["payment_id"] == shop.blocked


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("alerts", "acknowledge", str(uuid.uuid4()), "--author", "ann"), 4, "not_found"),
        (("alerts", "acknowledge", str(uuid.uuid4())), 2, "usage"),
        (("alerts", "list", "--cursor", "x"), 2, "cursor_malformed"),
        (("alerts", "list", "--status", "closed"), 2, "usage"),
        (("explain", str(uuid.uuid4())), 4, "not_found"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    shop: Shop, words: tuple[str, ...], code: int, error: str
) -> None:
    done = shop.cli("fraud", *words, "--json")
    assert done.code == code, done
    assert json.loads(done.out)["error"]["code"] == error
    assert "Traceback" not in done.err


def test_a_key_of_a_shop_may_not_know_why(shop: Shop) -> None:
    made = shop.cli("keys", "create", "till", "--json").json
    assert not [scope for scope in made["scopes"] if scope.startswith("fraud:")]
    assert "purchases:write" in made["scopes"]
