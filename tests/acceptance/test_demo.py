"""`paykeel demo`: the main job on real input, with a crash in the middle, told as JSON."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.cli import COMMAND, Cli, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Two minutes are allowed; half of them leave room for a slow machine.
SECONDS_MAX = 60


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files, with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="pk-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made)


def environment(temporary: Path) -> dict[str, str]:
    """Settings of an installation that the demonstration must not touch."""
    return {
        **os.environ,
        "TMPDIR": str(temporary),
        "PAYKEEL_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/somebody_elses",
        "PAYKEEL_GATEWAY_TEST": "somebody_elses",
    }


def left_running(folder: Path) -> list[str]:
    """Return the processes that have to do with a folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


def children(parent: int) -> list[str]:
    return [
        " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cmdline", "ppid"])
        if process.info["ppid"] == parent
    ]


@pytest.mark.serial
def test_a_folder_with_something_in_it_is_left_alone(temporary: Path) -> None:
    (temporary / "mine.txt").write_text("precious")
    done = Cli(environment(temporary))("demo", "--data-dir", str(temporary), "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "demo_failed"
    assert [path.name for path in temporary.iterdir()] == ["mine.txt"]


@pytest.mark.serial
@pytest.mark.crash
@pytest.mark.slow
def test_the_demonstration_proves_what_it_says(temporary: Path) -> None:
    started = time.monotonic()
    done = Cli(environment(temporary))("demo", "--json")
    assert done.code == 0, (done.out, done.err)
    assert time.monotonic() - started < SECONDS_MAX
    report = done.json
    assert report["ok"]
    assert {check["name"]: check["found"] for check in report["checks"] if not check["ok"]} == {}
    assert len(report["checks"]) == 9

    first, second = report["first_run"], report["second_run"]
    assert (first["lines"], first["answered"], first["rejected"]) == (1_000, 976, 24)
    assert (second["answered"], second["replayed"], second["rejected"]) == (976, 976, 24)
    assert first["resent"] > 0
    assert report["crash"]["in_the_air"] > 0
    assert report["crash"]["recovered"] == report["crash"]["in_the_air"]
    assert report["recovered"] >= report["crash"]["recovered"]

    counts = dict.fromkeys(("succeeded", "failed", "authorized", "requires_action"), 0)
    for group in report["payments"]:
        counts[group["status"]] += group["count"]
    # And the one of which a refund is refused.
    assert sum(counts.values()) == 938 + 1
    assert counts["requires_action"] == 14
    assert {line["currency"] for line in report["books"]} >= {"EUR", "USD", "GBP", "JPY", "KWD"}
    assert all(line["captured_here"] == line["captured_at_gateway"] for line in report["books"])
    assert report["audit"]["differences"] == []
    assert report["audit"]["payments"] == 938 + 1
    refunds = report["refunds"]
    assert refunds["parts_total"] == refunds["policy_total"] > 0
    assert (refunds["approved"], refunds["declined"]) == ("succeeded", "failed")

    assert list(temporary.iterdir()) == []
    assert left_running(temporary) == []


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demonstration_that_is_stopped_leaves_nothing(temporary: Path, number: int) -> None:
    # Whoever runs the tests in the background may have set interrupts aside, for children too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    demo = subprocess.Popen(
        [*COMMAND, "demo"],
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    signal.signal(signal.SIGINT, before)
    try:
        give_up = time.monotonic() + 30
        while not any(" serve " in words for words in children(demo.pid)):
            assert time.monotonic() < give_up
            time.sleep(0.1)
        demo.send_signal(number)
        _, err = demo.communicate(timeout=40)
    finally:
        stop(demo)
    assert demo.returncode == 130, err
    assert b"Traceback" not in err
    assert list(temporary.iterdir()) == []
    assert left_running(temporary) == []
