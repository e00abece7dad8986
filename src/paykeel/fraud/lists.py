"""Lists: values that are known for good or bad, stored as keys and never in the clear.

What purchases are looked up by is ``merchant_id`` and ``key``; an item whose ``expires_at`` is not
after the database's clock counts for nothing, whether or not it has been purged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from paykeel.db.sql import load
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.catalogue import BUILT_IN_LISTS, FIXED_KINDS
from paykeel.fraud.keys import normalise
from paykeel.fraud.logs import instant_text
from paykeel.texts import check_text, check_trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud.keys import KeyMaker

SQL = load("paykeel.fraud", "lists.sql")
ROWS_MAX = 100
#: How many values one statement stores.
ENTRIES_MAX = 1_000
PURGE_ROWS_MAX = 1_000
VALUE_CHARACTERS_MAX = 256
REASON_CHARACTERS_MAX = 200
AUTHOR_CHARACTERS_MAX = 100
#: One value has few keys, and is on few lists.
FOUND_MAX = 100

_CUSTOM_KIND = re.compile(r"custom\.[a-z][a-z0-9_]{0,39}", re.ASCII)
_BIN = re.compile(r"[0-9]{6}(?:[0-9]{2})?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_CURSOR = re.compile(r"([0-9a-f]{16})([0-9a-f]{16})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NETWORKS = ("/24", "/64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value to put on a list, checked and in the spelling under which it is counted."""

    kind: str
    value: str
    reason: str
    #: ``None``: for good.
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItem:
    """One key on one list; the value itself is not kept."""

    list: str
    key: int
    kind: str
    reason: str
    #: A person, or ``rule:<key>`` where a rule put it there for a while.
    author: str
    created_at: datetime
    expires_at: datetime | None

    @property
    def item_id(self) -> str:
        """Return the key as 16 hexadecimal digits, by which it can be named."""
        return id_of(self.key)

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "fraud_list_item",
            "id": self.item_id,
            "list": self.list,
            "kind": self.kind,
            "reason": self.reason,
            "author": self.author,
            "created_at": instant_text(self.created_at),
            "expires_at": self.expires_at and instant_text(self.expires_at),
        }


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some items of a list, and where the next page begins."""

    items: tuple[ListItem, ...]
    #: ``None``: there are no more.
    next_cursor: str | None


class FraudLists:
    """Puts values on lists, takes them off, and says which lists a value is on."""

    def __init__(self, database: Database, keys: KeyMaker) -> None:
        """Take the database, and what makes keys of values."""
        self._database = database
        self._keys = keys

    async def add(
        self, merchant_id: UUID, name: str, entry: Entry, author: str
    ) -> tuple[ListItem, ...]:
        """Put one value on a list, or write anew why it is there and until when.

        It is one item, or two while the secret of the keys is being changed.

        Raises:
            InvalidField: The author is malformed.
            NotFound: ``list_unknown``: no ruleset declares the list.
        """
        await self.check_list(merchant_id, name)
        return await self.put(merchant_id, name, [entry], author)

    async def put(
        self, merchant_id: UUID, name: str, entries: Sequence[Entry], author: str
    ) -> tuple[ListItem, ...]:
        """Put up to 1,000 values on a list at once; of a value that is there twice the last holds.

        The list is not checked: see `check_list`.
        """
        check_text(author, "author", AUTHOR_CHARACTERS_MAX)
        if len(entries) > ENTRIES_MAX:
            message = f"at most {ENTRIES_MAX} entries at once"
            raise ValueError(message)
        by_key = {
            key: entry
            for entry in entries
            for key in self._keys.every_key(merchant_id, entry.kind, entry.value)
        }
        # In one order, so that two who store the same values wait for each other and no more.
        rows = sorted(by_key.items())
        found = await self._database.fetch(
            SQL["put_items"],
            merchant_id=merchant_id,
            list=name,
            author=author,
            keys=[key for key, _ in rows],
            kinds=[entry.kind for _, entry in rows],
            reasons=[entry.reason for _, entry in rows],
            expiries=[entry.expires_at for _, entry in rows],
        )
        return tuple(ListItem(**row) for row in found)

    async def remove(self, merchant_id: UUID, name: str, kind: str, value: str) -> None:
        """Take a value off a list.

        Raises:
            InvalidField: The kind or the value is wrong.
            NotFound: It is not on it.
        """
        keys = self._keys_of(merchant_id, kind, value)
        await self._remove(merchant_id, name, keys)

    async def remove_item(self, merchant_id: UUID, name: str, item_id: str) -> None:
        """Take an item off a list by its id, without knowing the value.

        Raises:
            NotFound: There is none such.
        """
        if not _ID.fullmatch(item_id):
            raise NotFound(f"There is no such item on the list {name[:40]}.")
        await self._remove(merchant_id, name, (_signed(int(item_id, 16)),))

    async def _remove(self, merchant_id: UUID, name: str, keys: tuple[int, ...]) -> None:
        rows = await self._database.fetch(
            SQL["remove_items"], merchant_id=merchant_id, list=name, keys=list(keys)
        )
        if not rows:
            raise NotFound(f"There is no such item on the list {name[:40]}.")

    async def find(self, merchant_id: UUID, kind: str, value: str) -> tuple[ListItem, ...]:
        """Return where a value is on a list now.

        Raises:
            InvalidField: The kind or the value is wrong.
        """
        keys = self._keys_of(merchant_id, kind, value)
        rows = await self._database.fetch(
            SQL["find_items"], merchant_id=merchant_id, keys=list(keys), rows_max=FOUND_MAX
        )
        return tuple(ListItem(**row) for row in rows)

    async def show(
        self, merchant_id: UUID, name: str, cursor: str | None = None, rows_max: int = ROWS_MAX
    ) -> ItemPage:
        """Return a page of what is on a list now, newest first.

        Raises:
            InvalidField: The cursor is malformed.
            NotFound: ``list_unknown``: no ruleset declares the list.
        """
        before_at, before_key = _read_cursor(cursor)
        await self.check_list(merchant_id, name)
        rows = await self._database.fetch(
            SQL["list_items"],
            merchant_id=merchant_id,
            list=name,
            before_at=before_at,
            before_key=before_key,
            rows_max=rows_max + 1,
        )
        items = tuple(ListItem(**row) for row in rows[:rows_max])
        return ItemPage(items, _cursor(items[-1]) if len(rows) > rows_max else None)

    async def check_list(self, merchant_id: UUID, name: str) -> None:
        """Refuse a list that is neither built in nor declared by any ruleset of the merchant.

        Raises:
            NotFound: ``list_unknown``.
        """
        if name in BUILT_IN_LISTS:
            return
        check_text(name, "list", VALUE_CHARACTERS_MAX)
        rows = await self._database.fetch(
            SQL["declared_lists"], merchant_id=merchant_id, lists=[name]
        )
        if not rows:
            known = ", ".join(BUILT_IN_LISTS)
            raise NotFound(
                f"No ruleset declares this list; {known} are always there.", code="list_unknown"
            )

    async def purge(self) -> int:
        """Remove a bounded number of items that have expired; return how many it were."""
        rows = await self._database.fetch(SQL["purge_items"], rows_max=PURGE_ROWS_MAX)
        return len(rows)

    def _keys_of(self, merchant_id: UUID, kind: str, value: str) -> tuple[int, ...]:
        return self._keys.every_key(merchant_id, check_kind(kind), spell(kind, value))


def read_entry(given: Mapping[str, Any], now: datetime) -> Entry:
    """Read one entry from text fields: kind, value, reason and, if it is to end, expires_at.

    Raises:
        InvalidField: Says which field, and how it is wrong.

    >>> given = {"kind": "email", "value": "Ann@Example.org", "reason": "chargebacks"}
    >>> read_entry(given, datetime(2026, 11, 23, tzinfo=UTC)).value
    'ann@example.org'
    """
    for name in given:
        if name not in {"kind", "value", "reason", "expires_at"}:
            raise InvalidField(name[:64], "field_unknown", "This field is not known.")
    for name in ("kind", "value", "reason"):
        if given.get(name) in (None, ""):
            raise InvalidField(name, "field_required", f"The field {name} is missing.")
    kind = check_kind(given["kind"])
    return Entry(
        kind=kind,
        value=spell(kind, given["value"]),
        reason=check_text(given["reason"], "reason", REASON_CHARACTERS_MAX),
        expires_at=_expiry(given.get("expires_at"), now),
    )


def check_kind(kind: object) -> str:
    """Return a kind of key: one of the fixed ones, or ``custom.<name>``."""
    if isinstance(kind, str) and (kind in FIXED_KINDS or _CUSTOM_KIND.fullmatch(kind)):
        return kind
    message = f"It is one of {', '.join(FIXED_KINDS)} or custom.<name>."
    raise InvalidField("kind", "choice_unknown", message)


def spell(kind: str, value: object) -> str:
    """Return a value in the one spelling in which purchases are counted.

    Raises:
        InvalidField: It cannot be a value of this kind.

    >>> spell("ip_network", "203.0.113.77"), spell("ip", "::ffff:203.0.113.9")
    ('203.0.113.0/24', '203.0.113.9')
    """
    text = check_trimmed(value, "value", VALUE_CHARACTERS_MAX)
    if kind == "bin" and not _BIN.fullmatch(text):
        raise InvalidField("value", "bin_malformed", "A BIN has six or eight digits.")
    if kind in {"email", "email_domain"} and not text.rpartition("@")[2].isascii():
        raise InvalidField("value", "email_malformed", "A domain is ASCII: write xn--….")
    if kind == "email" and text.count("@") != 1:
        raise InvalidField("value", "email_malformed", "An e-mail address has one @.")
    if kind == "email_domain" and "@" in text:
        raise InvalidField("value", "email_malformed", "A domain is what follows the @.")
    if kind == "ip_network" and "/" in text and not text.endswith(_NETWORKS[":" in text]):
        raise InvalidField("value", "network_malformed", "A network is a /24, or a /64 of IPv6.")
    try:
        return normalise(kind, text)
    except ValueError as error:
        raise InvalidField(
            "value", "ip_malformed", "This must be an IPv4 or IPv6 address."
        ) from error


def id_of(key: int) -> str:
    """Return a key as 16 hexadecimal digits.

    >>> id_of(-1)
    'ffffffffffffffff'
    """
    return f"{key & 0xFFFF_FFFF_FFFF_FFFF:016x}"


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _expiry(value: object, now: datetime) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None or not 1970 <= at.year <= 9_998:
        raise InvalidField(
            "expires_at", "instant_malformed", "Write an instant like 2026-11-23T09:30:00Z."
        )
    if at <= now:
        raise InvalidField("expires_at", "instant_in_past", "This must lie ahead.")
    return at.astimezone(UTC)


def _cursor(item: ListItem) -> str:
    return f"{(item.created_at - _EPOCH) // _MICROSECOND:016x}{id_of(item.key)}"


def _read_cursor(cursor: str | None) -> tuple[datetime | None, int | None]:
    if cursor is None:
        return None, None
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is not None:
            return _EPOCH + int(found[1], 16) * _MICROSECOND, _signed(int(found[2], 16))
    except OverflowError:
        found = None
    raise InvalidField("cursor", "cursor_malformed", "Take the cursor from the page before.")
