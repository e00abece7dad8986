"""The backtest: tries a ruleset on what was logged, as if it had been live then.

Every logged decision of a period is judged again, by the candidate, from what was known at the
time. What the log does not hold is made good where that is exact, and otherwise left missing and
told of:

- A velocity that is new, or has the name of one but says something else, is read again from the
  velocity tables as it stood just before the purchase.
- A list that the live rules did not know is read as it is now, without what was added later.
- Everything else that was not logged, such as a score of a model that was not enabled, is missing.

All is read in one snapshot through a cursor, so memory does not grow with the period.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.catalogue import attributes_of
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.hindsight import SQL, TIMEOUT_MS, Hindsight, Past
from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.logs import attributes_of_facts
from paykeel.fraud.service import RETENTION_DAYS
from paykeel.fraud.trial import EXAMPLES_MAX, Case, Trial, category_of
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paykeel.db.pool import Connection, Database
    from paykeel.fraud.catalogue import Given
    from paykeel.fraud.ruleset import Ruleset

    Progress = Callable[[int, int], None]

AUTHOR_CHARACTERS_MAX = 100
PAGE_ROWS = 500
PERIOD_DAYS_MAX = 3_650
EXAMPLES = 5
#: Ids of log rows begin with the time at which they were made, by whichever machine made them.
ID_SLACK = timedelta(days=1)
#: For so long velocity entries are kept at least.
ENTRIES_KEPT = timedelta(days=RETENTION_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when, and until when (not including it), purchases are judged again."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Refuse what is no period."""
        if not self.since < self.until:
            raise InvalidField("since", "period_empty", "The period must begin before it ends.")
        if self.until - self.since > timedelta(days=PERIOD_DAYS_MAX):
            raise InvalidField("since", "period_too_long", f"At most {PERIOD_DAYS_MAX} days.")


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a backtest found. ``document`` is values for JSON, amounts in minor units."""

    backtest_id: UUID | None
    document: Mapping[str, Any]


class Backtests:
    """Tries rulesets on the past, and keeps what was found."""

    def __init__(self, database: Database, *, entries_kept: timedelta = ENTRIES_KEPT) -> None:
        """Take the database, and for how long velocity entries are kept."""
        self._database = database
        self._entries_kept = entries_kept

    async def run(
        self,
        ruleset: Ruleset,
        *,
        merchant_id: UUID,
        period: Period,
        store_as: str | None = None,
        examples_max: int = EXAMPLES,
        on_progress: Progress | None = None,
    ) -> BacktestReport:
        """Judge every decision of a period again, and report the difference.

        Args:
            ruleset: A checked ruleset; it need not be stored.
            merchant_id: Whose past.
            period: Which part of it.
            store_as: Who runs it; the report is kept under this name. None: it is not kept.
            examples_max: How many payments are listed for each rule and each difference.
            on_progress: Called after each page with how many were judged, of how many.

        Raises:
            NotFound: There is no such merchant.
            InvalidField: The author is no text, or ``examples_max`` is out of range.
        """
        if store_as is not None:
            check_text(store_as, "author", AUTHOR_CHARACTERS_MAX)
        if not 0 <= examples_max <= EXAMPLES_MAX:
            raise InvalidField("examples", "limit_out_of_range", f"At most {EXAMPLES_MAX}.")
        # In a thread: the largest ruleset takes seconds to compile.
        run = await asyncio.to_thread(_Run, ruleset, merchant_id, self._entries_kept, examples_max)
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            document = await run.run(connection, period, on_progress)
        if store_as is None:
            return BacktestReport(None, document)
        row = await self._database.fetchrow(
            SQL["add_backtest"],
            merchant_id=merchant_id,
            backtest_id=new_id(),
            ruleset=ruleset.name,
            sha256=bytes.fromhex(ruleset.sha256),
            since=period.since,
            until=period.until,
            decisions=document["decisions"],
            report=json.dumps(document, ensure_ascii=False, allow_nan=False),
            author=store_as,
        )
        backtest_id = None if row is None else row["backtest_id"]
        return BacktestReport(backtest_id, {**document, "backtest": str(backtest_id)})


class _Run:
    """One backtest while it runs."""

    def __init__(
        self, ruleset: Ruleset, merchant_id: UUID, entries_kept: timedelta, examples_max: int
    ) -> None:
        engine = CelEngine()
        self._merchant_id = merchant_id
        self._entries_kept = entries_kept
        self._ruleset = ruleset
        self._compiled = compile_ruleset(ruleset, engine)
        self._types = attributes_of(ruleset)
        self._trial = Trial(ruleset, examples_max=examples_max)
        self._hindsight = Hindsight(self._compiled, merchant_id, engine)

    async def run(
        self, connection: Connection, period: Period, on_progress: Progress | None
    ) -> dict[str, Any]:
        """Judge page by page; return the report."""
        setup = await fetch_on(
            connection, SQL["backtest_setup"], {"merchant_id": self._merchant_id}
        )
        if not setup:
            raise NotFound("There is no such merchant.")
        horizon = setup[0]["read_at"] - self._entries_kept
        if setup[0]["merchant_since"] < horizon:
            self._hindsight.whole_since = horizon
        values = {
            "merchant_id": self._merchant_id,
            "id_min": first_id(period.since - ID_SLACK),
            "id_max": first_id(period.until + ID_SLACK),
            "since": period.since,
            "until": period.until,
        }
        (counts,) = await fetch_on(connection, SQL["count_decisions"], values, TIMEOUT_MS)
        total = counts["decisions"]
        past = SQL["past_decisions"]
        arguments = past.arguments({**values, "known_by": setup[0]["read_at"]})
        started = time.monotonic_ns()
        judging_ns = 0
        cursor = await connection.cursor(past.text, *arguments, timeout=TIMEOUT_MS / 1000)
        while rows := await cursor.fetch(PAGE_ROWS, timeout=TIMEOUT_MS / 1000):
            judging_ns += await self._page(connection, rows)
            if on_progress is not None:
                on_progress(self._trial.decisions, total)
        took_ms = (time.monotonic_ns() - started) // 1_000_000
        return {
            "ruleset": self._ruleset.name,
            "sha256": self._ruleset.sha256,
            "since": period.since.isoformat(),
            "until": period.until.isoformat(),
            "labels_known_by": setup[0]["read_at"].isoformat(),
            "reference_currency": setup[0]["reference_currency"],
            **self._trial.document(),
            "left_out": {"refused": counts["refused"], "unjudged": counts["unjudged"]},
            **self._hindsight.document(),
            "took_ms": took_ms,
            "decisions_per_s": self._trial.decisions * 1_000 // max(1, took_ms),
            "judged_per_s": self._trial.decisions * 1_000_000_000 // max(1, judging_ns),
        }

    async def _page(self, connection: Connection, rows: Sequence[Any]) -> int:
        """Judge a page; return for how many nanoseconds the judge worked."""
        page = [Past(row, attributes_of_facts(row["facts"], self._types)) for row in rows]
        await self._hindsight.complete(connection, page)
        began = time.perf_counter_ns()
        judged = [judge(self._compiled, one.attributes) for one in page]
        took_ns = time.perf_counter_ns() - began
        for one, judgement in zip(page, judged, strict=True):
            self._trial.add(_case(one.row, one.attributes), judgement)
        # Whoever else uses this loop gets a turn.
        await asyncio.sleep(0)
        return took_ns


def _case(row: Any, attributes: Mapping[str, Given]) -> Case:
    amount_ref = attributes.get("payment.amount_ref")
    return Case(
        payment_id=row["payment_id"],
        decided=row["decision"],
        category=category_of(
            decided=row["decision"],
            status=row["status"],
            label=row["label"],
            captured=row["amount_captured"],
            refunded=row["amount_refunded"],
        ),
        label=row["label"],
        amount=row["amount"],
        currency=row["currency"],
        amount_ref=amount_ref if isinstance(amount_ref, int) else None,
    )


def first_id(at: datetime) -> UUID:
    """Return an id that is not larger than any that was made at this time."""
    return UUID(int=max(0, int(at.timestamp() * 1_000)) << 80)
