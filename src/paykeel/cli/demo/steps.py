"""Shows the demonstration as it goes on: one line a step, with a tick and its time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.errors import PaykeelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.status import Status


class DemoFailed(PaykeelError):
    """The demonstration did not come out as it must."""

    code = "demo_failed"


@dataclass(slots=True)
class Step:
    """One thing that is being done; ``result`` is shown behind it when it is done."""

    title: str
    result: str = ""
    spinner: Status | None = None

    def say(self, text: str) -> None:
        """Show how far it is, where somebody watches."""
        if self.spinner is not None:
            self.spinner.update(f"{self.title}  [dim]{text}[/]")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true at the end."""

    name: str
    ok: bool
    found: str

    def document(self) -> dict[str, object]:
        """Return it as JSON-ready values."""
        return {"name": self.name, "ok": self.ok, "found": self.found}


class Show:
    """Writes steps, checks and headings."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.started = time.monotonic()
        self.checks: list[Check] = []

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self.started

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show what is being done, and when it is done, how long it took."""
        begun = time.monotonic()
        step = Step(title)
        try:
            if self._console.is_terminal:
                with self._console.status(title) as step.spinner:
                    yield step
            else:
                yield step
        except BaseException:
            self._line("[red]✗[/]", title, "", begun)
            raise
        self._line("[green]✓[/]", title, step.result, begun)

    def _line(self, mark: str, title: str, result: str, begun: float) -> None:
        took = f"{time.monotonic() - begun:5.1f} s"
        tail = f"  [dim]{result}[/]" if result else ""
        self._console.print(f" {mark} [dim]{took}[/]  {title}{tail}", soft_wrap=True)

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._console.print(f"\n[bold]{text}[/]")

    def check(self, name: str, found: str, *, ok: bool) -> None:
        """Show whether something that must be true is true."""
        self.checks.append(Check(name, ok, found))
        mark = "[green]✓[/]" if ok else "[red]✗[/]"
        self._console.print(f" {mark} {name}: [dim]{found}[/]", soft_wrap=True)
