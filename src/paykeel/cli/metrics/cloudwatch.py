"""``metrics cloudwatch``: the dashboard and the alarms, as code."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from paykeel.cli.context import DEFAULTS, FOUND, OK, Common, Output
from paykeel.metrics.alarms import left_out
from paykeel.metrics.cloudwatch_plan import (
    Action,
    apply,
    compare,
    open_client,
    read_present,
    target_of,
)
from paykeel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.metrics.alarms import Target
    from paykeel.metrics.cloudwatch_plan import Item

app = App(name="cloudwatch", help="The dashboard and the alarms in CloudWatch, as code.")

Mode = Literal["live", "test"]
#: What is longer is cut where it is shown to people; --json has all of it.
SHOWN_CHARACTERS_MAX = 300
_MARKS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.NOTHING: "=",
    Action.FOREIGN: "!",
}


@app.command
async def plan(*, mode: Mode = "live", common: Common = DEFAULTS) -> None:
    """Say what apply would do, and change nothing.

    Args:
        mode: Of which merchants' metrics.
        common: The options of every command.
    """
    out = Output(common)
    target, items = await asyncio.to_thread(_look, mode)
    _show(out, target, items)


@app.command
async def diff(*, mode: Mode = "live", common: Common = DEFAULTS) -> int:
    """Show field by field what is not as it should be; exit code 1 if anything is not.

    Args:
        mode: Of which merchants' metrics.
        common: The options of every command.
    """
    out = Output(common)
    target, items = await asyncio.to_thread(_look, mode)
    different = [one for one in items if one.action is not Action.NOTHING]
    out.document(_document(target, different))
    for one in different:
        out.line(f"{_MARKS[one.action]} {one.kind} {one.name}")
        for each in one.differences:
            out.line(f"    {each.field}")
            out.line(f"      - {_short(each.found)}")
            out.line(f"      + {_short(each.wanted)}")
    if not different:
        out.line("Everything is as it should be.")
    return FOUND if different else OK


@app.command(name="apply")
async def apply_(*, mode: Mode = "live", common: Common = DEFAULTS) -> None:
    """Create, change and remove, until everything is as it should be.

    Only what was made by this command under the same prefix is changed or removed.

    Args:
        mode: Of which merchants' metrics.
        common: The options of every command.
    """
    out = Output(common)

    def run() -> tuple[Target, list[Item]]:
        client = open_client()
        target = target_of(Settings(), mode, client.meta.region_name)
        items = compare(target, read_present(client, target))
        apply(client, target, items)
        return target, items

    target, items = await asyncio.to_thread(run)
    _show(out, target, items, done=True)


def _look(mode: Mode) -> tuple[Target, list[Item]]:
    client = open_client()
    target = target_of(Settings(), mode, client.meta.region_name)
    return target, compare(target, read_present(client, target))


def _document(target: Target, items: Sequence[Item]) -> dict[str, object]:
    return {
        "prefix": target.prefix,
        "namespace": target.namespace,
        "region": target.region,
        "mode": target.mode,
        "items": [one.document() for one in items],
        "left_out": left_out(target),
    }


def _show(out: Output, target: Target, items: Sequence[Item], *, done: bool = False) -> None:
    out.document(_document(target, items))
    out.table(
        ("", "what", "name", "changes"),
        [
            (_MARKS[one.action], one.kind, one.name, ", ".join(d.field for d in one.differences))
            for one in items
        ],
        prose=("changes",),
    )
    counts = {action: sum(one.action is action for one in items) for action in Action}
    create, change, remove = (
        ("created", "changed", "removed") if done else ("to create", "to change", "to remove")
    )
    foreign = counts[Action.FOREIGN]
    out.line(
        f"{counts[Action.CREATE]} {create}, {counts[Action.UPDATE]} {change}, "
        f"{counts[Action.DELETE]} {remove}, {counts[Action.NOTHING]} as they should be"
        f"{f', {foreign} not made here' if foreign else ''}."
    )
    if not target.actions:
        out.line("These alarms tell nobody: PAYKEEL_METRICS_CLOUDWATCH_ALARM_ACTIONS names no ARN.")
    for one in left_out(target):
        out.line(f"Left out: {one}")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
