"""Answers as tables for a spreadsheet: one line a fact, amounts in minor units."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Any

from paykeel.cli.metrics.writing import past

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Document = dict[str, Any]
_ENDS = ("begun", "succeeded", "failed", "blocked", "canceled", "expired", "concluded")


def write(rows: list[Document]) -> None:
    """Print rows as CSV, with all columns that any of them has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, columns, restval="", lineterminator="\n")
    if columns:
        writer.writeheader()
    writer.writerows(rows)
    sys.stdout.flush()


def _parts(document: Document) -> Iterator[tuple[str, Document]]:
    """Give all of it, and then each group."""
    yield "", document
    for group in document["groups"] or ():
        yield group["group"], group


def summary(document: Document) -> list[Document]:
    """Return name, value and the value before, one figure a line."""
    rows = []
    for group, part in _parts(document):
        purchases = part["purchases"]
        for name in (*_ENDS, "pending"):
            before = (purchases["before"] or {}).get(name, {}).get("value")
            rows.append(_fact(group, name, "", purchases[name], before))
        for name, rate in (
            ("success_per_attempt_bp", part["success"]["per_attempt"]),
            ("success_per_purchase_bp", part["success"]["per_purchase"]),
            ("failure_rate_bp", part["failure"]),
        ):
            rows.append(_fact(group, name, "", rate["rate_bp"], past(rate, "rate_bp")))
        rows += [
            _fact(group, name, one["currency"], one[name], past(one, name, "value"))
            for one in part["revenue"]
            for name in ("gross", "refunds", "net")
        ]
    return rows


def _fact(group: str, figure: str, currency: str, value: Any, before: Any) -> Document:
    return {
        "group": group,
        "figure": figure,
        "currency": currency,
        "value": value,
        "before": before,
    }


def timeseries(document: Document) -> list[Document]:
    """Return one line for each piece of each group, with three columns for each currency."""
    return [
        {
            "group": line["group"],
            "since": point["since"],
            "until": point["until"],
            "since_local": point["since_local"],
            **point["purchases"],
            **{name: value for name, value in point.items() if name.endswith("_bp")},
            **_durations(point.get("latency") or {}),
            **{
                f"{name}_{one['currency']}": one[name]
                for one in point.get("revenue", ())
                for name in ("gross", "refunds", "net")
            },
        }
        for line in document["series"]
        for point in line["points"]
    ]


def _durations(timed: Document) -> Document:
    return {f"purchase_{name}": value for name, value in timed.items() if name != "before"}


def failures(document: Document) -> list[Document]:
    """Return one line for each reason."""
    return [
        {
            "group": group,
            "reason": one["reason"],
            "count": one["count"],
            "share_bp": one["share_bp"],
            "mender": one["mender"],
            "retry_can_help": one["retry_can_help"],
            "count_before": past(one, "value"),
        }
        for group, part in _parts(document)
        for one in part["reasons"]
    ]


def latency(document: Document) -> list[Document]:
    """Return one line for each stage."""
    return [
        {
            "group": group,
            "stage": stage,
            **{name: value for name, value in timed.items() if name != "before"},
            **{
                f"{name}_before": value
                for name, value in (timed["before"] or {}).items()
                if not name.startswith("change_")
            },
        }
        for group, part in _parts(document)
        for stage, timed in part["stages"].items()
    ]


def revenue(document: Document) -> list[Document]:
    """Return one line for each currency, and one for all of it in the reference currency."""
    rows = [_money(group, one) for group, part in _parts(document) for one in part["revenue"]]
    if document["reference"] is not None:
        rows.append(_money("reference", document["reference"]))
    return rows


def _money(group: str, one: Document) -> Document:
    names = ("gross", "refunds", "net")
    return {
        "group": group,
        "currency": one["currency"],
        "exponent": one["exponent"],
        **{name: one[name] for name in names},
        **{f"{name}_before": past(one, name, "value") for name in names},
    }


def fraud(document: Document) -> list[Document]:
    """Return one line for each reason and currency, and for each code of a refusal."""
    return [*_reasons(document["by_reason"]), *_refusals(document["refusals"] or ())]


def _reasons(reasons: Iterable[Document]) -> Iterator[Document]:
    for one in reasons:
        for amount in one["amounts"] or ({"currency": "", "amount": ""},):
            yield {
                "decision": "block",
                "reason": one["reason"],
                "count": one["count"],
                "currency": amount["currency"],
                "amount": amount["amount"],
            }


def _refusals(refusals: Iterable[Document]) -> Iterator[Document]:
    for one in refusals:
        yield {"decision": "refuse", "reason": one["code"], "count": one["count"]}
