"""The pages on terms do what they say: every command on them is run, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.cli import environment as on_database
from tests.acceptance.test_readme import Block, blocks, environment, folder, run_session

if TYPE_CHECKING:
    from tests.servers import Urls

__all__ = ["folder"]

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def run(page: str, folder: Path, urls: Urls) -> tuple[list[str], list[Block]]:
    """Run a page's shell; return what each block printed, and the blocks of other languages."""
    every = blocks(HOW_TO / page)
    shell = [block for block in every if block.language == "sh"]
    variables = {
        name: value for name, value in on_database(urls).items() if name.startswith("PAYKEEL_")
    }
    # A page that waits for its dates takes longer than others.
    printed = run_session(shell, folder, environment(**variables), seconds=200)
    return printed[: len(shell)], [block for block in every if block not in shell]


def answers(printed: str) -> list[tuple[int, dict[str, Any]]]:
    """The HTTP answers in what was printed with their headers: status and JSON body."""
    found = []
    for answer in printed.replace("\r", "").split("HTTP/1.1 ")[1:]:
        body = answer.split("\n\n", 1)[1].partition("\n")[0]
        found.append((int(answer[:3]), json.loads(body)))
    return found


def statuses(printed: str) -> list[int]:
    return [status for status, _ in answers(printed)]


def bodies(printed: str) -> list[dict[str, Any]]:
    return [body for _, body in answers(printed)]


def names(value: Any) -> Any:
    """The shape of JSON: names stay, values go."""
    match value:
        case dict():
            return {name: names(one) for name, one in value.items()}
        case list():
            return [names(one) for one in value]
        case _:
            return None


def test_the_first_document(folder: Path, urls: Urls) -> None:
    printed, others = run("terms.md", folder, urls)
    added, published, refused, shown, page, accepted, counter, status, proof, old, erased = printed
    (problem,) = [json.loads(block.text) for block in others]

    assert "a purchase will need it" in added
    assert "Published: agent_terms 1.0.0" in published
    ((status_told, told),) = answers(refused)
    assert status_told == 403
    assert {name: told[name] for name in ("code", "detail", "presentation_url", "status")} == {
        name: problem[name] for name in ("code", "detail", "presentation_url", "status")
    }
    assert names(told["missing"]) == names(problem["missing"])
    assert told["type"] == problem["type"]
    (item,) = bodies(shown)[0]["items"]
    assert (item["locale"], item["fell_back"], item["reason"]) == ("de", True, "missing")
    assert "Die Gebühr ist **2 %** je Buchung." in page
    assert "2 %" in (folder / "terms.html").read_text(encoding="utf-8")
    assert statuses(accepted) == [201, 201]
    assert bodies(accepted)[1]["status"] == "succeeded"
    assert "exit code 5" in counter
    assert "clerk-3 (delegate)" in counter
    assert "agent-7 can purchase" in status
    assert "agent-9 cannot purchase; it has to accept: agent_terms." in status
    assert "exit code 1" in status
    assert "It holds: agent-7 said accept to Terms for agents 1.0.0 (de)." in proof
    assert "Everything is as it was published, shown and sealed." in proof
    assert "1 acceptances added, 0 were there already, 1 rejected." in old
    assert "terms_version_unknown" in old
    assert "agent-20 can purchase" in old
    assert "Personal data of 1 acceptances is erased." in erased
    assert "Everything is as it was published, shown and sealed." in erased


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_change_of_terms(folder: Path, urls: Urls) -> None:
    printed, others = run("change-terms.md", folder, urls)
    _, first, changed, before, grace, new, over, again, minor, back, taken = printed
    diff = next(block.text for block in others if block.language == "diff")
    due = next(json.loads(block.text) for block in others if block.language == "json")

    assert bodies(first)[-1]["status"] == "succeeded"
    assert diff in changed
    assert "2.0.0" in changed
    assert statuses(before) == [201]
    assert "warnings" not in bodies(before)[0]
    assert statuses(grace) == [201]
    (warned,) = bodies(grace)
    assert names(warned["warnings"]) == names(due["warnings"])
    assert warned["warnings"][0]["code"] == due["warnings"][0]["code"]
    assert "agent-7 can purchase" in grace
    assert statuses(new) == [403]
    assert statuses(over) == [403]
    assert bodies(over)[0]["missing"][0]["version"] == "2.0.0"
    assert "outdated" in over
    assert "exit code 1" in over
    assert statuses(again) == [201]
    assert statuses(minor) == [201]
    assert "agent_terms 2.1.0, minor" in minor
    assert "withdrawn" in back
    assert statuses(back) == [201]
    assert statuses(taken) == [403]
