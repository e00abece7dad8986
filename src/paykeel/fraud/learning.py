"""Learning from labelled history: reads what was known at each decision, and trains a score.

Facts are those of the moment of the decision, as they were logged. A label counts only from when
it became known; `paykeel.fraud.training` does the rest, without hindsight.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.backtest import ID_SLACK, first_id
from paykeel.fraud.catalogue import FIXED, Type, typed
from paykeel.fraud.hindsight import SQL as BACKTEST_SQL
from paykeel.fraud.hindsight import TIMEOUT_MS
from paykeel.fraud.logs import attributes_of_facts
from paykeel.fraud.measures import area_under_curve, average_precision
from paykeel.fraud.model import Kind
from paykeel.fraud.models import SQL
from paykeel.fraud.training import ROWS_MAX, Column, Plan, Row, Trained, split_time, train

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from paykeel.db.pool import Connection, Database
    from paykeel.fraud.backtest import Period, Progress

PAGE_ROWS = 1_000
#: From so many of the newest decisions it is told which facts there are.
LOOKED_AT_MAX = 10_000
FEATURES_MAX = 64
#: A fact that fewer decisions have, of a hundred, is not taken unless it is asked for.
SHARE_PERCENT_MIN = 1
GENUINE_AFTER_DAYS_MAX = 3_650
#: Where a complaint takes longer than any that is made.
NEVER_S = 10**9

_KINDS = {Type.INT: Kind.INT, Type.DOUBLE: Kind.DOUBLE, Type.BOOL: Kind.BOOL}
_FIXED = typed(FIXED)
#: What no model may use: its own score, what people decided, and what the rules were set to. The
#: amount is known in the reference currency, which alone compares.
_LEFT_OUT = ("ml.score", "payment.amount")
_LEFT_OUT_PREFIXES = ("list.", "limit.")


@dataclass(frozen=True, slots=True)
class Learned:
    """A model, how good it is, and how good the rules were on the same purchases."""

    trained: Trained
    test_from: datetime
    #: Of the score that the rules gave then; None where there was nothing to compare.
    rules_auc: float | None
    rules_average_precision: float | None

    def figures(self) -> dict[str, Any]:
        """Return all figures as values for JSON, as they are registered with the model."""
        figures = self.trained.figures
        share = figures.tested_frauds / figures.tested
        return {
            **asdict(figures),
            "calibration": [asdict(one) for one in figures.calibration],
            "test_from": self.test_from.isoformat(),
            "baseline": {
                "rules": {"auc": self.rules_auc, "average_precision": self.rules_average_precision},
                "guessing": {"auc": 0.5, "average_precision": share},
            },
        }


@dataclass(frozen=True, slots=True)
class _Known:
    """One labelled decision: the features alone, to keep many of them in memory."""

    at: datetime
    values: tuple[object, ...]
    fraud: bool
    known_at: datetime
    score: int


class Learner:
    """Trains a score on a merchant's labelled history."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def learn(
        self,
        *,
        merchant_id: UUID,
        period: Period,
        name: str,
        features: Sequence[str] = (),
        genuine_after: timedelta | None = None,
        on_progress: Progress | None = None,
    ) -> Learned:
        """Train on the labelled decisions of a period; its newest quarter is the test.

        Args:
            merchant_id: Whose past.
            period: Which part of it.
            name: What the model is called.
            features: Attributes to use; every number and truth that was logged when left out.
            genuine_after: After this time without any label a payment that took money counts as
                genuine, known then. None: only what was labelled counts.
            on_progress: Called with how many labelled decisions were read, of at most how many.

        Raises:
            NotFound: There is no such merchant.
            InvalidField: A feature is unusable, or there are too few labels.
            Misconfigured: ``training_not_installed``.
        """
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            setup = await fetch_on(
                connection, BACKTEST_SQL["backtest_setup"], {"merchant_id": merchant_id}
            )
            if not setup:
                raise NotFound("There is no such merchant.")
            values = {
                "merchant_id": merchant_id,
                "id_min": first_id(period.since - ID_SLACK),
                "id_max": first_id(period.until + ID_SLACK),
                "since": period.since,
                "until": period.until,
            }
            columns = await _columns(connection, values, features)
            names = [column.name for column in columns]
            after_s = NEVER_S if genuine_after is None else int(genuine_after.total_seconds())
            values |= {"known_by": setup[0]["read_at"], "genuine_after_s": after_s}
            known = await _read(connection, values, names, on_progress)
        ends_at = setup[0]["read_at"]
        return await asyncio.to_thread(_learn, known, columns, name, ends_at)


async def _columns(
    connection: Connection, values: dict[str, Any], features: Sequence[str]
) -> list[Column]:
    """Choose what the model uses, from what was logged."""
    rows = await fetch_on(
        connection, SQL["count_facts"], {**values, "rows_max": LOOKED_AT_MAX}, TIMEOUT_MS
    )
    found = {row["name"]: row for row in rows}
    if features:
        unknown = [name for name in features if name not in found or name in _LEFT_OUT[:1]]
        if unknown:
            raise InvalidField(
                "features",
                "training_feature_unknown",
                f"No decision of this period has a number or a truth named {unknown[0][:60]!r}.",
            )
        names = list(dict.fromkeys(features))
    else:
        often = [
            (-row["times"], name)
            for name, row in found.items()
            if row["times"] * 100 >= row["decisions"] * SHARE_PERCENT_MIN
            and name not in _LEFT_OUT
            and not name.startswith(_LEFT_OUT_PREFIXES)
        ]
        names = sorted(name for _, name in sorted(often)[:FEATURES_MAX])
    if not names or len(names) > FEATURES_MAX:
        raise InvalidField(
            "features",
            "training_features_out_of_range",
            f"A score is made of 1 to {FEATURES_MAX} features; here are {len(names)}.",
        )
    return [_column(name, is_boolean=found[name]["is_boolean"]) for name in names]


def _column(name: str, *, is_boolean: bool) -> Column:
    """Say what an attribute is. Without an amount there is no score; without a key, a 0."""
    if name in _FIXED:
        kind = _KINDS.get(_FIXED[name], Kind.INT)
    elif is_boolean:
        kind = Kind.BOOL
    else:
        # Whole numbers, unless it is an average: then a double was logged.
        kind = Kind.INT
    return Column(name, kind, None if name.startswith("payment.") else 0.0)


async def _read(
    connection: Connection,
    values: dict[str, Any],
    names: Sequence[str],
    on_progress: Progress | None,
) -> list[_Known]:
    statement = SQL["labelled_decisions"]
    cursor = await connection.cursor(
        statement.text, *statement.arguments(values), timeout=TIMEOUT_MS / 1000
    )
    known: list[_Known] = []
    while rows := await cursor.fetch(PAGE_ROWS, timeout=TIMEOUT_MS / 1000):
        for row in rows:
            facts = attributes_of_facts(row["facts"], {})
            known.append(
                _Known(
                    row["created_at"],
                    tuple(facts.get(name) for name in names),
                    row["label"] == "fraud",
                    row["known_at"],
                    row["score"],
                )
            )
        if len(known) > ROWS_MAX:
            raise InvalidField(
                "since", "training_rows_too_many", f"At most {ROWS_MAX:,} purchases can be used."
            )
        if on_progress is not None:
            on_progress(len(known), ROWS_MAX)
    return known


def _learn(
    known: Sequence[_Known], columns: Sequence[Column], name: str, ends_at: datetime
) -> Learned:
    columns = [
        Column(column.name, Kind.DOUBLE, column.default)
        if any(isinstance(one.values[place], float) for one in known)
        else column
        for place, column in enumerate(columns)
    ]
    names = [column.name for column in columns]

    def rows() -> Iterator[Row]:
        for one in known:
            given = dict(zip(names, one.values, strict=True))
            yield Row(one.at, given, one.fraud, one.known_at)

    test_from = split_time(rows(), ends_at)
    trained = train(rows(), columns, name=name, plan=Plan(test_from=test_from, ends_at=ends_at))
    tested = [one for one in known if test_from <= one.at < ends_at and one.known_at <= ends_at]
    scores, frauds = [one.score for one in tested], [one.fraud for one in tested]
    return Learned(
        trained, test_from, area_under_curve(scores, frauds), average_precision(scores, frauds)
    )
