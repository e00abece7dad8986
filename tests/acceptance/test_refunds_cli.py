"""``paykeel refunds`` as a person runs it."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.cli import COMMAND, Cli, Done, environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

POLICY = """\
key: rooms
title: Rooms
currency: EUR
unknown: deny
tiers:
  - name: early
    when: {before_service: {from: 24h}}
    percent_bps: 10000
  - name: late
    when: {before_service: {to: 24h}}
    percent_bps: 5000
approval: {when: over_amount, over: 5000, four_eyes: true}
"""
STRICTER = POLICY.replace("10000", "8000").replace("5000", "2500", 1)
BY_ADA, BY_BEN = ("--by", "Ada"), ("--operator", "Ben")
SOON = ("--service-at", "12h")


@pytest.fixture
def cli(urls: Urls) -> Cli:
    """A merchant without a policy."""
    cli = Cli(environment(urls))
    assert cli("merchants", "create", "Harbour Market").code == 0
    return cli


def publish(cli: Cli, folder: Path, text: str = POLICY) -> None:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    done = cli("refunds", "policy", "apply", str(path), "--author", "Ada", "--yes")
    assert done.code == 0, done


def bought(cli: Cli, reference: str, amount: str = "100.00", method: str = "pm_ok") -> str:
    done = cli(
        "purchase", "--reference", reference, "--amount", amount, "--currency", "EUR",
        "--buyer-id", "agent-7", "--buyer-role", "agent", "--payment-method", method, "--json",
    )  # fmt: skip
    assert done.json["status"] == "succeeded", done
    payment_id: str = done.json["payment_id"]
    return payment_id


def ask(cli: Cli, payment_id: str, *more: str) -> Done:
    return cli("refunds", "request", payment_id, *BY_ADA, "--yes", *more)


def asked(cli: Cli, payment_id: str, *more: str) -> dict[str, Any]:
    done = ask(cli, payment_id, *more, "--json")
    assert done.code == 0, done
    refund: dict[str, Any] = done.json
    return refund


def test_without_a_policy_whoever_refunds_decides(cli: Cli) -> None:
    payment_id = bought(cli, "A-1")
    quoted = cli("refunds", "quote", payment_id)
    assert (quoted.code, "100.00 EUR (no_policy)" in quoted.out) == (0, True)
    assert "none held" in quoted.out
    part = ask(cli, payment_id, "--amount", "30.00", "--expected", "0", "--reason", "duplicate")
    assert part.code == 0, part
    assert "succeeded" in part.out
    assert "70.00 EUR" in part.out
    stale = ask(cli, payment_id, "--amount", "30.00", "--expected", "0")
    assert (stale.code, "refunded_amount_changed" in stale.err) == (5, True)
    over = ask(cli, payment_id, "--amount", "70.01")
    assert (over.code, "amount_over_refundable (--amount)" in over.err) == (2, True)
    rest = asked(cli, payment_id, "--expected", "30.00", "--idempotency-key", "rest")
    assert (rest["amount"], rest["status"]) == (7_000, "succeeded")
    again = asked(cli, payment_id, "--expected", "30.00", "--idempotency-key", "rest")
    assert again == rest
    assert cli("audit").code == 0


def test_a_policy_decides_and_another_person_approves(cli: Cli, tmp_path: Path) -> None:
    publish(cli, tmp_path)
    payment_id = bought(cli, "B-1")
    quoted = cli("refunds", "quote", payment_id, *SOON)
    for text in ("rooms 1", "50.00 EUR (tier)", "The tier late holds.", "needs approval"):
        assert text in quoted.out, text
    later = cli("refunds", "quote", payment_id, "--service-at", "3d", "--as-of", "10m", "--json")
    assert (later.json["amount"], later.json["approval"]) == (10_000, True)
    outside = ask(cli, payment_id, "--amount", "60.00", *SOON)
    assert (outside.code, "refund_outside_policy" in outside.err) == (5, True)
    assert asked(cli, payment_id, "--amount", "20.00", *SOON)["status"] == "succeeded"

    held = ask(cli, payment_id, "--amount", "60.00", "--override", "The host canceled.", *SOON)
    assert (held.code, "Somebody has to approve it: paykeel refunds approve" in held.out) == (
        0,
        True,
    )
    refund_id = cli("refunds", "list", "--status", "requested", "--json").json["refunds"][0]["id"]
    own = cli("refunds", "approve", refund_id, "--operator", "ada")
    assert (own.code, "refund_needs_another_person" in own.err) == (5, True)
    approved = cli("refunds", "approve", refund_id, *BY_BEN, "--because", "Seen it")
    assert (approved.code, "succeeded" in approved.out) == (0, True)
    shown = cli("refunds", "show", refund_id)
    for text in ("The host canceled.", "Seen it", "Ben", "service_at", "The tier late holds."):
        assert text in shown.out, text
    document = cli("refunds", "show", refund_id, "--json").json
    assert [one["kind"] for one in document["decisions"]] == ["requested", "approved"]
    denied = ask(cli, payment_id, *SOON)
    assert (denied.code, "refund_denied" in denied.err) == (5, True)
    late = cli("refunds", "reject", refund_id, *BY_BEN)
    assert (late.code, "refund_decided" in late.err) == (5, True)
    assert cli("refunds", "show", payment_id).code == 4
    assert "rooms 1" in cli("payments", "show", payment_id).out
    assert cli("audit").code == 0


def test_where_the_policy_asks_nobody_more_goes_back_at_once(cli: Cli, tmp_path: Path) -> None:
    never = POLICY.replace("{when: over_amount, over: 5000, four_eyes: true}", "{when: never}")
    publish(cli, tmp_path, never)
    payment_id = bought(cli, "N-1")
    outside = ask(cli, payment_id, "--amount", "60.00", *SOON)
    assert (outside.code, "refund_outside_policy" in outside.err) == (5, True)
    refund = asked(cli, payment_id, "--amount", "60.00", "--override", "The host canceled.", *SOON)
    assert (refund["status"], refund["quoted_amount"]) == ("succeeded", 5_000)


def test_what_waits_is_listed_rejected_or_called_off(cli: Cli, tmp_path: Path) -> None:
    publish(cli, tmp_path, POLICY.replace("when: over_amount, over: 5000", "when: always"))
    ids = [asked(cli, bought(cli, f"C-{number}"), *SOON)["id"] for number in range(3)]
    page = cli("refunds", "list", "--limit", "2", "--json").json
    rest = cli("refunds", "list", "--cursor", page["next_cursor"], "--json").json
    assert [one["id"] for one in page["refunds"] + rest["refunds"]] == ids[::-1]
    table = cli("refunds", "list", "--limit", "1")
    assert "There are more: --cursor" in table.out
    assert cli("refunds", "reject", ids[0], *BY_BEN).code == 0
    assert cli("refunds", "cancel", ids[1], "--operator", "Ada").code == 0
    statuses = cli("refunds", "list", "--reason", "requested_by_buyer", "--json").json["refunds"]
    assert [one["status"] for one in statuses] == ["requested", "canceled", "rejected"]
    wrong = cli("refunds", "list", "--status", "lost")
    assert (wrong.code, "choice_unknown (--status)" in wrong.err) == (2, True)


def test_the_gateway_refuses(cli: Cli) -> None:
    payment_id = bought(cli, "D-1", method="pm_refund_declined")
    done = ask(cli, payment_id)
    assert (done.code, "refund_declined" in done.err, "failed" in done.out) == (5, True, True)
    told = ask(cli, bought(cli, "D-2", method="pm_refund_declined"), "--json")
    assert (told.code, told.json["refund"]["status"]) == (5, "failed")


def test_it_asks_before_it_gives(cli: Cli) -> None:
    payment_id = bought(cli, "E-1")
    nobody = cli("refunds", "request", payment_id, *BY_ADA)
    assert (nobody.code, "say --yes" in nobody.err) == (2, True)
    for answer, code, made in ((b"n\n", 5, 0), (b"y\n", 0, 1)):
        mine, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "refunds", "request", payment_id, *BY_ADA, "--amount", "40.00"],
            env=cli.environment, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.write(mine, answer)
        told, said = process.communicate(timeout=60)
        os.close(mine)
        os.close(theirs)
        assert process.returncode == code, said
        assert b"Give back 40.00 EUR?" in said
        assert b"100.00 EUR (no_policy)" in told
        assert len(cli("refunds", "list", "--json").json["refunds"]) == made


def test_facts_are_told_in_words_of_the_command_line(cli: Cli, tmp_path: Path) -> None:
    publish(cli, tmp_path)
    payment_id = bought(cli, "F-1")
    facts = (
        "--delivered-at", "3d", *SOON, "--came", "--component", "fare=80.00", "--component",
        "tax=20.00", "--component", "deposit=0", "--units", "2x40.00", "--jurisdiction", "DE-BY",
    )  # fmt: skip
    quoted = cli("refunds", "quote", payment_id, *facts)
    assert "fare" in quoted.out
    refund = asked(cli, payment_id, "--amount", "1.00", *facts)
    (decision,) = cli("refunds", "show", refund["id"], "--json").json["decisions"]
    assert {one["component"]: one["this"] for one in decision["breakdown"]} == {
        "fare": 80, "tax": 20,
    }  # fmt: skip
    table = cli("refunds", "show", refund["id"]).out
    assert ["fare", "80.00", "40.00", "0.80"] in [line.split() for line in table.splitlines()]
    shown = decision["facts"]
    assert shown["components"] == {"deposit": 0, "fare": 8_000, "tax": 2_000}
    assert (shown["no_show"], shown["units"]) == (False, {"count": 2, "price": 4_000})
    assert shown["jurisdiction"] == "DE-BY"
    # People read amounts as everywhere else; so do they in the steps of the reckoning.
    told = " ".join(cli("refunds", "show", refund["id"]).out.split())
    for text in ("fare 80.00 EUR", "units 2 at 40.00 EUR", "captured 100.00"):
        assert text in told, told
    for words, code in (
        (("--component", "fare=99.00"), "refund_facts_components"),
        (("--reason", "mood"), "choice_unknown"),
    ):
        done = cli("refunds", "quote", payment_id, *words)
        assert (done.code, code in done.err) == (2, True), done


def test_what_is_wrong_is_said_in_the_words_that_were_typed(cli: Cli, tmp_path: Path) -> None:
    publish(cli, tmp_path)
    payment_id = bought(cli, "W-1")
    for words, said in (
        (("--amount", "100.01"), "amount_over_refundable (--amount): At most 100.00 EUR can be"),
        (("--amount", "0"), "amount_zero (--amount): "),
        (("--amount", "99999999999"), "The most that is allowed is 9999999999.99 EUR."),
        (("--amount", "1e3"), "amount_not_decimal (--amount): "),
        (("--amount", "60.00", *SOON), "The policy gives 50.00 EUR now: ask for no more, or say"),
        (("--amount", "60.00", *SOON), "say why it is not to decide (--override); "),
        (("--expected", "5.00"), "0.00 EUR was asked for or given back so far, and not 5.00 EUR"),
        (("--expected", "."), "amount_not_decimal (--expected): "),
        (
            ("--service-at", "soon"),
            "(--service-at): Write 2027-01-01, or 2027-01-01T06:00:00+01:00",
        ),
        (("--service-at", "soon"), ", or how long from now: 10d."),
        (("--delivered-at", "soon"), ", or how long ago: 3d."),
        (("--component", "fare=99.00"), "refund_facts_components (--component): "),
        (
            ("--units", "3x40.00"),
            "refund_facts_units (--units): 3 at 40.00 EUR come to more than the fare, 100.00 EUR: ",
        ),
        (("--jurisdiction", "Bavaria"), "jurisdiction_malformed (--jurisdiction): "),
        (("--reason", "mood"), "choice_unknown (--reason): "),
        (("--override", " "), "(--override): "),
    ):
        done = ask(cli, payment_id, *words)
        assert done.code in (2, 5), done
        assert said in " ".join(done.err.split()), done
    opened = cli("refunds", "dispute", "open", payment_id, "dp_1", "--operator", "A",
                 "--amount", "100.01")  # fmt: skip
    assert "(--amount): At most 100.00 EUR can be disputed." in " ".join(opened.err.split())


def test_disputes_are_noted(cli: Cli) -> None:
    payment_id = bought(cli, "G-1")
    dispute = ("refunds", "dispute")
    opened = cli(*dispute, "open", payment_id, "dp_17", "--amount", "40.00", "--operator", "Ada")
    assert (opened.code, "40.00 EUR" in opened.out) == (0, True)
    over = ask(cli, payment_id, "--amount", "60.01")
    assert (over.code, "amount_over_refundable" in over.err) == (2, True)
    wrong = cli(*dispute, "close", payment_id, "dp_17", "drawn", "--operator", "Ada")
    assert (wrong.code, "choice_unknown" in wrong.err) == (2, True)
    won = cli(*dispute, "close", payment_id, "dp_17", "won", "--operator", "Ada", "--json")
    assert (won.code, "amount_disputed" in won.json) == (0, False)
    again = cli(*dispute, "reopen", payment_id, "dp_17", "--operator", "Ada", "--json")
    assert (again.code, again.json["amount_disputed"]) == (0, 4_000)
    cli(*dispute, "close", payment_id, "dp_17", "lost", "--operator", "Ada")
    lost = cli(*dispute, "reopen", payment_id, "dp_17", "--operator", "Ada")
    assert (lost.code, "illegal_transition" in lost.err) == (5, True)
    cli(*dispute, "close", payment_id, "dp_17", "won", "--operator", "Ada")
    part = (*dispute, "reopen", payment_id, "dp_17", "--amount", "10.00", "--operator", "Ada")
    assert cli(*part, "--json").json["amount_disputed"] == 1_000
    cli(*dispute, "close", payment_id, "dp_17", "won", "--operator", "Ada")
    assert asked(cli, payment_id)["amount"] == 10_000
    assert cli("audit").code == 0


def test_a_policy_is_tried_on_the_past(cli: Cli, tmp_path: Path) -> None:
    publish(cli, tmp_path)
    first, second = bought(cli, "H-1"), bought(cli, "H-2")
    asked(cli, first, *SOON)  # 50.00 of 100.00
    asked(cli, second, "--amount", "10.00", *SOON)
    asked(cli, second, "--amount", "30.00", *SOON)
    asked(cli, second, "--amount", "60.00", "--override", "A gift", "--reason", "other", *SOON)
    refused = asked(cli, bought(cli, "H-3"), "--service-at", "3d")
    assert cli("refunds", "reject", refused["id"], *BY_BEN).code == 0

    path = tmp_path / "stricter.yaml"
    path.write_text(STRICTER, encoding="utf-8")
    report = cli("refunds", "simulate", str(path), "--since", "1h", "--json")
    assert report.code == 0, report
    document = report.json
    assert (document["refunds"], document["left_out"]["not_given"]) == (4, 1)
    assert document["groups"] == [
        {
            "role": "agent", "reason": "other", "currency": "EUR", "refunds": 1, "given": 6_000,
            "would": 0, "difference": -6_000, "asks": 0, "approvals": 0,
        },
        {
            # 25.00 of the first; 10.00 and then 15.00 of the second.
            "role": "agent", "reason": "requested_by_buyer", "currency": "EUR", "refunds": 3,
            "given": 9_000, "would": 5_000, "difference": -4_000, "asks": 0, "approvals": 0,
        },
    ]  # fmt: skip
    assert document["changed"] == 3
    assert [one["would"] for one in document["examples"]] == [0, 2_500, 1_500]
    shown = cli("refunds", "simulate", str(path), "--since", "1h")
    for text in ("4, of which 3 would differ", "-40.00 EUR", "Left out: 1 that were rejected"):
        assert text in shown.out, text
    # The policy that held gives what it gave, but for the gift.
    same = cli("refunds", "simulate", str(tmp_path / "policy.yaml"), "--json").json
    assert same["groups"][1]["difference"] == 0
    # Which way it was paid is not kept with a payment, and the policy that held does not say.
    path.write_text(STRICTER.replace("key: rooms", "key: rooms\nscope: {payment_method: card}"))
    apart = cli("refunds", "simulate", str(path))
    for text in ("Could not be told", "do not say the payment method of 4.", "-40.00 EUR"):
        assert text in " ".join(apart.out.split()), apart
    assert "By role and reason" not in apart.out
    untold = cli("refunds", "simulate", str(path), "--json").json
    assert (untold["groups"], untold["untold"]["parts"]) == ([], {"payment_method": 4})
    assert untold["untold"]["groups"] == document["groups"]
    path.write_text(STRICTER.replace("key: rooms", "key: rooms\nscope: {buyer_role: operator}"))
    others = cli("refunds", "simulate", str(path), "--json").json
    assert (others["refunds"], others["left_out"]["out_of_scope"]) == (0, 4)
    empty = cli("refunds", "simulate", str(path), "--since", "3d", "--until", "2d")
    assert "nothing to reckon again" in empty.out
    path.write_text("key: x\ntiers: []\n", encoding="utf-8")
    wrong = cli("refunds", "simulate", str(path))
    assert (wrong.code, "refund_policy_refused" in wrong.err) == (2, True)
    assert "Mistakes" in wrong.out
