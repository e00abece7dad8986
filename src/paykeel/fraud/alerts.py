"""AlertService: lists alerts, and lets people acknowledge them.

An alert is one row with a count for all that is alike, until a person has seen it. The worker
finds and counts them: :mod:`paykeel.fraud.alert_watch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.errors import InvalidField, NotFound, Refused
from paykeel.fraud.alert_watch import SQL, AlertWatch
from paykeel.fraud.alerting import reason_of
from paykeel.fraud.logs import instant_text
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.db.pool import Database
    from paykeel.fraud.alerting import Thresholds

STATUSES = ("open", "acknowledged")
ROWS_MAX = 100
AUTHOR_CHARACTERS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that goes on, or went on until somebody saw it."""

    merchant_id: UUID
    alert_id: UUID
    kind: str
    dedupe_key: str
    #: ``open`` or ``acknowledged``.
    status: str
    facts: Mapping[str, Any]
    first_at: datetime
    last_at: datetime
    count: int
    acknowledged_by: str | None
    acknowledged_at: datetime | None

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "fraud_alert",
            "id": str(self.alert_id),
            "kind": self.kind,
            "reason": reason_of(self.dedupe_key),
            "status": self.status,
            "count": self.count,
            "first_at": instant_text(self.first_at),
            "last_at": instant_text(self.last_at),
            "facts": self.facts,
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_at": self.acknowledged_at and instant_text(self.acknowledged_at),
        }


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts, and where the next page begins."""

    alerts: tuple[Alert, ...]
    #: ``None``: there are no more.
    next_cursor: str | None


class AlertService:
    """Finds, lists and acknowledges alerts."""

    def __init__(self, database: Database, thresholds: Thresholds) -> None:
        """Take the database, and from when on something is an alert."""
        self._database = database
        self._watch = AlertWatch(database, thresholds)

    async def look(self) -> bool:
        """Find and count alerts once, of all merchants: the worker's pass.

        Returns:
            Whether more waits: no worker ran for long, and what was stopped meanwhile is counted
            so many rows at a time.
        """
        return await self._watch.look()

    async def list(
        self,
        merchant_id: UUID,
        status: str | None = None,
        cursor: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> AlertPage:
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
        alerts = tuple(Alert(**row) for row in rows[:rows_max])
        return AlertPage(alerts, alerts[-1].alert_id.hex if len(rows) > rows_max else None)

    async def list_open(self, rows_max: int = ROWS_MAX) -> Sequence[Alert]:
        """Return the oldest open alerts, of all merchants."""
        rows = await self._database.fetch(SQL["list_open_alerts"], rows_max=rows_max)
        return [Alert(**row) for row in rows]

    async def get(self, merchant_id: UUID, alert_id: UUID) -> Alert:
        """Return one alert.

        Raises:
            NotFound: This merchant has none such.
        """
        row = await self._database.fetchrow(
            SQL["get_alert"], merchant_id=merchant_id, alert_id=alert_id
        )
        if row is None:
            raise NotFound("There is no such alert.")
        return Alert(**row)

    async def acknowledge(self, merchant_id: UUID, alert_id: UUID, author: str) -> Alert:
        """Say that a person has seen an alert; what follows makes a new one.

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
            return Alert(**row)
        alert = await self.get(merchant_id, alert_id)
        if alert.acknowledged_by != author:
            raise Refused(
                "Somebody else has acknowledged this alert.",
                code="alert_acknowledged",
                acknowledged_by=alert.acknowledged_by,
            )
        return alert
