"""``paykeel terms`` as a person runs it: documents, versions, and what buyers say to them."""

from __future__ import annotations

import os
import pty
import subprocess
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.cli import COMMAND, Cli, environment
from tests.acceptance.terms import (
    FIRST,
    PAPER,
    SECOND,
    accept,
    begin,
    buy,
    present,
    publish,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

DOCUMENT = ("--document", "agent_terms")


@pytest.fixture
def cli(urls: Urls) -> Cli:
    return Cli(environment(urls))


def test_a_purchase_waits_for_the_acceptance(cli: Cli, tmp_path: Path) -> None:
    published = begin(cli, tmp_path)
    refused, as_json = buy(cli, "agent-7", "A-1"), buy(cli, "agent-7", "A-1", "--json")
    before = cli("terms", "status", "agent-7", "--role", "agent")
    shown = cli("terms", "present", "agent-7", "--role", "agent", "--locale", "de-AT")
    kept = accept(cli, "agent-7")
    bought = buy(cli, "agent-7", "A-1", "--json")
    after = cli("terms", "status", "agent-7", "--role", "agent", "--json")
    history = cli("terms", "history", "agent-7")
    nothing = cli("terms", "present", "agent-7", "--role", "agent")
    back = cli("terms", "take-back", "agent-7", *DOCUMENT, *PAPER, "--json")

    assert published["version"] == "1.0.0"
    assert refused.code == as_json.code == 5
    assert "Terms for agents 1.0.0" in refused.err
    assert as_json.json["error"]["code"] == "terms_acceptance_required"
    assert as_json.json["error"]["data"]["missing"][0]["version_id"] == published["id"]
    assert (before.code, "missing" in before.out) == (1, True)
    # The text itself, the language that it fell back to, and the words of the button.
    assert FIRST in shown.out
    assert "not the language that was asked for" in shown.out
    assert "By choosing" in shown.out or "Mit" in shown.out
    assert (kept["decision"], kept["actor"]["id"], kept["actor"]["kind"]) == (
        "accept", "clerk-3", "delegate",
    )  # fmt: skip
    assert bought.json["status"] == "succeeded"
    assert (after.code, after.json["documents"][0]["state"]) == (0, "accepted")
    assert kept["id"] in history.out
    assert (nothing.code, "terms_nothing_to_accept" in nothing.err) == (5, True)
    assert back.json["acceptances"][0]["decision"] == "withdraw"
    assert buy(cli, "agent-7", "A-2").code == 5


def test_an_answer_is_kept_once_and_a_decline_opens_nothing(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    nonce = present(cli, "agent-7").json["nonce"]
    words = (nonce, "--buyer", "agent-7", *PAPER)
    declined = cli("terms", "decline", *words, "--json")
    again = cli("terms", "decline", *words)
    other = cli("terms", "accept", *words)
    strange = cli("terms", "accept", nonce, "--buyer", "agent-8", *PAPER)
    unsaid = cli("terms", "accept", nonce, "--buyer", "agent-7")

    assert declined.json["acceptances"][0]["decision"] == "decline"
    assert (declined.json["replayed"], again.code) == (False, 0)
    assert "nothing is kept twice" in again.out
    assert (other.code, "terms_nonce_used" in other.err) == (5, True)
    assert (strange.code, "terms_nonce_of_another" in strange.err) == (5, True)
    assert (unsaid.code, "--authority" in unsaid.err) == (2, True)
    assert buy(cli, "agent-7", "A-1").code == 5


def test_a_change_is_shown_and_asked_for(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    file = write(tmp_path, SECOND)
    unasked = cli("terms", "publish", file, "--locale", "en", *DOCUMENT)
    untouched = cli("terms", "versions", "agent_terms", "--json").json["versions"]
    for answer, code in ((b"n\n", 5), (b"y\n", 0)):
        mine, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "terms", "publish", f"{file}:en", *DOCUMENT, "--author", "ann"],
            env=cli.environment, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.write(mine, answer)
        told, said = process.communicate(timeout=60)
        os.close(mine)
        os.close(theirs)
        assert process.returncode == code, said
        assert b"Publish this?" in said
        assert b"-The fee is **2 %** of each booking." in told
        assert b"+The fee is **3 %** of each booking." in told
    versions = cli("terms", "versions", "agent_terms", "--json").json["versions"]

    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    assert [one["version"] for one in untouched] == ["1.0.0"]
    assert [(one["version"], one["status"], one["published_by"]) for one in versions] == [
        ("2.0.0", "published", "ann"), ("1.0.0", "published", versions[1]["published_by"]),
    ]  # fmt: skip


def test_a_draft_is_published_by_its_id_and_taken_back(cli: Cli, tmp_path: Path) -> None:
    first = begin(cli, tmp_path)
    accept(cli, "agent-7")
    file = write(tmp_path, SECOND)
    german = write(tmp_path, "# Bedingungen\n", "de.md")
    drafted = cli(
        "terms", "draft", f"{file}:en", f"{german}:de", *DOCUMENT, "--authoritative", "de",
        "--summary", "The fee is 3 %.", "--json",
    )  # fmt: skip
    number = drafted.json["id"]
    still = buy(cli, "agent-7", "A-1", "--json")
    more = cli("terms", "publish", "--id", number, "--version", "3.0.0", "--yes")
    published = cli("terms", "publish", "--id", number, "--yes")
    shown, text = cli("terms", "show", number), cli("terms", "show", number, "--text", "DE")
    lacking = cli("terms", "show", number, "--text", "fr")
    after = buy(cli, "agent-7", "A-2")
    withdrawn = cli("terms", "withdraw", number, "--because", "a mistake", "--json")
    again = cli("terms", "withdraw", number, "--because", "a mistake")

    assert (drafted.json["status"], drafted.json["version"]) == ("draft", "2.0.0")
    assert set(drafted.json["differences"]) == {"de", "en"}
    assert still.json["status"] == "succeeded"
    assert (more.code, published.code) == (2, 0)
    assert "The fee is 3 %." in shown.out
    assert text.out == "# Bedingungen\n"
    assert (lacking.code, "terms_text_unknown" in lacking.err) == (4, True)
    assert after.code == 5
    assert withdrawn.json["withdrawn_because"] == "a mistake"
    assert (again.code, "terms_version_withdrawn" in again.err) == (5, True)
    # The version before it is in force again, and it was accepted.
    assert buy(cli, "agent-7", "A-2").code == 0
    assert first["id"] in cli("terms", "versions", "agent_terms").out


def test_grace_warns_and_a_minor_change_asks_nobody(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    accept(cli, "agent-7")
    publish(cli, write(tmp_path, SECOND), "--grace-days", "30")
    warned, as_json = buy(cli, "agent-7", "A-1"), buy(cli, "agent-7", "A-1", "--json")
    status = cli("terms", "status", "agent-7", "--role", "agent", "--json").json
    reason = present(cli, "agent-7").json["items"][0]["reason"]
    stranger = buy(cli, "agent-8", "A-2")
    accept(cli, "agent-7")
    minor = publish(cli, write(tmp_path, SECOND + "\nEnd.\n"), "--change", "minor")

    assert warned.code == 0
    assert "has to accept Terms for agents 2.0.0 by " in warned.out
    (warning,) = as_json.json["warnings"]
    assert (warning["code"], warning["version"]) == ("terms_acceptance_due", "2.0.0")
    assert (status["may_purchase"], status["documents"][0]["state"]) == (True, "grace")
    assert reason == "grace"
    assert stranger.code == 5
    assert (minor["version"], minor["requires_reacceptance"]) == ("2.1.0", False)
    assert buy(cli, "agent-7", "A-3", "--json").json["warnings"] == []


def test_a_version_begins_by_itself(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    accept(cli, "agent-7")
    made = publish(cli, write(tmp_path, SECOND), "--effective-from", "8s", "--version", "5.0.0")
    before = buy(cli, "agent-7", "A-1", "--json")
    waiting = cli("terms", "versions", "agent_terms").out
    time.sleep(8)

    assert made["version"] == "5.0.0"
    assert (before.json["status"], before.json["warnings"]) == ("succeeded", [])
    assert "5.0.0" in waiting
    assert buy(cli, "agent-7", "A-2").code == 5


def test_the_most_specific_terms_hold_and_a_tie_is_refused(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path, "--role", "agent")
    publish(cli, write(tmp_path, "# Für Bayern\n"), "--jurisdiction", "DE-BY")
    tied = cli(
        "terms", "publish", write(tmp_path, "# Agents in a shop\n"), *DOCUMENT, "--locale", "en",
        "--role", "agent", "--channel", "shop", "--yes",
    )  # fmt: skip
    texts = [
        present(cli, "agent-7", *where).json["items"][0]["html"]
        for where in ((), ("--jurisdiction", "DE-BY"), ("--jurisdiction", "DE-HH"))
    ]

    assert (tied.code, "terms_scope_tie" in tied.err) == (5, True)
    assert ["Bayern" in text for text in texts] == [False, True, False]
    assert buy(cli, "agent-7", "A-1", "--jurisdiction", "DE-BY").code == 5


def test_marketing_is_free(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    about = ("--purpose", "marketing", "--title", "News")
    refused = cli("terms", "documents", "add", "news", *about, "--required")
    added = cli("terms", "documents", "add", "news", *about, "--json")
    listed = cli("terms", "documents", "--json").json["documents"]
    repeated = cli("terms", "documents", "add", "news", *about)

    assert (refused.code, "terms_marketing_required" in refused.err) == (2, True)
    assert added.json["required"] is False
    assert [(one["key"], one["required"]) for one in listed] == [
        ("agent_terms", True), ("news", False),
    ]  # fmt: skip
    assert (repeated.code, "terms_document_exists" in repeated.err) == (5, True)
    assert "news" in cli("terms", "documents").out


def test_a_bad_text_is_refused(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    for text, error in (
        ("", "terms_text_empty"),
        ("# A\n\n<script>alert(1)</script>\n", "terms_text_html"),
        ("[a](javascript:alert)\n", "terms_text_link"),
        ("x" * 300_000, "terms_text_too_large"),
    ):
        file = write(tmp_path, text, "bad.md")
        done = cli("terms", "publish", file, *DOCUMENT, "--locale", "en", "--yes")
        assert (done.code, error in done.err) == (2, True), done


NOBODY = str(uuid.uuid4())


WRONG = (
    (("versions", "none"), 4, "terms_document_unknown"),
    (("show", NOBODY), 4, "terms_version_unknown"),
    (("withdraw", NOBODY, "--because", "x"), 4, "terms_version_unknown"),
    (("publish", "--id", NOBODY, "--yes"), 4, "terms_version_unknown"),
    (("publish", "--id", NOBODY, "--locale", "de", "--yes"), 2, "usage"),
    (("publish", "nowhere.md:de", *DOCUMENT, "--yes"), 2, "file_unreadable"),
    (("publish", "nowhere.md", *DOCUMENT, "--yes"), 2, "usage"),
    (("publish", "nowhere.md:12", *DOCUMENT, "--yes"), 2, "locale_malformed"),
    (("present", "agent-7"), 2, "usage"),
    (("present", "agent-7", "--role", "agent", "--document", "none"), 4,
     "terms_document_unknown"),
    (("accept", "n" * 43, "--buyer", "agent-7", *PAPER), 4, "terms_nonce_unknown"),
    (("take-back", "agent-7", *DOCUMENT, *PAPER), 5, "terms_nothing_to_withdraw"),
    (("status", "agent-7", "--role", "agent", "--jurisdiction", "Germany"), 2,
     "jurisdiction_malformed"),
    (("history", "agent-7", "--cursor", "x"), 2, "cursor_malformed"),
    (("erase", "--buyer", "agent-7"), 2, "field_required"),
    (("erase", "--acceptance", NOBODY, "--yes"), 4, "terms_acceptance_unknown"),
    (("evidence", NOBODY), 4, "terms_acceptance_unknown"),
    (("verify", "nowhere.json"), 2, "file_unreadable"),
    (("verify", "--all", "--merchant", NOBODY), 4, "not_found"),
    (("import", "nowhere.csv", "--from", "old"), 2, "file_unreadable"),
)  # fmt: skip


def test_wrong_calls_are_told_in_one_line(cli: Cli, tmp_path: Path) -> None:
    begin(cli, tmp_path)
    found = [(words, cli("terms", *words, "--json")) for words, _, _ in WRONG]
    told = [(words, done.code, done.json["error"]["code"]) for words, done in found]

    assert told == list(WRONG)
    assert not any("Traceback" in done.err for _, done in found)
