"""PaymentMetricsService: asks the rollups, and answers with figures, periods and formulas."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from paykeel.db.sql import load
from paykeel.errors import InvalidField, NotFound
from paykeel.metrics import answers
from paykeel.metrics.answers import NOW
from paykeel.metrics.asking import SETTLED_AFTER, USUAL, Asked, GroupBy, ask
from paykeel.metrics.figures import by_place, takings
from paykeel.metrics.frauds import STOPPED_ROWS_MAX, Stopped, Waiting, fraud, month_of, vamp
from paykeel.metrics.levels import Watermarks
from paykeel.metrics.periods import FIRST_INSTANT, Period
from paykeel.metrics.reading import SQL as READING
from paykeel.metrics.reading import read_latencies, read_series
from paykeel.metrics.reference import REFERENCE_DAYS_MAX, DatedRate, Rates, in_reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.metrics.asking import Question
    from paykeel.metrics.reading import Counted, Timed

SQL = load("paykeel.metrics", "answers.sql")
#: Where all time begins: what happened earlier than the first instant that can be asked for.
_ORIGIN = FIRST_INSTANT - timedelta(days=1)

Document = dict[str, Any]
_SPLITS = (GroupBy.ROLE, GroupBy.CURRENCY, GroupBy.GATEWAY)
#: The answers that tell of durations.
_TIMED = {"summary", "timeseries", "latency"}
#: By what each answer can be split.
GROUPS: dict[str, tuple[GroupBy, ...]] = {
    "summary": _SPLITS,
    "timeseries": (*_SPLITS, GroupBy.REASON),
    "failures": _SPLITS,
    "latency": (GroupBy.ROLE, GroupBy.GATEWAY),
    "revenue": _SPLITS,
    "fraud": (),
}


class PaymentMetricsService:
    """Reads the rollups, and answers what is asked of them.

    Every answer is a document for JSON with its period, the period of equal length before it, the
    instant up to which everything is surely counted, and the formulas of its figures.
    """

    def __init__(
        self,
        database: Database,
        *,
        settled_after: timedelta = SETTLED_AFTER,
        flushed_after: timedelta = SETTLED_AFTER,
    ) -> None:
        """Take the database, and how long ago what happened is counted, and durations are."""
        self._database = database
        self._settled_after = settled_after
        self._flushed_after = flushed_after

    async def _question(self, kind: str, merchant_id: UUID, asked: Asked) -> Question:
        """Return what is asked, checked, at the present instant; ``kind`` names an answer."""
        (row,) = await self._database.fetch(READING["metrics_present"], merchant_id=merchant_id)
        marks = dict(row)
        now = marks.pop("now")
        self._database.observe(now)
        return ask(
            now,
            asked,
            GROUPS[kind],
            known=Watermarks(**marks),
            cut=kind == "timeseries",
            settled_after=self._flushed_after if kind in _TIMED else self._settled_after,
        )

    async def summary(self, merchant_id: UUID, asked: Asked = USUAL) -> Document:
        """Return how a period went, in one document."""
        question = await self._question("summary", merchant_id, asked)
        rows = await self._pieces(merchant_id, question)
        timed = await self._both(merchant_id, question)
        waiting = await self._waiting(merchant_id)
        document = answers.summary(question, rows, timed, waiting.document(question.asked_at))
        return answers.told(question, document)

    async def timeseries(self, merchant_id: UUID, asked: Asked = USUAL) -> Document:
        """Return the figures of each piece of a period, at most 120 of them."""
        question = await self._question("timeseries", merchant_id, asked)
        rows = await read_series(self._database, merchant_id, question.cuts, question.filters)
        timed = await self._timed(merchant_id, question, question.cuts)
        return answers.timeseries(question, rows, timed)

    async def failures(self, merchant_id: UUID, asked: Asked = USUAL) -> Document:
        """Return why purchases failed, who can mend it, and whether trying again can help."""
        question = await self._question("failures", merchant_id, asked)
        rows = await self._pieces(merchant_id, question)
        return answers.told(question, answers.failures(question, rows))

    async def latency(self, merchant_id: UUID, asked: Asked = USUAL) -> Document:
        """Return how long each stage took: number, mean and percentiles.

        Raises:
            InvalidField: ``latency_has_no_currency``: durations are not kept by currency.
        """
        question = await self._question("latency", merchant_id, asked)
        timed = await self._both(merchant_id, question)
        if timed is None:
            raise InvalidField(
                "currency", "latency_has_no_currency", "Durations are not kept by currency."
            )
        return answers.told(question, answers.latencies(question, timed))

    async def revenue(
        self, merchant_id: UUID, asked: Asked = USUAL, *, reference: bool = False
    ) -> Document:
        """Return what came in and went back, each currency by itself.

        Args:
            merchant_id: Whose.
            asked: Period, filters and grouping.
            reference: Whether to tell all of it in the merchant's reference currency, too.

        Raises:
            InvalidField: ``period_too_long``: in the reference currency at most a year is told.
        """
        question = await self._question("revenue", merchant_id, asked)
        rows = await self._pieces(merchant_id, question)
        whole = await self._in_reference(merchant_id, question, rows) if reference else None
        return answers.told(question, answers.revenues(question, rows, whole))

    async def fraud(self, merchant_id: UUID, asked: Asked = USUAL) -> Document:
        """Return what fraud prevention stopped, what waits for a person, and the month's ratio."""
        question = await self._question("fraud", merchant_id, asked)
        rows = await self._pieces(merchant_id, question)
        found = await self._database.fetch(
            SQL["stopped_by_reason"],
            merchant_id=merchant_id,
            since=question.period.since,
            until=question.period.until,
            roles=question.filters.roles,
            currencies=question.filters.currencies,
            gateways=question.filters.gateways,
            rows_max=STOPPED_ROWS_MAX,
        )
        document = fraud(
            question,
            rows,
            [Stopped(**row) for row in found],
            await self._waiting(merchant_id),
            await self._month(merchant_id, question.period),
        )
        return answers.told(question, document)

    async def _pieces(self, merchant_id: UUID, question: Question) -> list[Counted]:
        """Read all that was earlier, the period before, and the period: three pieces.

        Without a period before, all that was earlier is one piece, and the second is empty.
        """
        rows = await read_series(
            self._database, merchant_id, [_ORIGIN, *question.both], question.filters
        )
        if question.comparison is not None:
            return rows
        return [replace(row, place=NOW) if row.place else row for row in rows]

    async def _both(self, merchant_id: UUID, question: Question) -> list[Timed] | None:
        """Read the durations of the period before, if there is one, and of the period."""
        timed = await self._timed(merchant_id, question, question.both)
        if timed is None or question.comparison is not None:
            return timed
        return [replace(row, place=1) for row in timed]

    async def _timed(
        self, merchant_id: UUID, question: Question, cuts: Sequence[datetime]
    ) -> list[Timed] | None:
        """Read durations; nothing where currencies are chosen, since they are not kept by them."""
        if question.filters.currencies is not None:
            return None
        return await read_latencies(self._database, merchant_id, cuts, question.filters)

    async def _waiting(self, merchant_id: UUID) -> Waiting:
        (row,) = await self._database.fetch(SQL["waiting_for_people"], merchant_id=merchant_id)
        return Waiting(**row)

    async def _month(self, merchant_id: UUID, period: Period) -> Document:
        since, until = month_of(period.until)
        rows = await read_series(self._database, merchant_id, [since, until])
        (found,) = await self._database.fetch(
            SQL["fraud_reports_of"], merchant_id=merchant_id, since=since, until=until
        )
        return vamp(since, rows, found["fraud_reports"], found["disputes_labelled"])

    async def _in_reference(
        self, merchant_id: UUID, question: Question, rows: Sequence[Counted]
    ) -> Document:
        period = question.period
        if period.until - period.since > timedelta(days=REFERENCE_DAYS_MAX):
            raise InvalidField(
                "since",
                "period_too_long",
                f"In the reference currency at most {REFERENCE_DAYS_MAX} days.",
            )
        both = Period(question.both[0], period.until)
        rates = await self._rates(merchant_id, both, [row for row in rows if row.place])
        cuts = sorted({*rates.cuts(both), period.since})
        pieces = await read_series(self._database, merchant_id, cuts, question.filters)
        return in_reference(rates, cuts, by_place(pieces, len(cuts) - 1), period.since)

    async def _rates(self, merchant_id: UUID, period: Period, rows: Sequence[Counted]) -> Rates:
        found = await self._database.fetch(
            SQL["reference_rates_of"],
            merchant_id=merchant_id,
            currencies=list(takings(rows)),
            first_day=period.since.date(),
            last_day=period.until.date(),
        )
        dated: dict[str, list[DatedRate]] = {}
        for row in found:
            if row["currency"] is not None:
                rate = DatedRate(row["currency"], row["effective_on"], row["rate"])
                dated.setdefault(rate.currency, []).append(rate)
        if not found:
            raise NotFound("There is no such merchant.")
        return Rates(found[0]["reference_currency"], dated)
