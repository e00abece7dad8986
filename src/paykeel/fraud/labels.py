"""LabelService: what turned out afterwards, with the time at which it became known.

Labels are history: one is added, none is changed, and the one that became known last holds. The
time keeps trials on the past honest: nothing is judged, and no model is fitted, by what was not
known yet. A chargeback counts as a dispute under each key of its payment from that time on, so
that rules can count disputes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.db.sql import load
from paykeel.errors import InvalidField, NotFound
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.db.pool import Database

SQL = load("paykeel.fraud", "labels.sql")

AUTHOR_CHARACTERS_MAX = 100
#: As for payments: the merchant's own name for an order.
REFERENCE_CHARACTERS_MAX = 128
#: Labels of one payment, and labels that one statement adds.
LABELS_MAX = 100
BATCH_ROWS_MAX = 500
#: Purchases for one order among which the one that took money is looked for.
REFERENCES_MAX = 100
#: Instants are kept far from where a calendar ends.
YEARS = range(1970, 9_999)


class Label(StrEnum):
    """What a payment turned out to be."""

    FRAUD = "fraud"
    GENUINE = "genuine"


class Source(StrEnum):
    """Who says so."""

    #: The issuer took the money back.
    CHARGEBACK = "chargeback"
    #: The issuer or a card network suspects it.
    EARLY_WARNING = "early_warning"
    #: Somebody of the merchant's looked at it.
    REVIEW = "review"
    #: The buyer, or whoever owns the card.
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class FraudLabel:
    """One label of one payment."""

    payment_id: UUID
    label_id: UUID
    label: str
    source: str
    known_at: datetime
    created_by: str
    created_at: datetime

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "fraud_label",
            "id": str(self.label_id),
            "payment_id": str(self.payment_id),
            "label": self.label,
            "source": self.source,
            "known_at": _text(self.known_at),
            "created_by": self.created_by,
            "created_at": _text(self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLabel:
    """A label to be added, to the payment of this id or, without one, of this reference."""

    label: str
    source: str
    payment_id: UUID | None = None
    reference: str | None = None
    #: None: now, or when the same source said the same before.
    known_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the database."""
        # What came from outside need not be text.
        given: tuple[tuple[object, str, type[StrEnum]], ...] = (
            (self.label, "label", Label),
            (self.source, "source", Source),
        )
        for value, name, choices in given:
            if not isinstance(value, str) or value not in set(choices):
                raise InvalidField(name, "choice_unknown", f"Use one of: {', '.join(choices)}.")
        if (self.payment_id is None) == (self.reference is None):
            raise InvalidField(
                "payment_id", "field_required", "Give either payment_id or reference."
            )
        if self.reference is not None:
            check_text(self.reference, "reference", REFERENCE_CHARACTERS_MAX)
        at = self.known_at
        if at is not None and (at.utcoffset() is None or at.year not in YEARS):
            raise InvalidField("known_at", "instant_malformed", "An instant has an offset.")


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a label: ``added``, or there already, or why not (``code``)."""

    payment_id: UUID | None
    label_id: UUID | None
    added: bool
    code: str | None


#: Why the database refuses a label: the field, and what to say.
FAULTS = {
    "payment_unknown": ("payment_id", "There is no such payment."),
    "reference_ambiguous": (
        "reference",
        "Several payments have this reference, and not exactly one of them took money.",
    ),
    "known_at_in_future": ("known_at", "This lies in the future."),
    "known_at_before_payment": ("known_at", "This lies before the payment."),
    "labels_too_many": ("payment_id", f"A payment has at most about {LABELS_MAX} labels."),
}


def read_instant(text: object, name: str) -> datetime:
    """Return an instant that was written as RFC 3339.

    Raises:
        InvalidField: ``instant_malformed``.

    >>> read_instant("2026-11-23T09:30:00Z", "known_at").isoformat()
    '2026-11-23T09:30:00+00:00'
    """
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.utcoffset() is None or instant.year not in YEARS:
        raise InvalidField(name, "instant_malformed", "Write an instant like 2026-11-23T09:30:00Z.")
    return instant.astimezone(UTC)


class LabelService:
    """Adds labels, and lists them."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def add(
        self, label: NewLabel, *, merchant_id: UUID, author: str
    ) -> tuple[FraudLabel, bool]:
        """Add one label; return it, and whether it is new. A repetition changes nothing.

        Raises:
            NotFound: There is no such payment.
            InvalidField: ``known_at_in_future``, ``known_at_before_payment``,
                ``reference_ambiguous``, or the author is no text.
        """
        (added,) = await self.add_many([label], merchant_id=merchant_id, author=author)
        if added.code == "payment_unknown" or added.payment_id is None:
            if added.code == "reference_ambiguous":
                raise InvalidField(*_fault(added.code))
            raise NotFound("There is no such payment.")
        if added.code is not None:
            raise InvalidField(*_fault(added.code))
        found = await self.list(added.payment_id, merchant_id=merchant_id)
        return next(one for one in found if one.label_id == added.label_id), added.added

    async def add_many(
        self, labels: Sequence[NewLabel], *, merchant_id: UUID, author: str
    ) -> list[Added]:
        """Add many labels, in batches of one statement each; return what became of each, in order.

        One that is wrong does not keep the others out.
        """
        check_text(author, "author", AUTHOR_CHARACTERS_MAX)
        results: list[Added] = []
        for start in range(0, len(labels), BATCH_ROWS_MAX):
            part = labels[start : start + BATCH_ROWS_MAX]
            rows = await self._database.fetch(
                SQL["add_labels"],
                merchant_id=merchant_id,
                author=author,
                references_max=REFERENCES_MAX,
                labels_max=LABELS_MAX,
                numbers=list(range(len(part))),
                payment_ids=[one.payment_id for one in part],
                references=[one.reference for one in part],
                labels=[one.label for one in part],
                sources=[one.source for one in part],
                known_ats=[one.known_at for one in part],
            )
            results += [
                Added(row["payment_id"], row["label_id"], row["added"], row["fault"])
                for row in rows
            ]
        return results

    async def list(self, payment_id: UUID, *, merchant_id: UUID) -> list[FraudLabel]:
        """Return the labels of a payment in the order in which they became known.

        Raises:
            NotFound: There is no such payment.
        """
        rows = await self._database.fetch(
            SQL["list_labels"],
            merchant_id=merchant_id,
            payment_id=payment_id,
            rows_max=LABELS_MAX + BATCH_ROWS_MAX,
        )
        if not rows:
            (answer,) = await self._database.fetch(
                SQL["payment_is_there"], merchant_id=merchant_id, payment_id=payment_id
            )
            if not answer["found"]:
                raise NotFound("There is no such payment.")
        return [FraudLabel(**row) for row in rows]


def _fault(code: str) -> tuple[str, str, str]:
    field, message = FAULTS[code]
    return field, code, message


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
