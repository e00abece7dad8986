"""``paykeel fraud rules`` and ``lists`` as a risk person runs them."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.cli import COMMAND, Cli, environment

if TYPE_CHECKING:
    from tests.servers import Urls

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
RULES = """\
ruleset: harbour_market
limits: {dear_ref: 50000}
rules:
  - key: dear
    when: payment.amount_ref > limit.dear_ref
    action: review
    mode: live
    reason: dear
    tests:
      - {given: {payment.amount_ref: 50001}, expect: true}
"""
WRONG = """\
ruleset: wrong
limits: {a: -1}
rules:
  - key: dear
    when: |-
      card.known
        && payment.amout > 1
    action: revieww
    mode: live
    reason: dear
"""


@pytest.fixture
def cli(urls: Urls) -> Cli:
    """The command line of an installation with one merchant and the default rules."""
    made = Cli(environment(urls, PAYKEEL_FRAUD_DEFAULT_RULESET="default"))
    assert made("merchants", "create", "Harbour Market").code == 0
    return made


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return file


def run(urls: Urls, statement: str) -> None:
    async def once() -> None:
        admin = await asyncpg.connect(urls.admin)
        try:
            await admin.execute(statement)
        finally:
            await admin.close()

    asyncio.run(once())


def backtest_everything(urls: Urls) -> None:
    run(
        urls,
        """
        INSERT INTO fraud_backtests (
            merchant_id, backtest_id, ruleset, ruleset_sha256, since, until, decisions, report,
            created_by)
        SELECT merchant_id, gen_random_uuid(), ruleset, sha256, now(), now(), 5, '{}', 'ann'
        FROM fraud_rulesets
        """,
    )


def test_a_check_names_every_mistake_and_needs_no_database(tmp_path: Path) -> None:
    away = Cli({**os.environ, "PAYKEEL_DATABASE_URL": NOWHERE})
    wrong, good = tmp_path / "wrong.yaml", tmp_path / "good.yaml"
    wrong.write_text(WRONG)
    good.write_text(RULES)
    found = away("fraud", "rules", "check", str(wrong), "--json")
    shown = away("fraud", "rules", "check", str(wrong))
    fine = away("fraud", "rules", "check", str(good))

    assert found.code == shown.code == 1
    told = {(one["code"], one["line"], one["column"]) for one in found.json["mistakes"]}
    assert {one[0] for one in told} == {
        "out_of_range", "choice_unknown", "expression_unknown_attribute",
    }  # fmt: skip
    assert ("expression_unknown_attribute", 2, 6) in told
    assert "Is it payment.amount?" in shown.out
    assert (fine.code, fine.out) == (0, "harbour_market: 1 rules, 1 tests, no mistakes.\n")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a: [", "yaml_syntax"),
        (b"a: 1\na: 2", "yaml_duplicate_key"),
        (b"- 1", "object_required"),
        (b"", "object_required"),
        (b"x" * 300_000, "document_too_long"),
    ],
)
def test_what_is_no_ruleset_is_told_where(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(content)
    found = Cli({**os.environ, "PAYKEEL_DATABASE_URL": NOWHERE})(
        "fraud", "rules", "check", str(file), "--json"
    )
    assert found.code == 1
    assert code in {one["code"] for one in found.json["mistakes"]}


def test_from_a_file_to_live_and_back(cli: Cli, rules: Path, urls: Urls, tmp_path: Path) -> None:
    planned = cli("fraud", "rules", "plan", str(rules))
    unasked = cli("fraud", "rules", "apply", str(rules), "--author", "ann")
    before = cli("fraud", "rules", "show", "--json").json
    applied = cli("fraud", "rules", "apply", str(rules), "--author", "ann", "--yes")
    again = cli("fraud", "rules", "apply", str(rules), "--author", "ann", "--yes", "--json")
    shadow = cli("fraud", "rules", "shadow", "harbour_market", "1", "--author", "ann")
    early = cli("fraud", "rules", "go-live", "harbour_market", "1", "--author", "ann")
    backtest_everything(urls)
    asked = cli("fraud", "rules", "go-live", "harbour_market", "1", "--author", "ann", "--json")
    activation = asked.json["id"]
    alone = cli("fraud", "rules", "approve", activation, "--author", "Ann")
    approved = cli("fraud", "rules", "approve", activation, "--author", "ben")
    doctor = cli("doctor", "--json").json
    off = cli("fraud", "rules", "shadow", "--off", "--author", "ann")
    history = cli("fraud", "rules", "history", "--json").json["activations"]
    file = cli("fraud", "rules", "show", "harbour_market", "1")

    assert planned.code == 0
    assert "compared with nothing before" in planned.out
    assert (unasked.code, before["versions"]) == (2, [])
    assert "--yes" in unasked.err
    assert "Stored as harbour_market 1" in applied.out
    assert again.json["is_new"] is False
    assert shadow.code == off.code == approved.code == 0
    assert early.code == 5
    assert "evidence_missing" in early.err
    assert asked.json["status"] == "waiting"
    assert alone.code == 5
    assert "second_person_needed" in alone.err
    (finding,) = [one for one in doctor["findings"] if one["what"].startswith("fraud rules")]
    assert finding["state"] == "ok"
    assert "harbour_market 1: 1 rules live, 0 in the shadow" in finding["found"]
    assert "limits: dear_ref 50000" in finding["found"]
    assert "beside it harbour_market 1" in finding["found"]
    assert [(one["place"], one["status"]) for one in history] == [
        ("shadow", "in_force"), ("live", "in_force"), ("shadow", "replaced"),
    ]  # fmt: skip
    # What is shown can be changed and applied again.
    shown = tmp_path / "shown.yaml"
    shown.write_text(file.out)
    same = cli("fraud", "rules", "plan", str(shown), "--json").json
    assert (same["is_new"], same["version_to"]) == (False, 1)


def test_the_built_in_rules_are_shown_with_their_comments(cli: Cli, tmp_path: Path) -> None:
    shown = cli("fraud", "rules", "show", "default", "0")
    file = tmp_path / "default.yaml"
    file.write_text(shown.out)
    planned = cli("fraud", "rules", "plan", str(file), "--json").json
    listed = cli("fraud", "rules", "show", "--json").json

    assert shown.out.startswith("# The ruleset that every merchant begins with")
    assert {one["change"] for one in planned["rules"]} == {"same"}
    assert (planned["version_from"], planned["version_to"]) == (0, 1)
    assert listed["live"]["ruleset"] == "default"
    assert (listed["live"]["rules_live"], listed["live"]["rules_shadow"]) == (8, 1)


def test_a_doctor_says_loudly_that_the_rules_are_off(cli: Cli) -> None:
    done = cli("doctor", "--json", PAYKEEL_FRAUD_DEFAULT_RULESET="none")
    found = {one["what"]: one for one in done.json["findings"]}

    assert found["fraud rules"]["state"] == "warn"
    assert "fraud rules are off" in found["fraud rules"]["found"]
    assert "no rule acts" in found["fraud rules, Harbour Market"]["found"]


def test_at_a_terminal_it_asks(cli: Cli, rules: Path) -> None:
    for answer, code in ((b"n\n", 5), (b"y\n", 0)):
        mine, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "fraud", "rules", "apply", str(rules), "--author", "ann"],
            env=cli.environment, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.write(mine, answer)
        _, said = process.communicate(timeout=60)
        os.close(mine)
        os.close(theirs)
        assert process.returncode == code
        assert b"Store this?" in said


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("rules", "show", "none", "1"), 4, "not_found"),
        (("rules", "show", "none"), 4, "not_found"),
        (("rules", "shadow", "none", "1", "--author", "ann"), 4, "not_found"),
        (("rules", "shadow", "none", "--author", "ann"), 2, "usage"),
        (("rules", "shadow", "a", "1", "--off", "--author", "ann"), 2, "usage"),
        (("rules", "go-live", "none", "1"), 2, "usage"),
        (("rules", "plan", "nowhere.yaml"), 2, "file_unreadable"),
        (("lists", "show", "none"), 4, "list_unknown"),
        (("lists", "remove", "block", "ip"), 2, "usage"),
        (("lists", "remove", "block", "ip", "203.0.113.9"), 4, "not_found"),
        (("lists", "remove", "block", "--id", "0" * 16), 4, "not_found"),
        (("lists", "import", "block", "nowhere.csv", "--author", "ann"), 2, "file_unreadable"),
        (("lists", "import", "block", "values.txt", "--author", "ann"), 2, "usage"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    cli: Cli, words: tuple[str, ...], code: int, error: str
) -> None:
    done = cli("fraud", *words, "--json")

    assert done.code == code, done
    assert json.loads(done.out)["error"]["code"] == error
    assert "Traceback" not in done.err


def test_values_go_on_a_list_and_come_off(cli: Cli) -> None:
    words = ("--reason", "card testing", "--author", "ann")
    added = cli("fraud", "lists", "add", "block", "ip", "203.0.113.9", *words, "--json")
    cli("fraud", "lists", "add", "watch", "email", "Ann@example.org", *words)
    shown = cli("fraud", "lists", "show", "block")
    found = cli("fraud", "lists", "find", "email", "ann@EXAMPLE.org", "--json")
    removed = cli("fraud", "lists", "remove", "block", "--id", added.json["id"])
    missing = cli("fraud", "lists", "find", "ip", "203.0.113.9")

    assert added.code == removed.code == 0
    assert added.json["id"] in shown.out
    assert "203.0.113.9" not in shown.out
    assert [one["list"] for one in found.json["items"]] == ["watch"]
    assert missing.code == 1


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_file_goes_on_a_list_and_every_wrong_line_is_named(
    cli: Cli, tmp_path: Path, kind: str
) -> None:
    rows = [
        ("ip", "203.0.113.9", "card testing", ""),
        ("ip", "nonsense", "", ""),
        ("email", "a@example.org", "", "2020-01-01T00:00:00Z"),
        ("card", "4242424242424242", "", ""),
        ("name", "ann", "", ""),
        *(("buyer", f"b-{number}", "", "") for number in range(1_500)),
    ]
    names = ("kind", "value", "reason", "expires_at")
    file = tmp_path / f"values.{kind}"
    if kind == "csv":
        lines = [",".join(names), *(",".join(row) for row in rows), "ip,one,too,many,cells"]
    else:
        documents = [dict(zip(names, row, strict=True)) for row in rows]
        lines = ["", *(json.dumps(document) for document in documents), "no json"]
    file.write_text("\n".join(lines) + "\n")
    words = ("fraud", "lists", "import", "block", str(file), "--author", "ann")
    done = cli(*words, "--reason", "from the old shop", "--json")
    again = cli(*words, "--reason", "from the old shop")

    assert done.code == again.code == 1
    assert (done.json["stored"], done.json["rejected"]) == (1_501, 5)
    last = "columns_mismatch" if kind == "csv" else "json_malformed"
    assert [(one["line"], one["field"], one["code"]) for one in done.json["rejects"]] == [
        (3, "value", "ip_malformed"),
        (4, "expires_at", "instant_in_past"),
        (5, "value", "card_number_refused"),
        (6, "kind", "choice_unknown"),
        (1_507, "", last),
    ]
    assert "4242424242424242" not in done.out + again.out + again.err
    assert "1,501 are on the list block, 5 lines were rejected." in again.out
