"""The guide's adapter, fake and tests work exactly as they are printed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import paykeel.errors

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-a-gateway.md"
SOURCES = Path(paykeel.errors.__file__).parents[1]
_FILE = re.compile(r'^```python title="([a-z_]+\.py)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```python.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _write(folder: Path) -> None:
    for name, text in _FILE.findall(GUIDE.read_text(encoding="utf-8")):
        (folder / name).write_text(text, encoding="utf-8")


def _run_kit(folder: Path) -> subprocess.CompletedProcess[str]:
    options = ("asyncio_mode=auto", "asyncio_default_fixture_loop_scope=function")
    arguments = ["-q", "-rs", "-p", "no:cacheprovider", *(f"-o{option}" for option in options)]
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", *arguments, "test_acme.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_adapter_passes_the_kit(tmp_path: Path) -> None:
    _write(tmp_path)

    result = _run_kit(tmp_path)

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\b2[0-9] passed, \d+ skipped", result.stdout), result.stdout


def test_the_guides_suggestions_make_it_fail(tmp_path: Path) -> None:
    _write(tmp_path)
    adapter = tmp_path / "acme.py"
    text = adapter.read_text(encoding="utf-8")
    spoilt = text.replace("if response.status_code not in {200, 402}:", "if False:").replace(
        'return Unknown("unreadable")', "return Declined(DeclineReason.PROCESSING_ERROR)"
    )
    assert spoilt != text
    adapter.write_text(spoilt, encoding="utf-8")

    result = _run_kit(tmp_path)

    assert result.returncode == 1
    assert "test_server_error_is_unknown" in result.stdout


def test_every_block_is_python() -> None:
    blocks = _BLOCK.findall(GUIDE.read_text(encoding="utf-8"))

    assert len(blocks) == 4
    for block in blocks:
        ast.parse(block)
