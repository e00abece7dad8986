"""Finds the repository's own files, and settles what a rule found with what is allowed.

A rule is a function over one file's text. What it finds is keyed by a place, such as
``src/paykeel/core.py::open_core``, so that an exception can be listed by that key together
with its reason. An exception nothing needs any more is itself a finding: lists only shrink.
"""

import ast
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Never ours, wherever git is not there to say so.
FOREIGN = frozenset({".git", ".venv", "node_modules", "__pycache__", "dist", ".results"})
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path from the root of the repository, with ``/``, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """Return the syntax tree; only for a Python file."""
        return _parse(self.text)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def every_path() -> tuple[str, ...]:
    """List every file that is in git or could be added: nothing ignored, nothing deleted."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return tuple(sorted(path.as_posix() for path in found if FOREIGN.isdisjoint(path.parts)))
    names = {name for name in done.stdout.decode().split("\0") if name}
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


@cache
def read(path: str) -> Source | None:
    """Read a file, or return None where it is not text."""
    try:
        return Source(path, (ROOT / path).read_bytes().decode())
    except UnicodeDecodeError:
        return None


def sources(*folders: str, suffix: str = "") -> Iterator[Source]:
    """Give the text files below any of the folders whose name ends in the suffix."""
    for path in every_path():
        below = not folders or path.startswith(tuple(f"{folder}/" for folder in folders))
        if below and path.endswith(suffix) and (source := read(path)) is not None:
            yield source


def qualified(tree: ast.Module) -> Iterator[tuple[str, FunctionNode]]:
    """Give every function with its dotted name inside the module, nested ones too."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, FunctionNode | ast.ClassDef):
                name = f"{prefix}.{child.name}".removeprefix(".")
            if isinstance(child, FunctionNode):
                yield name, child
            waiting.append((name, child))


def unlisted(found: Mapping[str, str], allowed: Mapping[str, str]) -> list[str]:
    """Compare findings (place to message) with exceptions (place to reason).

    Returns one line for each finding that no exception covers, and one for each exception
    that covers nothing.
    """
    new = [f"{place}: {message}" for place, message in found.items() if place not in allowed]
    stale = [f"{place}: listed, but no longer needed" for place in allowed if place not in found]
    return sorted(new) + sorted(stale)


def over(sizes: Mapping[str, int], limit: int, excess: Mapping[str, int]) -> list[str]:
    """Compare sizes with a limit and with the excess that is put up with for now.

    A listed place may not grow; when it shrinks, its entry must follow it down, and go when
    the limit is met.
    """
    complaints = []
    for place, size in sizes.items():
        most = max(limit, excess.get(place, limit))
        if size > most:
            complaints.append(f"{place}: {size}, and at most {most} is allowed")
        elif place in excess and limit < size < most:
            complaints.append(f"{place}: shrunk to {size}; lower its entry to that")
    stale = [place for place in excess if sizes.get(place, 0) <= limit]
    return sorted(complaints) + [f"{place}: listed, but no longer needed" for place in stale]
