"""``seals``: proof that history was not changed, to be made and checked by anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    Common,
    Flag,
    MerchantOption,
    Output,
    open_core,
)
from paykeel.errors import InvalidInput
from paykeel.sealing.canonical import write_time
from paykeel.sealing.chain import Head
from paykeel.sealing.filing import first_line, last_line, seal_lines, verify_file
from paykeel.sealing.keys import read_public_keys
from paykeel.sealing.reading import SealReader
from paykeel.sealing.signing import key_id_of
from paykeel.sealing.tables import TABLES

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.core import Core
    from paykeel.sealing import ChainReport, Fault
    from paykeel.sealing.reading import ChainStatus

app = App(name="seals", help="Verify, export and follow the seals over history.")


@dataclass(frozen=True, slots=True)
class _Trust:
    """What the verifier was given from outside."""

    keys: frozenset[bytes]
    heads: tuple[Head, ...]
    accept_late: bool


@app.command
async def verify(
    *,
    file: Path | None = None,
    trust: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    head: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    accept_late: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Check that what was sealed is unchanged; exit code 1 names the first broken place.

    Args:
        file: Check this exported file, without any database.
        trust: A public key whose signatures count, or a file of them; repeat it for several.
        head: A head that was kept outside, which the chain must hold, or a file of them.
        accept_late: Put up with rows that came later than the worker looks back.
        merchant: Only this one; all of them otherwise.
        common: The options of every command.
    """
    out = Output(common)
    keys = frozenset(key for text in trust for key in read_public_keys(text))
    heads = tuple(found for text in head for found in read_heads(text))
    given = _Trust(keys, heads, accept_late)
    if file is None:
        async with open_core() as core:
            await check_merchant(core, merchant)
            reports = await SealReader(core.database).verify(
                merchant, trusted=keys, heads=heads, accept_late=accept_late
            )
    else:
        reports = _verify_file(file, given, merchant)
    _show_reports(out, reports, given)
    return OK if all(report.intact for report in reports) else FOUND


def _verify_file(path: Path, given: _Trust, merchant_id: UUID | None) -> list[ChainReport]:
    try:
        with path.open(encoding="utf-8") as lines:
            return verify_file(
                lines,
                trusted=given.keys,
                heads=given.heads,
                accept_late=given.accept_late,
                merchant_id=merchant_id,
            )
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.", code="file_unreadable") from error


async def check_merchant(core: Core, merchant_id: UUID | None) -> None:
    """Refuse a merchant that is not there, whose chains would all look whole."""
    if merchant_id is not None:
        await core.merchants.get(merchant_id)


def read_heads(text: str) -> Iterator[Head]:
    """Read one head, or a file with one a line."""
    if text.count(":") == 3:
        yield Head.read(text)
        return
    try:
        lines = Path(text).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{text[:120]!r} is neither a head nor a file of heads.", code="head_invalid"
        ) from error
    for line in lines:
        if line.strip():
            yield Head.read(line)


@app.command
async def export(
    file: Path, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Write seals and the rows that they cover into a file that verifies anywhere.

    Args:
        file: Where to; it must not be there yet.
        merchant: Only this one; all of them otherwise.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        await check_merchant(core, merchant)
        try:
            seals, rows, heads = await _write(core, file, merchant)
        except OSError as error:
            raise InvalidInput(
                f"{file} cannot be written: {error.strerror}.", code="file_unwritable"
            ) from error
    out.document(
        {"file": str(file), "seals": seals, "rows": rows, "heads": [str(one) for one in heads]}
    )
    out.line(f"Seals: {seals}, rows: {rows}, in {file}.")
    if heads:
        out.line("Keep these heads where nobody who can change the database can change them:")
    for one in heads:
        out.line(str(one))


async def _write(core: Core, file: Path, merchant_id: UUID | None) -> tuple[int, int, list[Head]]:
    """Write the file under another name, and give it its own when it is whole."""
    if await asyncio.to_thread(file.exists):
        raise InvalidInput(f"{file} is there already.", code="file_unwritable")
    part = file.with_name(f"{file.name}.part")
    reader = SealReader(core.database)
    seals = rows = 0
    heads: list[Head] = []
    try:
        # It holds what the rows hold, so it is for this user alone.
        part.touch(mode=0o600, exist_ok=False)
        with part.open("w", encoding="utf-8", newline="\n") as target:
            target.write(first_line(write_time(core.database.now())) + "\n")
            async for one in reader.merchants(merchant_id):
                for table in TABLES:
                    last: Head | None = None
                    async for seal, covered in reader.seals(one, table):
                        lines = "\n".join(seal_lines(seal, covered)) + "\n"
                        await asyncio.to_thread(target.write, lines)
                        seals, rows, last = seals + 1, rows + len(covered), seal.head
                    if last is not None:
                        heads.append(last)
            target.write(last_line(seals, rows) + "\n")
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    return seals, rows, heads


@app.command
async def status(*, merchant: MerchantOption = None, common: Common = DEFAULTS) -> int:
    """Say how far sealing has come, with which key, and the head of each chain.

    Args:
        merchant: Only this one; all of them otherwise.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        await check_merchant(core, merchant)
        chains = await SealReader(core.database).status(merchant)
        public_key = (await core.sealing.keys.key()).public_key
        made_here = core.sealing.keys.own
        now = core.database.now()
    out.document(
        {
            "key": {
                "id": key_id_of(public_key),
                "public_key": public_key.hex(),
                "from_settings": not made_here,
            },
            "chains": [_status_document(chain) for chain in chains],
        }
    )
    origin = "made by this installation" if made_here else "from PAYKEEL_SEALING_KEY"
    out.line(f"Key {key_id_of(public_key)}, {origin}; its public part is {public_key.hex()}.")
    out.table(
        ("merchant", "chain", "seals", "rows", "sealed last", "waiting", "oldest"),
        [_status_row(chain, now) for chain in chains],
        right=("seals", "rows", "waiting"),
    )
    for chain in chains:
        if chain.last is not None:
            out.line(str(chain.last.head))
    return OK


def _status_row(chain: ChainStatus, now: datetime) -> tuple[object, ...]:
    last = chain.last
    oldest = None
    if chain.oldest_ms is not None:
        age = now - datetime.fromtimestamp(chain.oldest_ms // 1000, UTC)
        oldest = f"{max(0, int(age.total_seconds()))} s"
    return (
        chain.merchant_id,
        chain.chain,
        0 if last is None else last.seal_no,
        0 if last is None else last.rows_total,
        "never" if last is None else f"{last.sealed_at:%Y-%m-%d %H:%M:%S} UTC",
        chain.waiting,
        oldest,
    )


def _status_document(chain: ChainStatus) -> dict[str, Any]:
    last = chain.last
    return {
        "merchant_id": str(chain.merchant_id),
        "chain": chain.chain,
        "seals": 0 if last is None else last.seal_no,
        "rows": 0 if last is None else last.rows_total,
        "sealed_at": None if last is None else write_time(last.sealed_at),
        "head": None if last is None else str(last.head),
        "waiting": chain.waiting,
        "oldest_waiting_ms": chain.oldest_ms,
    }


def _show_reports(out: Output, reports: list[ChainReport], given: _Trust) -> None:
    intact = all(report.intact for report in reports)
    first = next((report.faults[0] for report in reports if report.faults), None)
    out.document(
        {
            "intact": intact,
            "first_fault": None if first is None else _fault_document(first),
            "keys_trusted": bool(given.keys),
            "heads_known": len(given.heads),
            "chains": [_report_document(report) for report in reports],
        }
    )
    out.table(
        ("merchant", "chain", "seals", "rows", "not sealed yet", "keys", "faults"),
        [
            (
                report.merchant_id,
                report.chain,
                report.seals,
                report.rows,
                report.unsealed,
                " ".join(report.keys),
                report.faults_total,
            )
            for report in reports
        ],
        right=("seals", "rows", "not sealed yet", "faults"),
    )
    if not intact:
        out.table(
            ("fault", "merchant", "chain", "seal", "row", "what"),
            [
                (one.code, one.merchant_id, one.chain, one.seal_no, one.row_id, one.detail)
                for report in reports
                for one in report.faults
            ],
            prose=("what",),
        )
    if first is not None:
        out.line(f"Broken first at {_place(first)}: {first.code}: {first.detail}.")
    else:
        out.line(f"{sum(report.rows for report in reports)} rows are as they were sealed.")
    if not given.keys:
        out.line("No key was trusted by --trust: a chain that was made anew would look the same.")
    if not given.heads:
        out.line("No head was given by --head: a chain whose end was cut would look the same.")


def _place(fault: Fault) -> str:
    parts = [f"{fault.chain} of {fault.merchant_id}"]
    if fault.seal_no is not None:
        parts.append(f"seal {fault.seal_no}")
    if fault.row_id is not None:
        parts.append(f"row {fault.row_id}")
    return ", ".join(parts)


def _report_document(report: ChainReport) -> dict[str, Any]:
    return {
        "merchant_id": str(report.merchant_id),
        "chain": report.chain,
        "intact": report.intact,
        "seals": report.seals,
        "rows": report.rows,
        "unsealed": report.unsealed,
        "head": None if report.head is None else str(report.head),
        "sealed_at": None if report.sealed_at is None else write_time(report.sealed_at),
        "keys": report.keys,
        "faults_total": report.faults_total,
        "faults": [_fault_document(fault) for fault in report.faults],
    }


def _fault_document(fault: Fault) -> dict[str, Any]:
    return {
        "code": fault.code,
        "merchant_id": str(fault.merchant_id),
        "chain": fault.chain,
        "seal_no": fault.seal_no,
        "row_id": None if fault.row_id is None else str(fault.row_id),
        "detail": fault.detail,
    }
