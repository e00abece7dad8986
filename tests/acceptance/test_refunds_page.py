"""The page on giving money back does what it says: every command on it is run, in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.acceptance.test_readme import folder
from tests.acceptance.test_terms_pages import answers, bodies, run, statuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

__all__ = ["folder"]


def test_giving_money_back(folder: Path, urls: Urls) -> None:
    printed, others = run("refund.md", folder, urls)
    looked, given, refused, against, http, disputed, noticed, simulated, audited = printed

    assert others == []
    assert "100.00 EUR (tier)" in looked
    assert "50.00 EUR (tier)" in looked
    assert [line.split()[-2] for line in given.splitlines() if line.startswith("amount")] == [
        "20.00",
        "30.00",
    ]
    assert "processing_error" in refused
    assert "exit code 5" in refused
    repeated = [line.split()[1] for line in refused.splitlines() if line.startswith("refund ")]
    assert len(repeated) == 3  # The declined one, and one that was asked for twice.
    assert repeated[1] == repeated[2]
    assert [line.split()[-2] for line in refused.splitlines() if line.startswith("amount")] == [
        "100.00",
        "50.00",
        "50.00",
    ]
    assert against.count("exit code 5") == 2
    assert "The host told us." in against
    waiting = json.loads((folder / "waiting.json").read_text(encoding="utf-8"))
    assert (waiting["status"], waiting["quoted_amount"]) == ("requested", 0)
    assert waiting["id"] in against
    assert statuses(http) == [200, 201, 201]
    quoted, refund, again = bodies(http)
    assert (quoted["amount"], refund["amount"], refund["status"]) == (5_000, 2_000, "succeeded")
    assert again == refund
    heads = http.replace("\r", "").split("HTTP/1.1 ")[1:]
    assert ["idempotent-replayed: true" in head.lower() for head in heads] == [False, False, True]
    assert len(answers(http)) == 3
    assert f'"id":"{refund["id"]}"' in heads[-1].split("\n\n", 1)[1]
    assert "60.00 EUR" in disputed
    assert "what to do" in noticed
    assert '{"notices": []}' in noticed
    assert "exit code 2" in disputed
    assert "Left out: 1 that were rejected, called off, or refused by the gateway." in simulated
    assert "requested_by_buyer" in simulated
    assert "0 differences" in audited
