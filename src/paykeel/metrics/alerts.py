"""MetricAlertService: lists alerts on metrics, and lets people acknowledge them.

An alert is one row from its beginning until it is over; the worker opens and resolves them:
:mod:`paykeel.metrics.alert_watch`. To acknowledge one says that somebody looks after it, and ends
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.errors import InvalidField, NotFound, Refused
from paykeel.metrics.alert_rules import subject_of
from paykeel.metrics.alert_watch import SQL, MetricAlertWatch
from paykeel.metrics.asking import instant
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.db.pool import Database
    from paykeel.metrics.alert_watch import Watching

STATUSES = ("open", "acknowledged", "resolved")
ROWS_MAX = 100
AUTHOR_CHARACTERS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAlert:
    """Something that a rule found, and how it stands."""

    merchant_id: UUID
    alert_id: UUID
    rule: str
    dedupe_key: str
    #: ``open``, ``acknowledged`` while it goes on, or ``resolved``.
    status: str
    facts: Mapping[str, Any]
    opened_at: datetime
    #: When it was last seen to hold.
    last_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "metric_alert",
            "id": str(self.alert_id),
            "rule": self.rule,
            "subject": subject_of(self.dedupe_key),
            "status": self.status,
            "opened_at": instant(self.opened_at),
            "last_at": instant(self.last_at),
            "facts": self.facts,
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_at": self.acknowledged_at and instant(self.acknowledged_at),
            "resolved_at": self.resolved_at and instant(self.resolved_at),
        }


@dataclass(frozen=True, slots=True)
class MetricAlertPage:
    """Some alerts, and where the next page begins."""

    alerts: tuple[MetricAlert, ...]
    #: ``None``: there are no more.
    next_cursor: str | None


class MetricAlertService:
    """Finds, lists and acknowledges alerts on metrics."""

    def __init__(self, database: Database, watching: Watching) -> None:
        """Take the database, and how the rules look."""
        self._database = database
        self._watch = MetricAlertWatch(database, watching)

    async def look(self) -> int:
        """Look once at all merchants: the worker's pass; return how many alerts it changed."""
        return await self._watch.look()

    async def list(
        self,
        merchant_id: UUID,
        status: str | None = None,
        cursor: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> MetricAlertPage:
        """Return a page of a merchant's alerts, newest first.

        Raises:
            InvalidField: The status or the cursor is wrong.
        """
        if status is not None and status not in STATUSES:
            raise InvalidField("status", "choice_unknown", f"Use one of: {', '.join(STATUSES)}.")
        try:
            before = None if cursor is None else UUID(hex=cursor)
        except ValueError as error:
            raise InvalidField(
                "cursor", "cursor_malformed", "Take the cursor from the page before."
            ) from error
        rows = await self._database.fetch(
            SQL["list_alerts"],
            merchant_id=merchant_id,
            status=status,
            before=before,
            rows_max=rows_max + 1,
        )
        alerts = tuple(MetricAlert(**row) for row in rows[:rows_max])
        return MetricAlertPage(alerts, alerts[-1].alert_id.hex if len(rows) > rows_max else None)

    async def list_open(self, rows_max: int = ROWS_MAX) -> Sequence[MetricAlert]:
        """Return the oldest alerts that nobody has seen, of all merchants."""
        rows = await self._database.fetch(SQL["list_open_alerts"], rows_max=rows_max)
        return [MetricAlert(**row) for row in rows]

    async def get(self, merchant_id: UUID, alert_id: UUID) -> MetricAlert:
        """Return one alert.

        Raises:
            NotFound: This merchant has none such.
        """
        row = await self._database.fetchrow(
            SQL["get_alert"], merchant_id=merchant_id, alert_id=alert_id
        )
        if row is None:
            raise NotFound("There is no such alert.")
        return MetricAlert(**row)

    async def acknowledge(self, merchant_id: UUID, alert_id: UUID, author: str) -> MetricAlert:
        """Say that a person looks after an alert; it goes on until it is over.

        The same person may say so again, and is answered alike.

        Raises:
            InvalidField: The author is missing or malformed.
            NotFound: This merchant has no such alert.
            Refused: ``alert_acknowledged``: somebody else was faster; ``data`` says who.
        """
        check_text(author, "author", AUTHOR_CHARACTERS_MAX)
        row = await self._database.fetchrow(
            SQL["acknowledge_alert"], merchant_id=merchant_id, alert_id=alert_id, author=author
        )
        if row is not None:
            return MetricAlert(**row)
        alert = await self.get(merchant_id, alert_id)
        if alert.acknowledged_by != author:
            raise Refused(
                "Somebody else has acknowledged this alert.",
                code="alert_acknowledged",
                acknowledged_by=alert.acknowledged_by,
            )
        return alert
