"""The page on going live does what it says: every command on it is run, in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.cli import Cli
from tests.acceptance.cli import environment as on_database
from tests.acceptance.test_readme import blocks, environment, folder, run_session

if TYPE_CHECKING:
    from tests.servers import Urls

__all__ = ["folder"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "fraud-rules.md"


def test_every_command_does_what_the_page_says(folder: Path, urls: Urls) -> None:
    every = blocks(PAGE)
    assert {block.language for block in every} == {"sh"}
    variables = {
        name: value
        for name, value in on_database(urls, PAYKEEL_FRAUD_DEFAULT_RULESET="default").items()
        if name.startswith("PAYKEEL_")
    }
    cli = Cli(environment(**variables))
    assert cli("merchants", "create", "Harbour Market").code == 0
    printed = run_session(every, folder, environment(**variables), "sleep 0 &\n")
    shown, checked, stored, _, shadow, live, lists, imported = printed[: len(every)]

    assert "default 0" in shown
    assert "2 rules, 3 tests, no mistakes." in checked
    assert "Stored as harbour_market 1." in stored
    assert "harbour_market 1" in shadow
    assert "harbour_market 1: 2 rules live" in live
    assert "vip" in lists
    assert "2 are on the list block, 0 lines were rejected." in imported
