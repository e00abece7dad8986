"""Every command as a user runs it: what it prints, as JSON too, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest

from paykeel.cli.main import app
from tests.acceptance.cli import COMMAND, Cli, Done, environment, free_port, stop, wait_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Databases, Urls

COMMANDS = (
    "demo", "serve", "worker", "migrate", "doctor", "audit", "purchase", "payments", "merchants",
    "keys", "seals",
)  # fmt: skip
ORDER = (
    "--currency", "EUR", "--buyer-id", "agent-7", "--buyer-role", "agent", "--payment-method",
)  # fmt: skip


@pytest.fixture
def cli(urls: Urls) -> Cli:
    return Cli(environment(urls))


@pytest.fixture
def shop(cli: Cli) -> Cli:
    assert cli("merchants", "create", "Harbour Market").code == 0
    return cli


@pytest.fixture
def empty(server: Databases) -> Iterator[Urls]:
    """A database without any table."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    server.server.create(name)
    yield server.server.urls(name)
    server.server.drop(name)


def change(urls: Urls, statement: str) -> None:
    """Change the data as its owner, past everything that Paykeel does."""

    async def run() -> None:
        connection = await asyncpg.connect(urls.owner)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def buy(cli: Cli, reference: str, method: str = "pm_ok", *more: str) -> str:
    done = cli(
        "purchase", "--reference", reference, "--amount", "12.50", *ORDER, method, *more, "--json"
    )
    payment_id = done.json["payment_id"]
    assert isinstance(payment_id, str)
    return payment_id


def refused(done: Done, exit_code: int, code: str) -> None:
    """One line, no traceback, and the same as JSON."""
    assert done.code == exit_code, done
    assert done.json["error"]["code"] == code
    [line] = done.err.splitlines()
    assert line.startswith(f"paykeel: {code}")


def test_help_lists_every_command_and_the_version_is_told() -> None:
    cli = Cli({"PATH": "", "PYTHONPATH": ":".join(sys.path)})
    listed = cli("--help")
    assert listed.code == 0
    assert all(f" {command} " in listed.out for command in COMMANDS)
    assert cli("--version").out.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_of_itself_and_takes_json(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app.help_print([command])
    text = capsys.readouterr().out
    assert f"paykeel {command}" in text or f"{command} " in text
    if command not in {"payments", "merchants", "keys", "seals"}:
        assert "--json" in text
        assert "--debug" in text


def test_merchants_are_created_listed_limited_and_suspended(cli: Cli) -> None:
    refused(cli("payments", "list", "--json"), 4, "merchant_missing")
    made = cli("merchants", "create", "Harbour Market", "--json").json
    assert (made["name"], made["mode"], made["status"]) == ("Harbour Market", "test", "active")
    limited = cli("merchants", "limit", "KWD", "--max", "100.5", "--json").json
    assert (limited["currency"], limited["amount_min"], limited["amount_max"]) == (
        "KWD", 1, 100_500,
    )  # fmt: skip
    refused(cli("merchants", "limit", "KWD", "--max", "1.23456", "--json"), 2,
            "amount_wrong_precision")  # fmt: skip
    assert cli("merchants", "suspend", made["id"], "--json").json["status"] == "suspended"
    done = cli("purchase", "--reference", "A", "--amount", "1", *ORDER, "pm_ok", "--json")
    refused(done, 5, "merchant_suspended")
    assert cli("merchants", "activate", made["id"], "--json").json["status"] == "active"

    other = cli("merchants", "create", "Second", "--mode", "live", "--json").json
    refused(cli("merchants", "create", "Third", "--mode", "maybe", "--json"), 2, "choice_unknown")
    listed = cli("merchants", "list", "--json").json["merchants"]
    assert [one["id"] for one in listed] == [made["id"], other["id"]]
    ambiguous = cli("payments", "list", "--json")
    refused(ambiguous, 2, "merchant_ambiguous")
    assert made["id"] in ambiguous.err
    assert other["id"] in ambiguous.err
    shown = cli("merchants", "show", made["id"])
    assert "0.001 KWD to 100.500 KWD" in shown.out
    refused(cli("merchants", "show", str(uuid.uuid4()), "--json"), 4, "not_found")


def test_keys_are_created_rotated_and_revoked(shop: Cli) -> None:
    made = shop("keys", "create", "till", "--scope", "payments:read", "--expires-in-days", "30",
                "--json").json  # fmt: skip
    assert made["secret"].startswith(made["prefix"])
    assert (made["scopes"], made["name"]) == (["payments:read"], "till")
    assert made["expires_at"] is not None
    refused(shop("keys", "create", "x", "--scope", "everything", "--json"), 2, "choice_unknown")

    alone = shop("keys", "create", "script", "--secret-only").out
    assert alone.startswith("paykeel_test_")
    assert alone.count("\n") == 1

    rotated = shop("keys", "rotate", made["id"], "--grace-hours", "1", "--json").json
    assert rotated["secret"] != made["secret"]
    assert shop("keys", "revoke", rotated["id"]).code == 0
    refused(shop("keys", "revoke", str(uuid.uuid4()), "--json"), 4, "not_found")
    listed = shop("keys", "list", "--json").json["keys"]
    assert [(key["name"], key["revoked_at"] is not None) for key in listed] == [
        ("till", False), ("script", False), ("till", True),
    ]  # fmt: skip
    table = shop("keys", "list")
    assert made["prefix"] in table.out
    assert made["secret"] not in table.out
    assert "revoked" in table.out


def test_payments_are_listed_and_shown(shop: Cli) -> None:
    first = buy(shop, "A-1")
    second = buy(shop, "A-2", "pm_card_declined")
    everything = shop("payments", "list", "--json").json
    assert [one["id"] for one in everything["payments"]] == [second, first]
    assert everything["next_cursor"] is None
    page = shop("payments", "list", "--limit", "1", "--json").json
    rest = shop("payments", "list", "--cursor", page["next_cursor"], "--json").json
    assert [one["id"] for one in rest["payments"]] == [first]
    failed = shop("payments", "list", "--status", "failed", "--since", "2026-01-01")
    assert second in failed.out
    assert first not in failed.out
    assert "12.50 EUR" in failed.out

    shown = shop("payments", "show", second)
    assert "card_declined" in shown.out
    assert shop("payments", "show", first, "--json").json["status"] == "succeeded"
    events = shop("payments", "events", first, "--json").json["events"]
    assert [event["type"] for event in events] == ["payment.opened", "payment.succeeded"]
    assert "payment.opened" in shop("payments", "events", first).out
    refused(shop("payments", "list", "--status", "foo", "--json"), 2, "choice_unknown")
    refused(shop("payments", "list", "--role", "foo", "--json"), 2, "choice_unknown")
    refused(shop("payments", "show", str(uuid.uuid4()), "--json"), 4, "not_found")
    refused(shop("payments", "show", "seventeen", "--json"), 2, "usage")


def test_payments_are_captured_and_canceled(shop: Cli) -> None:
    payment = buy(shop, "A-1", "pm_ok", "--capture-method", "manual")
    part = shop("payments", "capture", payment, "--amount", "2.50", "--not-final", "--json",
                "--idempotency-key", "till-1")  # fmt: skip
    assert (part.json["status"], part.json["amount_captured"]) == ("authorized", 250)
    again = shop("payments", "capture", payment, "--amount", "2.50", "--not-final", "--json",
                 "--idempotency-key", "till-1")  # fmt: skip
    assert again.json == part.json
    assert "till-1" in again.err
    rest = shop("payments", "capture", payment, "--json").json
    assert (rest["status"], rest["amount_captured"]) == ("succeeded", 1_250)
    late = shop("payments", "capture", payment, "--json")
    assert (late.code, late.json["error"]["code"]) == (5, "illegal_transition")

    reserved = buy(shop, "A-2", "pm_ok", "--capture-method", "manual")
    assert shop("payments", "cancel", reserved, "--json").json["status"] == "canceled"
    stubborn = buy(shop, "A-3", "pm_capture_declined", "--capture-method", "manual")
    done = shop("payments", "capture", stubborn, "--json")
    assert (done.code, done.json["code"]) == (5, "capture_declined")


def test_what_is_stuck_is_listed_and_resolved_by_a_named_person(shop: Cli) -> None:
    payment = buy(shop, "A-1", "pm_wrong_amount")
    assert shop("payments", "stuck", "--tries", "0", "--json").json["stuck"][0][
        "payment_id"] == payment  # fmt: skip
    table = shop("payments", "stuck", "--tries", "0")
    assert payment in table.out
    assert "amount_mismatch" in table.out
    refused(shop("payments", "resolve", payment, "succeeded", "--json"), 2, "usage")
    refused(
        shop("payments", "resolve", payment, "perhaps", "--operator", "Ada", "--evidence", "e",
             "--json"), 2, "choice_unknown")  # fmt: skip
    words = ("payments", "resolve", payment, "succeeded", "--operator", "Ada", "--evidence",
             "Statement of 23 November, line 4")  # fmt: skip
    # Recovery has the first word; until it has looked, a person is told to wait for it.
    refused(shop(*words, "--json"), 5, "operation_in_flight")
    worker = shop.start("worker")
    try:
        while not shop("payments", "stuck", "--tries", "1", "--json").json["stuck"]:
            assert worker.poll() is None
    finally:
        stop(worker)
    assert worker.returncode == 0
    done = shop(*words, "--json")
    assert (done.code, done.json["status"]) == (0, "succeeded")
    last = shop("payments", "events", payment, "--json").json["events"][-1]
    assert last["actor"] == "operator:Ada"
    assert last["data"]["evidence"] == "Statement of 23 November, line 4"


def test_an_audit_finds_what_was_changed_behind_our_back(shop: Cli, urls: Urls) -> None:
    payment = buy(shop, "A-1")
    clean = shop("audit", "--json")
    assert (clean.code, clean.json["clean"], clean.json["payments"]) == (0, True, 1)
    change(
        urls, "UPDATE payments SET amount = 1300, amount_authorized = 1300, amount_captured = 1300"
    )
    found = shop("audit", "--json")
    assert (found.code, found.json["clean"]) == (1, False)
    assert found.json["differences"][0]["payment_id"] == payment
    table = shop("audit")
    assert table.code == 1
    assert payment in table.out


def test_a_doctor_finds_everything_well(shop: Cli) -> None:
    done = shop("doctor", "--json")
    assert done.code == 0, done
    found = {one["what"]: one["state"] for one in done.json["findings"]}
    assert found == {
        "database": "ok", "durability": found["durability"], "role": "ok", "clock": "ok",
        "migrations": "ok", "rights": "ok", "gateway, test": "ok", "gateway, live": "warn",
        "recovery": "ok", "sealing key": "ok", "alerts": "ok", "metric alerts": "ok",
        "metrics": "ok",
        # Tests buy without rules.
        "fraud rules": "warn", "fraud rules, Harbour Market": "warn",
    }  # fmt: skip
    assert "history can only be added to" in shop("doctor").out


def test_a_doctor_says_what_is_wrong_and_what_to_do(
    cli: Cli, urls: Urls, server: Databases, tmp_path: Path
) -> None:
    def findings(code: int, name: str, value: str) -> dict[str, dict[str, str]]:
        done = Cli({**cli.environment, name: value})("doctor", "--json")
        assert done.code == code, done
        return {one["what"]: one for one in done.json["findings"]}

    gone = findings(1, "PAYKEEL_DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    assert gone["database"]["state"] == "fail"
    url = cli.environment.pop("PAYKEEL_DATABASE_URL")
    nothing = findings(1, "PAYKEEL_DATA_DIR", str(tmp_path / "none"))
    cli.environment["PAYKEEL_DATABASE_URL"] = url
    assert "paykeel migrate" in nothing["database"]["then"]
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    for place in ("/dev/null", str(tmp_path / "file"), str(tmp_path / "file" / "below")):
        cli.environment.pop("PAYKEEL_DATABASE_URL", None)
        advice = findings(1, "PAYKEEL_DATA_DIR", place)["database"]["then"]
        assert "migrate" not in advice
        assert "PAYKEEL_DATA_DIR" in advice
    cli.environment["PAYKEEL_DATABASE_URL"] = url
    owner = findings(0, "PAYKEEL_DATABASE_URL", urls.owner)
    assert owner["rights"]["state"] == "warn"
    unknown = findings(1, "PAYKEEL_GATEWAY_TEST", "nobody")
    assert "nobody" in unknown["gateways"]["found"]


def test_migrations_are_shown_and_applied(cli: Cli, empty: Urls) -> None:
    cli.environment.update(environment(empty))
    before = cli("migrate", "--status", "--json")
    assert before.code == 1
    assert before.json["pending"][0]["version"] == 1
    assert "pending" in cli("doctor").out
    applied = cli("migrate", "--json")
    assert applied.code == 0
    assert applied.json["applied"][0]["name"] == "keel"
    after = cli("migrate", "--status")
    assert (after.code, "pending" in after.out) == (0, False)
    assert "up to date" in cli("migrate").out
    assert cli("doctor").code == 0


def test_serve_answers_and_ends_in_order(shop: Cli) -> None:
    secret = shop("keys", "create", "test", "--secret-only").out.strip()
    port = free_port()
    process = shop.start("serve", "--port", str(port), "--no-worker")
    try:
        url = f"http://127.0.0.1:{port}"
        wait_ready(url, process)
        with httpx.Client(base_url=url, trust_env=False) as client:
            answer = client.get("/v1/payments", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    finally:
        stop(process)
    assert process.returncode in {0, -signal.SIGTERM}
    assert out == b""
    assert f"starts on {url}".encode() in err


def test_serve_says_in_one_line_why_it_does_not_start(cli: Cli) -> None:
    refused(cli("serve", "--port", "99999", "--json"), 2, "usage")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(cli("serve", "--port", port, "--json"), 3, "address_unavailable")
    free = str(free_port())
    unknown = cli("serve", "--port", free, "--json", PAYKEEL_GATEWAY_TEST="nobody")
    refused(unknown, 3, "misconfigured")
    away = f"postgresql://x@127.0.0.1:{free_port()}/x"
    dark = cli("serve", "--port", free, PAYKEEL_DATABASE_URL=away)
    assert dark.code == 3
    assert "database_unavailable: " in dark.err
    assert "Traceback" not in dark.err


def test_errors_are_one_line_and_debug_shows_where(cli: Cli) -> None:
    away = f"postgresql://x@127.0.0.1:{free_port()}/x"
    refused(cli("audit", "--json", PAYKEEL_DATABASE_URL=away), 3, "database_unavailable")
    debugged = cli("audit", "--debug", PAYKEEL_DATABASE_URL=away)
    assert debugged.code == 3
    assert "Traceback" in debugged.err
    wrong = cli("audit", "--json", PAYKEEL_PORT="eighty", PAYKEEL_DATABASE_URL=away)
    refused(wrong, 2, "settings_invalid")
    assert "PAYKEEL_PORT" in wrong.err
    assert "eighty" not in wrong.err
    long = cli("audit", "--json", PAYKEEL_STATEMENT_MS_MAX="99999999999999")
    refused(long, 2, "settings_invalid")
    refused(cli("bogus", "--json"), 2, "usage")
    refused(cli("audit", "--bogus", "--json"), 2, "usage")


@pytest.mark.parametrize("words", [("merchants", "list"), ("audit", "--bogus")])
def test_a_reader_that_leaves_is_no_error(shop: Cli, words: tuple[str, ...]) -> None:
    command = subprocess.list2cmdline([*COMMAND, *words, "--json"])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} | true"],
        env=shop.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_json_is_one_document(shop: Cli) -> None:
    for words in (("merchants", "list"), ("keys", "list"), ("payments", "list"), ("audit",)):
        done = shop(*words, "--json")
        assert json.loads(done.out)
        assert done.out.count("\n") == 1
        assert done.err == ""
