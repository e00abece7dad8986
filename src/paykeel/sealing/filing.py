"""Chains in a file, to be verified anywhere and without a database.

One JSON document a line: first what the file is, then each seal with, below it, the rows that it
covers in their canonical form, and last how many there were::

    {"kind":"paykeel-seals","version":1,"exported_at":"…"}
    {"kind":"seal","seal":{"chain":"fraud",…},"hash":"…","signature":"…"}
    {"kind":"row","row_id":"…","leaf":"…","content":{…}}
    {"kind":"end","seals":1,"rows":1}

``content`` is null where the row was gone. The file holds what the rows hold: keep it as safely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from paykeel.errors import InvalidInput
from paykeel.sealing.canonical import read_json, read_time, write_json
from paykeel.sealing.chain import Head, Seal, SealedRow
from paykeel.sealing.checking import ChainCheck, ChainReport

FILE_KIND = "paykeel-seals"
FILE_VERSION = 1


def seal_lines(seal: Seal, rows: Iterable[SealedRow]) -> Iterator[str]:
    """Give the lines of one seal and its rows."""
    yield write_json(
        {
            "kind": "seal",
            "seal": seal.header(),
            "hash": seal.seal_hash.hex(),
            "signature": seal.signature.hex(),
        }
    )
    for row in rows:
        # The canonical text is put in as it is: it is JSON, and it is what was hashed.
        content = "null" if row.content is None else row.content
        yield (
            f'{{"content":{content},"kind":"row","leaf":"{row.leaf_hash.hex()}",'
            f'"row_id":"{row.row_id}"}}'
        )


def first_line(exported_at: str) -> str:
    """Return the line that says what the file is."""
    return write_json({"exported_at": exported_at, "kind": FILE_KIND, "version": FILE_VERSION})


def last_line(seals: int, rows: int) -> str:
    """Return the line that says that the file is whole."""
    return write_json({"kind": "end", "rows": rows, "seals": seals})


def read_seals(lines: Iterable[str]) -> Iterator[tuple[Seal, list[SealedRow]]]:
    """Read a file; one seal with its rows is in memory at a time.

    Raises:
        InvalidInput: ``export_malformed``, with the line; ``export_truncated``: its end is missing.
    """
    numbered = enumerate(lines, 1)
    number, line = next(numbered, (1, ""))
    head = _document(number, line)
    if head.get("kind") != FILE_KIND or head.get("version") != str(FILE_VERSION):
        raise _malformed(number, f"it is no {FILE_KIND} file of version {FILE_VERSION}")
    current: Seal | None = None
    rows: list[SealedRow] = []
    seals = total = 0
    for number, line in numbered:
        document = _document(number, line)
        match document.get("kind"):
            case "seal":
                if current is not None:
                    yield current, rows
                current, rows = _seal(number, document), []
                seals += 1
            case "row" if current is not None:
                rows.append(_row(number, document))
                total += 1
            case "end":
                if (document.get("seals"), document.get("rows")) != (str(seals), str(total)):
                    raise _malformed(number, "the end counts other seals and rows than there are")
                if next(numbered, None) is not None:
                    raise _malformed(number + 1, "there is more behind the end")
                if current is not None:
                    yield current, rows
                return
            case other:
                raise _malformed(number, f"{other!r} is not expected here")
    raise InvalidInput(
        f"The file ends after line {number}, without its last line.", code="export_truncated"
    )


def verify_file(
    lines: Iterable[str],
    *,
    trusted: frozenset[bytes] = frozenset(),
    heads: Iterable[Head] = (),
    accept_late: bool = False,
    merchant_id: UUID | None = None,
) -> list[ChainReport]:
    """Check every chain in a file, without a database.

    Args:
        lines: The file.
        trusted: Public keys whose signatures count; none: any key's that the seal carries.
        heads: Seals that the chains must hold.
        accept_late: Whether rows that came late are put up with.
        merchant_id: Only this one's.

    Raises:
        InvalidInput: ``export_malformed`` or ``export_truncated``.
    """
    checks: dict[tuple[UUID, str], ChainCheck] = {}
    known = list(heads)

    def check_of(whose: tuple[UUID, str]) -> ChainCheck:
        if whose not in checks:
            own = [head for head in known if (head.merchant_id, head.chain) == whose]
            checks[whose] = ChainCheck(*whose, trusted, own, accept_late)
        return checks[whose]

    for head in known:
        check_of((head.merchant_id, head.chain))
    for seal, rows in read_seals(lines):
        if merchant_id in {None, seal.merchant_id}:
            check_of((seal.merchant_id, seal.chain)).add(seal, rows)
    return [checks[whose].report() for whose in sorted(checks)]


def _document(number: int, line: str) -> dict[str, Any]:
    try:
        document = read_json(line, foreign=True)
    except (ValueError, RecursionError) as error:
        raise _malformed(number, "it is no JSON") from error
    if not isinstance(document, dict):
        raise _malformed(number, "it is no object")
    return document


def read_seal(document: Mapping[str, Any]) -> Seal:
    """Read a seal from JSON: ``seal`` with its header, ``hash`` and ``signature``.

    Raises:
        ValueError: Something is missing, malformed, or more than a seal says.
    """
    try:
        header = document["seal"]
        seal = Seal(
            merchant_id=UUID(header["merchant_id"]),
            chain=str(header["chain"]),
            seal_no=int(header["seal_no"]),
            form=int(header["form"]),
            previous_hash=bytes.fromhex(header["previous_hash"]),
            row_count=int(header["row_count"]),
            rows_total=int(header["rows_total"]),
            root=bytes.fromhex(header["root"]),
            next_from=UUID(header["next_from"]),
            sealed_at=read_time(header["sealed_at"]),
            public_key=bytes.fromhex(header["public_key"]),
            seal_hash=bytes.fromhex(document["hash"]),
            signature=bytes.fromhex(document["signature"]),
        )
        same = write_json(header) == write_json(seal.header())
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        message = "a seal lacks something, or something in it is malformed"
        raise ValueError(message) from error
    if not same:
        message = "a seal says more than a seal does"
        raise ValueError(message)
    return seal


def _seal(number: int, document: dict[str, Any]) -> Seal:
    try:
        return read_seal(document)
    except ValueError as error:
        raise _malformed(number, str(error)) from error


def _row(number: int, document: dict[str, Any]) -> SealedRow:
    try:
        content = document["content"]
        return SealedRow(
            row_id=UUID(document["row_id"]),
            leaf_hash=bytes.fromhex(document["leaf"]),
            content=None if content is None else write_json(content),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _malformed(number, "a row lacks something, or something is malformed") from error


def _malformed(number: int, what: str) -> InvalidInput:
    return InvalidInput(f"Line {number}: {what}.", code="export_malformed", line=number)
