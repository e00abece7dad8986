"""``paykeel fraud`` on the past, as a person runs it: labels, backtest, shadow and models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from tests.acceptance.cli import Cli, environment
from tests.database.past import write_past

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.servers import Urls

RULES = """
ruleset: candidate
velocities:
  card_7d: {key: card, aggregate: count, outcome: attempted, window: 7d, cap: 100}
rules:
  - {key: dear, when: payment.amount_ref > 4000, action: review, mode: live, reason: dear}
  - {key: busy, when: velocity.card_7d >= 2, action: challenge, mode: live, reason: busy}
  - {key: odd, when: buyer.email_domain == 'x.org', action: block, mode: live, reason: odd}
"""


@pytest.fixture
def cli(urls: Urls) -> Cli:
    return Cli(environment(urls))


def query(urls: Urls, statement: str) -> Sequence[asyncpg.Record]:
    async def run() -> Sequence[asyncpg.Record]:
        admin = await asyncpg.connect(urls.admin)
        try:
            rows: Sequence[asyncpg.Record] = await admin.fetch(statement)
            return rows
        finally:
            await admin.close()

    return asyncio.run(run())


@pytest.fixture
def past(cli: Cli, urls: Urls) -> list[UUID]:
    """A thousand purchases of one merchant; the oldest first."""
    merchant = UUID(cli("merchants", "create", "Harbour Market", "--json").json["id"])

    async def run() -> list[UUID]:
        admin = await asyncpg.connect(urls.admin)
        try:
            await write_past(admin, merchant, 1_000)
            rows = await admin.fetch("SELECT payment_id FROM payments ORDER BY created_at")
            return [row["payment_id"] for row in rows]
        finally:
            await admin.close()

    return asyncio.run(run())


@pytest.fixture
def rules(tmp_path: Path) -> str:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    return str(file)


def test_a_label_is_added_once_and_shown(cli: Cli, past: list[UUID]) -> None:
    words = ("labels", "add", str(past[1]), "fraud", "--source", "chargeback", "--author", "ann")
    first, again = cli("fraud", *words, "--json"), cli("fraud", *words)
    assert (first.code, first.json["added"], first.json["label"]) == (0, True, "fraud")
    assert "it was there already" in again.out
    shown = cli("fraud", "labels", "show", str(past[1]))
    assert "chargeback" in shown.out
    wrong = cli("fraud", "labels", "add", str(past[1]), "bad", "--source", "x", "--author", "ann")
    assert wrong.code == 2
    assert "choice_unknown (label)" in wrong.err
    nobody = str(UUID(int=5))
    assert cli("fraud", "labels", "show", nobody).code == 4


def test_labels_come_from_a_file_and_a_second_run_adds_nothing(
    cli: Cli, past: list[UUID], tmp_path: Path
) -> None:
    file, rejects = tmp_path / "labels.csv", tmp_path / "rejects.csv"
    file.write_text(
        "reference,label,source,known_at\n"
        + "".join(f"A-{n},fraud,early_warning,\n" for n in range(1, 700))
        + "A-9999,fraud,review,\nA-1,fraud,review,2020-01-01T00:00:00Z\nA-1,odd,review,\n",
        encoding="utf-8",
    )
    words = ("fraud", "labels", "import", str(file), "--author", "ann")
    first = cli(*words, "--rejects", str(rejects), "--json")
    assert first.code == 1, first.err
    assert {name: first.json[name] for name in ("lines", "added", "repeated", "rejected")} == {
        "lines": 702, "added": 699, "repeated": 0, "rejected": 3,
    }  # fmt: skip
    assert rejects.read_text(encoding="utf-8").splitlines() == [
        "line,reference,field,code,reason",
        '703,A-1,label,choice_unknown,"Use one of: fraud, genuine."',
        "701,A-9999,payment_id,payment_unknown,There is no such payment.",
        "702,A-1,known_at,known_at_before_payment,This lies before the payment.",
    ]
    again = cli(*words)
    assert again.code == 1
    assert "0 labels added, 699 were there already, 3 rejected" in again.out
    lines = f'{{"payment_id": "{past[800]}", "label": "genuine", "source": "customer"}}\n'
    piped = cli("fraud", "labels", "import", "-", "--format", "ndjson", "--author", "ann", "--json",
                given=lines.encode())  # fmt: skip
    assert (piped.code, piped.json["added"]) == (0, 1)
    unread = cli("fraud", "labels", "import", "missing.csv", "--author", "ann")
    assert (unread.code, "file_unreadable" in unread.err) == (2, True)
    same = cli(*words, "--rejects", str(file))
    assert (same.code, "overwrite" in same.err) == (2, True)


def test_a_ruleset_is_tried_on_the_past_and_the_report_kept(
    cli: Cli, past: list[UUID], rules: str, urls: Urls
) -> None:
    shown = cli("fraud", "backtest", rules, "--since", "30d", "--author", "ann")
    assert shown.code == 0, shown.err
    assert "1,000" in shown.out
    assert "Rule by rule" in shown.out
    assert "velocity.card_7d was not logged as these rules define it; recomputed 1,000" in shown.out
    assert "odd was not evaluated 1,000 times: missing:buyer.email_domain." in shown.out
    report = cli("fraud", "backtest", rules, "--since", "30d", "--no-store", "--json").json
    assert report["decisions"] == 1_000
    assert report["at_least"]["review"]["frauds"] > 0
    (kept,) = query(urls, "SELECT created_by, decisions FROM fraud_backtests")
    assert tuple(kept) == ("ann", 1_000)
    half = cli("fraud", "backtest", rules, "--since", "30d", "--until", "10d", "--no-store",
               "--json", "--examples", "1").json  # fmt: skip
    assert 450 <= half["decisions"] <= 550
    assert all(len(rule["examples"]) <= 1 for rule in half["rules"])


def test_what_cannot_be_tried_is_said(cli: Cli, past: list[UUID], rules: str) -> None:
    unnamed = cli("fraud", "backtest", rules)
    assert (unnamed.code, "--author" in unnamed.err) == (2, True)
    for words, code in (
        (("--since", "soon"), "instant_malformed"),
        (("--since", "1d", "--until", "2d"), "period_empty"),
        (("--since", "9999d"), "duration_too_long"),
    ):
        done = cli("fraud", "backtest", rules, "--no-store", *words)
        assert (done.code, code in done.err) == (2, True), done.err
    assert cli("fraud", "backtest", "missing.yaml", "--no-store").code == 2


def test_the_shadow_is_told_beside_what_was_done(cli: Cli, past: list[UUID], urls: Urls) -> None:
    nothing = cli("fraud", "shadow")
    assert "Nothing ran in the shadow." in nothing.out
    query(urls, "ALTER TABLE fraud_prevention_logs DISABLE TRIGGER USER")
    query(
        urls,
        """
        UPDATE fraud_prevention_logs SET
            rules = '[{"rule": "odd", "version": 1, "mode": "shadow", "action": "block",
                "score": 0, "outcome": "missing:card.bin"}]',
            shadow = jsonb_build_object('ruleset', 'next', 'version', 2, 'score', 0, 'action',
                CASE WHEN (facts->>'payment.amount')::int > 4000 THEN 'block' ELSE 'allow' END,
                'rules', jsonb_build_array(jsonb_build_object('rule', 'dear', 'version', 3,
                    'mode', 'live', 'action', 'block', 'score', 0, 'outcome',
                    CASE WHEN (facts->>'payment.amount')::int > 4000 THEN 'matched' ELSE 'not' END
                )))
        """,
    )
    report: dict[str, Any] = cli("fraud", "shadow", "--since", "30d", "--json").json
    assert (report["decisions"], report["in_shadow"]) == (1_000, 1_000)
    (ruleset,) = report["rulesets"]
    assert (ruleset["ruleset"], ruleset["version"], ruleset["purchases"]) == ("next", 2, 1_000)
    assert ruleset["precision"] == 1.0
    blocked = next(one for one in ruleset["decisions"] if one["would"] == "block")
    assert blocked["frauds"] == blocked["purchases"]
    assert len(blocked["examples"]) == 2
    dear = next(one for one in report["rules"] if one["rule"] == "dear")
    odd = next(one for one in report["rules"] if one["rule"] == "odd")
    assert dear["outcomes"]["matched"] == blocked["purchases"]
    assert odd["outcomes"] == {"missing": 1_000}
    shown = cli("fraud", "shadow")
    assert "Ruleset next 2: precision 100.0 %" in shown.out


def test_a_score_is_trained_registered_and_enabled(cli: Cli, past: list[UUID]) -> None:
    trained = cli("fraud", "train", "--since", "30d", "--genuine-after", "1d", "--author", "ann")
    assert trained.code == 0, trained.err
    assert "the rules' score" in trained.out
    assert "Calibration" in trained.out
    assert "Registered as score 1. It gives no score until" in trained.out
    listed = cli("fraud", "models", "list", "--json").json["models"]
    assert [(one["model"], one["version"], one["enabled"]) for one in listed] == [
        ("score", 1, False)
    ]
    enabled = cli("fraud", "models", "enable", "score", "1", "--author", "ben", "--json").json
    assert (enabled["enabled"], enabled["changed"]) == (True, True)
    shown = cli("fraud", "models", "show", "score")
    assert "payment.amount_ref" in shown.out
    assert "yes" in shown.out
    assert "The score is off." in cli("fraud", "models", "disable", "--author", "ben").out
    assert cli("fraud", "models", "enable", "score", "9", "--author", "ben").code == 4
    tried = cli("fraud", "train", "--since", "30d", "--no-store", "--json",
                "--feature", "payment.amount_ref").json  # fmt: skip
    assert (tried["version"], len(tried["document"]["features"])) == (None, 1)


def test_without_the_extra_it_is_said_what_to_install(
    cli: Cli, past: list[UUID], tmp_path: Path
) -> None:
    for name in ("numpy", "sklearn"):
        (tmp_path / f"{name}.py").write_text("raise ImportError", encoding="utf-8")
    # Before -P takes hold, a module of this name is found here first.
    done = cli("fraud", "train", "--since", "30d", "--no-store", PYTHONPATH=str(tmp_path))
    assert done.code == 3
    assert "training_not_installed" in done.err
    assert "pip install 'paykeel[train]'" in done.err
