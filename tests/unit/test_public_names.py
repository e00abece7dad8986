"""What `import paykeel` gives, and what it leaves for later."""

from __future__ import annotations

import ast
import operator
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import paykeel


@pytest.mark.parametrize("name", paykeel.__all__)
def test_a_public_name_is_that_of_its_place(name: str) -> None:
    tree = ast.parse(Path(paykeel.__file__).read_text())
    declared = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert getattr(paykeel, name) is getattr(import_module(declared[name]), name)
    assert name in dir(paykeel)


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Refunder'"):
        operator.attrgetter("Refunder")(paykeel)


def test_a_command_does_not_wait_for_the_http_api() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import sys, paykeel.cli.main; print(*sorted(sys.modules))"],
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = done.stdout.split()
    assert "paykeel.core" in loaded
    assert "paykeel.api" not in loaded
    assert "fastapi" not in loaded
