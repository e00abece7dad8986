"""The README and the first steps do what they say: every block in them is run, as it stands.

Their shell blocks are one session: ``paykeel serve`` is really started, on a free port, and what a
block says about its outcome is looked for in its output. Only what the blocks themselves read from
the environment is set here. Blocks of ``make`` are checked to name targets of the Makefile, since
``make test`` would run itself; ``pip install .`` is run without an index, into a folder that goes.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import paykeel.errors
from paykeel.cli.demo.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.servers import Urls

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(paykeel.errors.__file__).parents[1]
README = ROOT / "README.md"
START = ROOT / "docs" / "start.md"
PAGES = (
    README,
    START,
    *(ROOT / "docs" / name for name in ("index.md", "reference/settings.md")),
    *(ROOT / "docs" / "explanation").glob("one-purchase.md"),
    *(ROOT / "docs" / "explanation").glob("terms.md"),
    *(ROOT / "docs" / "explanation").glob("refunds.md"),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
)
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
_RAN = "::ran"
SESSION_S_MAX = 90

#: What the pages ask of curl, for machines that have none.
CURL = f"""#!{sys.executable}
import argparse, sys, time, urllib.error, urllib.request
words = argparse.ArgumentParser()
words.add_argument("url")
words.add_argument("-H", action="append", default=[])
words.add_argument("-d")
for flag in ("--silent", "--include", "--retry-connrefused"):
    words.add_argument(flag, action="store_true")
for number in ("--retry", "--retry-delay"):
    words.add_argument(number, type=int, default=0)
asked = words.parse_args()
headers = dict(header.split(": ", 1) for header in asked.H)
data = None if asked.d is None else asked.d.encode()
for tries_left in range(asked.retry, -1, -1):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(asked.url, data, headers))
    except urllib.error.HTTPError as error:
        answer = error
    except urllib.error.URLError:
        answer = None
    if (answer is not None and answer.status < 500) or not tries_left:
        break
    time.sleep(asked.retry_delay)
if answer is None:
    sys.exit(7)
if asked.include:
    print(f"HTTP/1.1 {{answer.status}} {{answer.reason}}")
    print("\\n".join(f"{{n.lower()}}: {{v}}" for n, v in answer.headers.items()), end="\\n\\n")
sys.stdout.write(answer.read().decode())
"""


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = [Block(*parts) for parts in _BLOCK.findall(page.read_text(encoding="utf-8"))]
    assert page.read_text(encoding="utf-8").count("\n```") == 2 * len(found), "a fence is open"
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, because the embedded server's socket stands in it."""
    made = Path(tempfile.mkdtemp(prefix="pk-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def environment(**changes: str) -> dict[str, str]:
    """Ours, with the commands of this Python, this checkout's sources, and a free port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYKEEL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    port = str(free_port())
    return {**kept, "PATH": path, "PYTHONPATH": str(SOURCES), "PAYKEEL_PORT": port, **changes}


def run_session(
    session: Sequence[Block],
    folder: Path,
    variables: Mapping[str, str],
    more: str = "",
    seconds: int = SESSION_S_MAX,
) -> list[str]:
    """Run blocks as one shell does that ends at the first error; return what each printed."""
    script, out, err = folder / "session.sh", folder / "out.txt", folder / "err.txt"
    (folder / "stand-in").mkdir()
    curl = folder / "stand-in" / "curl"
    curl.write_text(CURL, encoding="utf-8")
    curl.chmod(0o755)
    if shutil.which("curl", path=variables["PATH"]) is None:
        variables = {**variables, "PATH": f"{variables['PATH']}{os.pathsep}{curl.parent}"}
    mark = f"\nprintf '\\n{_RAN}\\n'\n"
    ending = f"{more}{mark}kill $! || true\nwait $! || true\n"
    script.write_text(mark.join([*(block.text for block in session), ending]), encoding="utf-8")
    with out.open("wb") as printed, err.open("wb") as said:
        process = subprocess.Popen(
            ["sh", "-eu", str(script)],
            cwd=folder,
            env={**variables, "FOLDER": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        finally:
            end_group(process)
    text = out.read_text(encoding="utf-8")
    assert code == 0, f"{text}\n{err.read_text(encoding='utf-8')}"
    return text.split(f"\n{_RAN}\n")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End what the session left running, and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        for _ in range(200):
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def check_make(block: Block) -> None:
    """Each line is one target that the Makefile lists."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in block.text.splitlines():
        make, target = shlex.split(line, comments=True)
        assert make == "make"
        assert re.search(rf"^\.PHONY: {target}\n{target}:.* ## \S", makefile, re.MULTILINE)


def check_install(block: Block, folder: Path) -> None:
    """Install from the checkout, and use what was installed."""
    target = folder / "installed"
    done = subprocess.run(
        ["sh", "-eu", "-c", block.text],
        cwd=ROOT,
        env={
            **environment(),
            "PIP_TARGET": str(target),
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            # pip turns the switches round that say "no": 0 is what the option itself does.
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    used = subprocess.run(
        [sys.executable, "-P", "-m", "paykeel", "--version"],
        env={**environment(), "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert used.stdout.strip() == paykeel.__version__
    for name in ("payments/queries.sql", "db/migrations/0001_keel.sql", "py.typed"):
        assert (target / "paykeel" / name).is_file()


def run_python(program: Sequence[Block], folder: Path, urls: Urls) -> None:
    """Run Python blocks as one program; the comments behind the calls say what it prints."""
    text = "".join(block.text for block in program)
    file = folder / "program.py"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", str(file)],
        cwd=folder,
        env=environment(PAYKEEL_DATABASE_URL=urls.app),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == re.findall(r"^asyncio\.run.*  # (.*)$", text, re.MULTILINE)


def test_the_readme_does_what_it_says(folder: Path, urls: Urls) -> None:
    every = blocks(README)
    making = [block for block in every if block.text.startswith("make ")]
    installing = [block for block in every if block.text.startswith("pip ")]
    shell = [
        block for block in every if block.language == "sh" and block not in [*making, *installing]
    ]
    python = [block for block in every if block.language == "python"]
    # In the order of the page, and none left over.
    assert [*making, *installing, *shell, *python] == every
    assert min(len(making), len(installing), len(shell), len(python)) >= 1

    for block in making:
        check_make(block)
    for block in installing:
        check_install(block, folder)
    variables = environment(PAYKEEL_DATA_DIR=str(folder / "data"))
    # Once more with the stand-in, so that it is known to work where it is needed.
    printed = run_session(shell, folder, variables, 'PATH="$FOLDER/stand-in:$PATH"\nbuy\n')
    run_python(python, folder, urls)

    assert len(printed) == len(shell) + 2
    answers = "".join(printed[-3:-1]).replace("\r", "").split("HTTP/1.1 ")[1:]
    heads, bodies = zip(*(answer.strip().split("\n\n", 1) for answer in answers), strict=True)
    assert [head.split("\n")[0] for head in heads] == ["201 Created"] * 3
    assert ["idempotent-replayed: true" in head for head in heads] == [False, True, True]
    assert '"status":"succeeded"' in bodies[0]
    assert {body.strip() for body in bodies} == {bodies[0].strip()}


def test_the_first_steps_do_what_they_say(folder: Path) -> None:
    every = blocks(START)
    assert {block.language for block in every} == {"sh"}

    # Nothing is there before: as for a newcomer, with the PostgreSQL that Paykeel brings.
    variables = environment(TMPDIR=str(folder))
    printed = run_session(every, folder, variables)

    assert len(printed) == len(every) + 2
    doctor, merchant, twice, declined, served, step, lost, told, _ = printed[:-2]
    assert "embedded" in doctor
    assert "migrations" in doctor
    assert "0.01 EUR to 5000.00 EUR" in merchant
    assert re.findall(r"replayed +(\w+)", twice) == ["no", "yes"]
    assert "insufficient_funds" in declined
    assert "exit code 5" in declined
    assert '"status":"ok"' in served
    assert re.findall(r"^HTTP/1.1 (\d+)", step, re.MULTILINE) == ["202", "200"]
    assert re.findall(r'"payment","id":[^{]*"status":"(\w+)"', step) == [
        "requires_action",
        "succeeded",
    ]
    assert '"status":"processing"' in lost
    assert len(re.findall(r"succeeded +12.50 EUR", told)) == 3
    assert "0 differences, 0 open items" in told


def test_the_readme_is_short() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 120
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
