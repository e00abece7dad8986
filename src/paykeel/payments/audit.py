"""The audit: history replays to the present, or every difference is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load

if TYPE_CHECKING:
    from paykeel.db.pool import Database
    from paykeel.merchants import MerchantService

SQL = {**load("paykeel.payments", "audit.sql"), **load("paykeel.metrics", "audit.sql")}

#: At most so many differences of one kind are listed for one merchant.
ROWS_MAX = 1_000
MERCHANTS_PAGE = 100
#: An audit reads everything, and may take its time.
TIMEOUT_MS = 3_600_000

CHECKS = (
    "audit_payments",
    "audit_chain",
    "audit_metrics",
    "audit_watched",
    "audit_reviews",
    "audit_refunds",
    "audit_refund_facts",
    "audit_refund_notices",
    "audit_answers",
    "audit_fraud_log",
)


#: What is no error, but waits for a person.
OPEN_CHECKS = ("audit_unknown", "audit_late_money", "audit_open_notices")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as history says, or that waits for a person."""

    #: Which check found it: ``payments``, ``chain``, ``metrics``, ``watched``, ``answers``, …
    kind: str
    merchant_id: UUID
    payment_id: UUID | None
    detail: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit saw."""

    merchants: int
    payments: int
    events: int
    differences: tuple[Difference, ...]
    #: No errors: what waits for a person.
    open_items: tuple[Difference, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


class Auditor:
    """Recomputes every status, amount and metric from ``payment_events``."""

    def __init__(
        self,
        database: Database,
        merchants: MerchantService,
        *,
        looks_min: int,
    ) -> None:
        """Take the database, the list of merchants, and after how many looks a person is needed."""
        self._database = database
        self._looks_min = looks_min
        self._merchants = merchants

    async def audit(self, merchant_id: UUID | None = None) -> AuditReport:
        """Audit one merchant, or all; each is read in one snapshot.

        Raises:
            NotFound: There is no such merchant.
        """
        if merchant_id is not None:
            merchants = [(await self._merchants.get(merchant_id)).merchant_id]
        else:
            merchants = await self._all_merchants()
        payments = events = 0
        differences: list[Difference] = []
        open_items: list[Difference] = []
        for merchant in merchants:
            counts, found, waiting = await self._audit_merchant(merchant)
            payments += counts[0]
            events += counts[1]
            differences += found
            open_items += waiting
        return AuditReport(len(merchants), payments, events, tuple(differences), tuple(open_items))

    async def _all_merchants(self) -> list[UUID]:
        ids: list[UUID] = []
        while page := await self._merchants.list(ids[-1] if ids else None, MERCHANTS_PAGE):
            ids += [merchant.merchant_id for merchant in page]
        return ids

    async def _audit_merchant(
        self, merchant_id: UUID
    ) -> tuple[tuple[int, int], list[Difference], list[Difference]]:
        """Run every check in one snapshot, so that purchases going on meanwhile do not show."""
        found: list[Difference] = []
        waiting: list[Difference] = []
        values = {
            "merchant_id": merchant_id,
            "rows_max": ROWS_MAX,
            "looks_min": self._looks_min,
        }
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await fetch_on(connection, SQL["audit_setup"], {})
            (counts,) = await fetch_on(
                connection, SQL["audit_counts"], {"merchant_id": merchant_id}, TIMEOUT_MS
            )
            for check in (*CHECKS, *OPEN_CHECKS):
                named = SQL[check].parameters
                given = {name: value for name, value in values.items() if name in named}
                rows = await fetch_on(connection, SQL[check], given, TIMEOUT_MS)
                kind = check.removeprefix("audit_")
                into = waiting if check in OPEN_CHECKS else found
                into += [
                    Difference(kind, merchant_id, row["payment_id"], row["detail"]) for row in rows
                ]
        return (counts["payments"], counts["events"]), found, waiting
