"""A merchant's first terms on the command line, for tests that go on from there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.cli import Cli, Done

FIRST = "# Terms for agents\n\nThe fee is **2 %** of each booking.\n"
SECOND = FIRST.replace("2 %", "3 %")
PAPER = ("--authority", "signed on paper", "--actor", "clerk-3")


def write(folder: Path, text: str = FIRST, name: str = "terms.md") -> str:
    """A file of terms."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def begin(cli: Cli, folder: Path, *more: str) -> dict[str, Any]:
    """A merchant with one document in its first version; what was published."""
    assert cli("merchants", "create", "Harbour Market").code == 0
    words = ("--purpose", "contract", "--title", "Terms for agents")
    assert cli("terms", "documents", "add", "agent_terms", *words).code == 0
    return publish(cli, write(folder), *more)


def publish(cli: Cli, file: str, *more: str) -> dict[str, Any]:
    """Publish a file in English without being asked."""
    done = cli(
        "terms", "publish", file, "--document", "agent_terms", "--locale", "en", "--yes", "--json",
        *more,
    )  # fmt: skip
    assert done.code == 0, done
    published: dict[str, Any] = json.loads(done.out)
    return published


def present(cli: Cli, buyer: str, *more: str) -> Done:
    return cli("terms", "present", buyer, "--role", "agent", "--json", *more)


def accept(cli: Cli, buyer: str) -> dict[str, Any]:
    """Let a buyer accept whatever is missing, and return what was kept."""
    nonce = present(cli, buyer).json["nonce"]
    done = cli("terms", "accept", nonce, "--buyer", buyer, *PAPER, "--json")
    assert done.code == 0, done
    kept: dict[str, Any] = done.json["acceptances"][0]
    return kept


def buy(cli: Cli, buyer: str, reference: str, *more: str) -> Done:
    return cli(
        "purchase", "--reference", reference, "--amount", "12.50", "--currency", "EUR",
        "--buyer-id", buyer, "--buyer-role", "agent", "--payment-method", "pm_ok", *more,
    )  # fmt: skip
