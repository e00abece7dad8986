"""What may not stand in Python: floats near money, patches in tests, imports in functions."""

import ast

import pytest

from tests.tidy.sources import Source, qualified, sources, unlisted

#: Modules and rooms through which amounts flow.
MONEY_PATHS = (
    "src/paykeel/money.py",
    "src/paykeel/payments/",
    "src/paykeel/refunds/",
    "src/paykeel/idempotency/",
)
# `path::what: reason`; a duration in seconds is such a reason, an amount never is.
FLOATS: dict[str, str] = {}
# `path::function::module: reason`; a cycle is no reason.
LAZY_IMPORTS: dict[str, str] = {}

_PATCHERS = frozenset({"unittest.mock", "mock", "pytest_mock"})


def _refusals(tree: ast.Module) -> set[int]:
    """Return the mentions of a type that only ask whether a value is of it."""
    asked: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]):
                asked.update(id(part) for part in ast.walk(kind))
            case ast.MatchClass(cls=kind):
                asked.add(id(kind))
            case _:
                pass
    return asked


def floats(source: Source) -> dict[str, str]:
    """Find the type and its literals; in `money.py`, also division and rounding unnamed."""
    strict = source.path.endswith("/money.py")
    refused = _refusals(source.tree)
    found = {}
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=float() as value):
                found[f"{source.path}::{value}"] = "a float near money"
            case ast.Name(id="float") if id(node) not in refused:
                found[f"{source.path}::float"] = "a float near money"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) if strict:
                found[f"{source.path}::/"] = "a division says floor, ceil or half-even by name"
            case ast.Call(func=ast.Name(id="round")) if strict:
                found[f"{source.path}::round"] = "a rounding says its direction by name"
            case _:
                pass
    return found


def _imported(node: ast.AST) -> list[str]:
    """Return the modules an import statement may mean; none for another node."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = "." * level + (module or "")
            return [base, *(f"{base}.{alias.name}" for alias in names)]
        case _:
            return []


def patches(source: Source) -> list[str]:
    """Find what replaces a part of the program while it is being tested."""
    found = []
    for node in ast.walk(source.tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                named = [name for name in _imported(node) if name in _PATCHERS]
                found += [f"{source.path}:{node.lineno}: imports {name}" for name in named]
            case ast.Call(func=ast.Attribute(attr="setattr" | "delattr" as verb)):
                found.append(f"{source.path}:{node.lineno}: patches by {verb}")
            case ast.arg(arg="mocker"):
                found.append(f"{source.path}:{node.lineno}: asks for mocker")
            case _:
                pass
    return found


def lazy_imports(source: Source) -> dict[str, str]:
    """Find imports inside functions, where they hide an edge from whoever draws the order."""
    return {
        f"{source.path}::{name}::{_imported(inner)[0]}": "imported inside a function"
        for name, node in qualified(source.tree)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }


def test_no_float_comes_near_money() -> None:
    found: dict[str, str] = {}
    for source in sources("src", suffix=".py"):
        if source.path.startswith(MONEY_PATHS):
            found |= floats(source)
    assert unlisted(found, FLOATS) == []


def test_nothing_is_patched() -> None:
    code = [*sources("tests", suffix=".py"), *sources("benchmarks", suffix=".py")]
    assert [fault for source in code for fault in patches(source)] == []


def test_imports_stand_at_the_top() -> None:
    found: dict[str, str] = {}
    for source in sources("src", suffix=".py"):
        found |= lazy_imports(source)
    assert unlisted(found, LAZY_IMPORTS) == []


@pytest.mark.parametrize("code", ["x = 0.5", "x = float(y)", "def f(x: float): ...", "x = 1e3"])
def test_a_float_is_seen(code: str) -> None:
    assert len(floats(Source("src/paykeel/payments/model.py", code))) == 1


@pytest.mark.parametrize(
    "code",
    ["x = isinstance(y, float)", "x = isinstance(y, int | float)", "match x:\n  case float(): ..."],
)
def test_a_float_may_be_refused(code: str) -> None:
    assert floats(Source("src/paykeel/money.py", code)) == {}


@pytest.mark.parametrize("code", ["x = a / b", "x /= b", "x = round(a)"])
def test_a_nameless_division_of_money_is_seen(code: str) -> None:
    assert len(floats(Source("src/paykeel/money.py", code))) == 1
    assert floats(Source("src/paykeel/payments/recovery.py", code)) == {}


@pytest.mark.parametrize(
    "code",
    [
        "from unittest import mock",
        "from unittest.mock import patch",
        "import unittest.mock",
        "import pytest_mock",
        "def test(mocker): ...",
        "def test(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)",
        "def test(patch):\n    patch.delattr('a.b')",
    ],
)
def test_a_patch_is_seen(code: str) -> None:
    assert len(patches(Source("tests/test_a.py", code))) == 1


def test_the_environment_may_be_set() -> None:
    assert (
        patches(Source("a.py", "def test(m):\n    m.setenv('A', 'b')\n    setattr(m, 'c', 1)"))
        == []
    )


@pytest.mark.parametrize("code", ["import json", "from . import a", "from paykeel import b"])
def test_a_lazy_import_is_seen(code: str) -> None:
    assert len(lazy_imports(Source("a.py", f"class A:\n  def b(self):\n    {code}"))) == 1
    assert lazy_imports(Source("a.py", f"if TYPE_CHECKING:\n    {code}")) == {}
