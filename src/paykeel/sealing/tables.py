"""Which tables are sealed, and what of them stands beside the chain.

A table joins by one entry here and the six statements with its chain's name in ``queries.sql``. It
must be append-only, and its primary key ``merchant_id`` and a UUIDv7 that the process makes shortly
before it writes the row. Every column is chained unless it is named in ``beside``, so a column that
is added and forgotten here is protected and not left out.

Personal data is best kept out of a sealed table: a table of its own holds the clear value and its
salt, and may be erased, while the sealed row has the hash (``canonical.salted_hash``).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table whose rows are sealed."""

    #: The chain's name; it is hashed with every row, and never changes.
    chain: str
    table: str
    #: Columns that may change or be erased without breaking the chain.
    beside: frozenset[str] = field(default=frozenset())


#: Each names the hashes of the version, the text and the presentation that it answers.
TERMS = SealedTable("terms", "terms_acceptance")

#: What happened to versions and to personal data, which themselves may change.
TERMS_EVENTS = SealedTable("terms_events", "terms_events")

#: All of them, in the order in which they are sealed.
TABLES = (SealedTable("fraud", "fraud_prevention_logs"), TERMS, TERMS_EVENTS)
