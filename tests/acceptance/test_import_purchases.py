"""`paykeel purchase`: real files, real processes, a real database; and nothing charged twice."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.gateways.placeholder import PlaceholderGateway
from tests.acceptance.cli import (
    HEADER,
    Cli,
    environment,
    free_port,
    order_lines,
    stop,
    wait_ready,
)
from tests.conftest import settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from tests.servers import Urls

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "orders.csv"


class Shop:
    """A merchant with a key, and a command line that knows its database."""

    def __init__(self, urls: Urls) -> None:
        self.urls = urls
        self.cli = Cli(environment(urls))
        self.merchant_id: UUID
        self.secret = ""

    async def open(self) -> Shop:
        async with Paykeel.open(settings_for(self.urls)) as paykeel:
            merchant = await paykeel.merchants.create("Harbour Market", "test")
            self.merchant_id = merchant.merchant_id
            _, self.secret = await paykeel.keys.create(
                merchant.merchant_id, "import", ["purchases:write", "payments:read"]
            )
        return self

    async def truth(self) -> tuple[int, int, bool]:
        """Return how many payments and double charges there are, and whether the audit is clean."""
        async with Paykeel.open(settings_for(self.urls)) as paykeel:
            report = await paykeel.auditor.audit()
            gateway = paykeel.gateways.for_mode("test")
            assert isinstance(gateway, PlaceholderGateway)
            doubles = await gateway.double_charged(str(self.merchant_id))
        return report.payments, len(doubles), report.clean

    def count(self) -> int:
        async def ask() -> int:
            connection = await asyncpg.connect(self.urls.owner)
            try:
                return int(await connection.fetchval("SELECT count(*) FROM payments"))
            finally:
                await connection.close()

        return asyncio.run(ask())

    @contextmanager
    def service(self, port: int) -> Iterator[tuple[str, Callable[[], None]]]:
        """Serve; give the address, and what kills the service and starts it again."""
        url = f"http://127.0.0.1:{port}"
        process = self.cli.start("serve", "--port", str(port))

        def crash() -> None:
            nonlocal process
            process.kill()
            process.communicate()
            process = self.cli.start("serve", "--port", str(port))

        try:
            wait_ready(url, process)
            yield url, crash
        finally:
            stop(process)


@pytest.fixture
def shop(urls: Urls) -> Shop:
    return asyncio.run(Shop(urls).open())


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that in time"
        time.sleep(0.05)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def counted(tally: dict[str, Any], field: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in tally["by_status"]:
        counts[group["status"]] = counts.get(group["status"], 0) + group[field]
    return {status: count for status, count in counts.items() if count}


def test_the_example_runs_and_a_second_run_buys_nothing(shop: Shop, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    done = shop.cli("purchase", "--from", str(EXAMPLE), "--rejects", str(rejects), "--json")
    assert done.code == 1, done.err  # some lines were rejected
    first = done.json
    assert (first["lines"], first["answered"], first["rejected"]) == (1_000, 976, 24)
    assert first["stopped"] is None
    assert first["rejects_by_code"]["idempotency_key_reused"] == 6
    assert counted(first, "new")["requires_action"] == 14

    found = rows(rejects)
    assert len(found) == 24
    assert "4242" not in rejects.read_text()
    assert "4242" not in done.out + done.err
    reused = [row for row in found if row["code"] == "idempotency_key_reused"]
    assert {row["field"] for row in reused} == {"amount, description"}
    assert all(row["line"].isdecimal() and row["reason"] for row in found)

    # The same orders, under another name and the last one first.
    header, *body = EXAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    renamed = tmp_path / "renamed.txt"
    renamed.write_text(header + "".join(reversed(body)), encoding="utf-8")
    again = shop.cli("purchase", "--from", str(renamed), "--format", "csv", "--json").json
    assert (again["answered"], again["replayed"], again["rejected"]) == (976, 976, 24)
    assert asyncio.run(shop.truth()) == (938, 0, True)


def test_people_get_tables_and_a_reason_to_run_it_again(shop: Shop, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    lines = ["A-1,1,EUR,a,agent,pm_ok,\n", "A-2,2,EUR,a,agent,pm_card_declined,\n"]
    orders.write_text(HEADER + "".join(lines) + "A-3,0,EUR,a,agent,pm_ok,\n")
    done = shop.cli("purchase", "--from", str(orders))
    assert done.code == 1
    for words in ("succeeded", "card_declined", "amount_zero", "3 lines in", "2 answered"):
        assert words in done.out
    assert done.err == ""
    good = shop.cli(
        "purchase", "--from", "-", "--format", "csv", given=(HEADER + lines[0]).encode()
    )
    assert good.code == 0
    assert "1 of the answers were replayed" in good.out


@pytest.mark.crash
def test_a_run_over_http_survives_the_service_being_killed(shop: Shop, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + "".join(order_lines(400, "pm_slow_40")))
    with shop.service(free_port()) as (url, crash):
        shop.cli.environment["PAYKEEL_API_KEY"] = shop.secret
        words = ("purchase", "--from", str(orders), "--url", url, "--concurrency", "16", "--json")
        importing = shop.cli.start(*words)
        try:
            wait_until(lambda: shop.count() >= 100)
            crash()
            out, err = importing.communicate(timeout=60)
        finally:
            stop(importing)
        first = json.loads(out)
        assert importing.returncode == 0, (first, err)
        assert (first["answered"], first["unanswered"]) == (400, 0)
        assert first["resent"] > 0
        second = shop.cli(*words).json
    assert (second["answered"], second["replayed"]) == (400, 400)
    assert counted(second, "replayed") == {"succeeded": 400}
    assert asyncio.run(shop.truth()) == (400, 0, True)


def test_ctrl_c_finishes_what_is_on_its_way_and_the_next_run_the_rest(
    shop: Shop, tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + "".join(order_lines(60, "pm_slow_200")))
    words = ("purchase", "--from", str(orders), "--concurrency", "4", "--json")
    importing = shop.cli.start(*words)
    try:
        wait_until(lambda: shop.count() >= 8)
        importing.send_signal(signal.SIGINT)
        out, err = importing.communicate(timeout=30)
    finally:
        stop(importing)
    assert importing.returncode == 130, err
    first = json.loads(out)
    assert first["stopped"] == "interrupted"
    assert first["unanswered"] == 0
    assert 8 <= first["answered"] == shop.count() < 60

    rest = shop.cli(*words).json
    assert (rest["answered"], rest["replayed"], rest["stopped"]) == (60, first["answered"], None)
    assert asyncio.run(shop.truth()) == (60, 0, True)


def test_a_service_that_is_not_there_ends_the_run(shop: Shop, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + "".join(order_lines(1_000)))
    url = f"http://127.0.0.1:{free_port()}"
    words = ("purchase", "--from", str(orders), "--url", url, "--key", shop.secret)
    done = shop.cli(*words, "--patience", "1", "--json")
    assert done.code == 3
    assert done.json["stopped"] == "service_unavailable"
    assert done.json["lines"] == 32
    assert "service_unavailable" in done.err


def test_over_http_a_wrong_key_ends_the_run_and_a_faulty_line_does_not(
    shop: Shop, tmp_path: Path
) -> None:
    shop.cli("merchants", "limit", "EUR", "--max", "50.00")
    orders = tmp_path / "orders.ndjson"
    order = {"amount": 5_000, "currency": "EUR", "payment_method": "pm_insufficient_funds",
             "buyer": {"id": "a", "role": "agent"}}  # fmt: skip
    lines = [
        {**order, "reference": "A-1"},
        {**order, "reference": "A-1", "amount": 4_000},
        {**order, "reference": "A-2", "amount": 5_001},
    ]
    orders.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with shop.service(free_port()) as (url, _):
        words = ("purchase", "--from", str(orders), "--url", url, "--json")
        wrong = shop.cli(*words, "--key", shop.secret[:-1] + "xy"[shop.secret[-1] == "x"])
        done = shop.cli(*words, "--key", shop.secret)
    assert (wrong.code, wrong.json["stopped"]) == (5, "unauthenticated")
    assert done.code == 1
    [group] = done.json["by_status"]
    assert (group["status"], group["reason"], group["new"]) == ("failed", "insufficient_funds", 1)
    assert {(one["line"], one["field"], one["code"]) for one in done.json["first_rejects"]} == {
        (2, "amount", "idempotency_key_reused"),
        (3, "amount", "amount_over_merchant_limit"),
    }


def test_one_purchase_by_options(shop: Shop) -> None:
    words = (
        "purchase", "--reference", "A-1", "--amount", "12.50", "--currency", "EUR",
        "--buyer-id", "a", "--buyer-role", "agent", "--payment-method",
    )  # fmt: skip
    first, again = (shop.cli(*words, "pm_ok", "--json") for _ in range(2))
    assert (first.code, again.code) == (0, 0)
    assert first.json["status"] == "succeeded"
    assert {**first.json, "replayed": True} == again.json
    reused = shop.cli(*words, "pm_card_declined")
    assert reused.code == 5
    assert "payment_method" in reused.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "usage"),
        (("--from", "nowhere.csv"), "file_unreadable"),
        (("--from", "orders.xlsx"), "usage"),
        (("--from", "-", "--format", "csv", "--url", "http://127.0.0.1:1"), "usage"),
        (("--from", "-", "--format", "csv", "--concurrency", "0"), "usage"),
        (("--reference", "A-1", "--amount", "1"), "field_required"),
    ],
)
def test_a_wrong_call_says_so(tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    (tmp_path / "orders.xlsx").touch()
    cli = Cli({"PATH": "", "PYTHONPATH": _python_path()})
    given = tuple(str(tmp_path / word) if word.startswith("orders") else word for word in words)
    done = cli("purchase", *given, "--json", given=HEADER.encode())
    assert (done.code, done.json["error"]["code"]) == (2, code)
    assert done.err.startswith(f"paykeel: {code}")


def _python_path() -> str:
    return str(Path(__file__).resolve().parents[2] / "src")


def test_rejects_never_overwrite_the_orders(shop: Shop, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + "A-1,0,EUR,a,agent,pm_ok,\n")
    done = shop.cli("purchase", "--from", str(orders), "--rejects", str(orders), "--json")
    assert (done.code, done.json["error"]["code"]) == (2, "usage")
    assert orders.read_text() == HEADER + "A-1,0,EUR,a,agent,pm_ok,\n"
