"""The shadow report: what would have been done by what runs in the shadow, beside what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.fraud.backtest import ID_SLACK, first_id
from paykeel.fraud.hindsight import SQL as BACKTEST_SQL
from paykeel.fraud.hindsight import TIMEOUT_MS
from paykeel.fraud.trial import share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud.backtest import Period

SQL = load("paykeel.fraud", "shadow.sql")


async def shadow_report(database: Database, *, merchant_id: UUID, period: Period) -> dict[str, Any]:
    """Return what the shadow said in a period, as values for JSON.

    ``rulesets`` are those that ran beside the live one, ``rules`` those in the shadow of it.
    Precision and recall are of what a rule or ruleset would have stopped: everything but allow.

    Raises:
        NotFound: There is no such merchant.
    """
    values = {
        "merchant_id": merchant_id,
        "id_min": first_id(period.since - ID_SLACK),
        "id_max": first_id(period.until + ID_SLACK),
        "since": period.since,
        "until": period.until,
    }
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        if not await fetch_on(
            connection, BACKTEST_SQL["backtest_setup"], {"merchant_id": merchant_id}
        ):
            raise NotFound("There is no such merchant.")
        (counts,) = await fetch_on(connection, SQL["count_period"], values, TIMEOUT_MS)
        rulesets = await fetch_on(connection, SQL["shadow_rulesets"], values, TIMEOUT_MS)
        rules = await fetch_on(connection, SQL["shadow_rules"], values, TIMEOUT_MS)
    frauds = counts["frauds"]
    return {
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "decisions": counts["decisions"],
        "in_shadow": counts["shadowed"],
        "frauds": frauds,
        "rulesets": [
            _ruleset(named, group, frauds)
            for named, group in _groups(rulesets, ("ruleset", "version"))
        ],
        "rules": [
            _rule(named, group, frauds)
            for named, group in _groups(rules, ("place", "ruleset", "rule", "version", "action"))
        ],
    }


def _groups(rows: Iterable[Any], names: tuple[str, ...]) -> list[tuple[dict[str, Any], list[Any]]]:
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return [(dict(zip(names, key, strict=True)), group) for key, group in groups.items()]


def _ruleset(
    named: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], frauds_total: int
) -> dict[str, Any]:
    """Return what one ruleset in the shadow would have done."""
    rows = list(rows)
    stopped = [row for row in rows if row["would"] != "allow"]
    return {
        **named,
        "purchases": sum(row["purchases"] for row in rows),
        "decisions": [
            {
                "decided": row["decision"],
                "would": row["would"],
                "purchases": row["purchases"],
                "frauds": row["frauds"],
                "good": row["good"],
                "examples": _examples(row),
            }
            for row in rows
        ],
        **_hits(stopped, frauds_total),
    }


def _examples(row: Mapping[str, Any]) -> list[str]:
    found = dict.fromkeys((row["first_example"], row["last_example"]))
    return [example for example in found if example is not None]


def _rule(
    named: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], frauds_total: int
) -> dict[str, Any]:
    """Return what one rule in the shadow said."""
    rows = list(rows)
    matched = [row for row in rows if row["outcome"] == "matched"]
    outcomes: dict[str, int] = {}
    decided: dict[str, int] = {}
    for row in rows:
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["purchases"]
    for row in matched:
        decided[row["decision"]] = decided.get(row["decision"], 0) + row["purchases"]
    return {**named, "outcomes": outcomes, "decided": decided, **_hits(matched, frauds_total)}


def _hits(rows: Iterable[Mapping[str, Any]], frauds_total: int) -> dict[str, Any]:
    rows = list(rows)
    frauds, good = sum(row["frauds"] for row in rows), sum(row["good"] for row in rows)
    return {
        "frauds": frauds,
        "good": good,
        "precision": share(frauds, frauds + good),
        "recall": share(frauds, frauds_total),
    }
