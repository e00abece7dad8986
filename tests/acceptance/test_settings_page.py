"""The page of settings says what ``Settings`` says: every field, its unit, default and limits.

``python -m tests.acceptance.test_settings_page`` writes the page's table anew.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import paykeel.settings
from paykeel.settings import Settings

if TYPE_CHECKING:
    import pytest
    from pydantic.fields import FieldInfo

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"
BEGIN, END = "<!-- settings: made from paykeel/settings.py -->", "<!-- end of settings -->"
UNITS = {"ms": "ms", "s": "s", "bytes": "bytes", "days": "days", "rows": "rows"}
#: Defaults that depend on the machine.
PLACES = {"data_dir": "`~/.local/share/paykeel`; for root `/var/lib/paykeel`"}
#: Of fields that stand below another one's ``#:`` lines, and mean something of their own.
APART = {
    "host": "The address at which `paykeel serve` listens.",
    "port": "The port at which `paykeel serve` listens; 0 takes a free one.",
    "recovery_backoff_ms_min": "The first pause between two looks at the same attempt; each "
    "further one is up to twice as long.",
    "recovery_backoff_ms_max": "The longest pause between two looks at the same attempt.",
    "log_format": "How lines are logged: `json`, or `console` for people.",
    "log_level": "What is less than this is not logged: `DEBUG`, `INFO`, `WARNING`, `ERROR`.",
}


def meanings(source: str) -> dict[str, str]:
    """Return what the ``#:`` lines above each field say; a field without any shares the last."""
    lines = source.splitlines()
    (class_,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    last = ""
    for node in class_.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        about: list[str] = []
        for line in reversed(lines[: node.lineno - 1]):
            if not line.strip().startswith("#:"):
                break
            about.insert(0, line.strip().removeprefix("#:").strip())
        last = " ".join(about) or last
        found[node.target.id] = last.replace("``", "`")
    return found


def unit_of(name: str) -> str:
    """Return the unit that a field's name ends in, ``_max`` and ``_min`` apart."""
    return UNITS.get(re.sub(r"_(?:max|min)$", "", name).rpartition("_")[2], "")


def limits_of(field: FieldInfo) -> str:
    """Return the smallest and largest value that are taken."""
    low = next((item.ge for item in field.metadata if hasattr(item, "ge")), None)
    high = next((item.le for item in field.metadata if hasattr(item, "le")), None)
    if low is None and high is None:
        return ""
    return f"{low} to {high}" if high is not None else f"at least {low}"


def default_of(name: str, field: FieldInfo) -> str:
    """Return a default as it would be written into the environment."""
    if name in PLACES:
        return PLACES[name]
    return "empty" if field.default in {None, ""} else f"`{field.default}`"


def table() -> str:
    """Return the table of every setting, in the order of the code."""
    about = meanings(inspect.getsource(paykeel.settings)) | APART
    lines = ["| Variable | Default | Unit | Allowed | What it sets |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        cells = (
            f"`PAYKEEL_{name.upper()}`",
            default_of(name, field),
            unit_of(name),
            limits_of(field),
            about[name],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_table_is_the_codes() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table()


def test_every_field_has_a_meaning() -> None:
    about = meanings(inspect.getsource(paykeel.settings))

    assert [name for name in Settings.model_fields if not about.get(name)] == []
    assert set(APART) <= set(about)


def test_the_environment_is_read_by_these_names() -> None:
    for name in Settings.model_fields:
        assert f"`PAYKEEL_{name.upper()}`" in table()
    assert Settings.model_config["env_prefix"] == "PAYKEEL_"


def test_the_place_of_the_data_is_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    place = Path("/var/lib/paykeel") if os.geteuid() == 0 else Path.home() / ".local/share/paykeel"

    assert paykeel.settings.default_data_dir() == place


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}", encoding="utf-8")
