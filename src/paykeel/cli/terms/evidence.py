"""``terms evidence`` and ``verify``: the proof of an acceptance, made and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import Parameter

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.seals import check_merchant, read_heads
from paykeel.errors import InvalidInput
from paykeel.sealing.keys import read_public_keys
from paykeel.terms import bundles
from paykeel.terms.evidence import TermsEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.terms.proving import Fault
    from paykeel.terms.verifying import TermsReport

Repeated = Annotated[tuple[str, ...], Parameter(negative=())]
FAULTS_SHOWN_MAX = 20


async def evidence(
    acceptance: UUID,
    /,
    *,
    html: Path | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Make the proof of one acceptance; --json prints the bundle that can be verified anywhere.

    Args:
        acceptance: Its id, from `paykeel terms history`.
        html: Write it as a page for people, which prints well, to this file.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        proof = TermsEvidence(core.database, core.sealing)
        bundle = await proof.bundle(owner.merchant_id, acceptance)
        page = None if html is None else proof.page(bundle)
    if html is not None and page is not None:
        _write(html, page)
    out.document(bundle)
    _show_bundle(out, bundle)
    if html is not None:
        out.line(f"The page is in {html}. It holds personal data, unless that is erased.")
    else:
        out.line("For the whole proof: --json > bundle.json, or --html FILE.")


def _show_bundle(out: Output, bundle: Mapping[str, Any]) -> None:
    row, seal = bundle["acceptance"], bundle["seal"]["seal"]
    presentation = bundle.get("presentation") or {}
    facts = {
        "acceptance": row["acceptance_id"],
        "said": f"{row['decision']}, {row['occurred_at']}",
        "buyer": f"{row['buyer_id']} ({row['buyer_role']})",
        "document": f"{bundle['document']['key']} ({bundle['document']['title']})",
        "version": bundle["version"]["version"],
        "text": f"{row['locale']}, sha256 {row['text_sha256']}",
        "how": row["method"],
        "button": presentation.get("button_label"),
        "sealed": f"by seal {seal['seal_no']}, {seal['sealed_at']}",
    }
    out.facts({name: value for name, value in facts.items() if value is not None})


async def verify(
    bundle: Path | None = None,
    /,
    *,
    every: Annotated[Flag, Parameter(name="--all")] = False,
    trust: Repeated = (),
    head: Repeated = (),
    accept_late: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Check a bundle by nothing but itself, or all that is stored; exit code 1: it is broken.

    Args:
        bundle: What `paykeel terms evidence --json` printed; no database is asked.
        every: Check everything that is stored: texts, versions, presentations, acceptances, seals.
        trust: A public key whose signatures count, or a file of them; repeat it for several.
        head: A head that was kept outside, which the chain must hold, or a file of them.
        accept_late: Put up with rows that came later than the worker looks back.
        merchant: With --all, only this one; all of them otherwise.
        common: The options of every command.
    """
    out = Output(common)
    if every == (bundle is not None):
        raise InvalidInput("Name a bundle's file, or --all.", code="usage")
    keys = frozenset(key for text in trust for key in read_public_keys(text))
    if bundle is not None:
        if head or accept_late or merchant:
            raise InvalidInput("A bundle is checked by itself, and by --trust.", code="usage")
        found = _read(bundle)
        faults = bundles.verify(found, keys)
        _show_checked(out, found, faults)
        holds = not faults
    else:
        heads = tuple(one for text in head for one in read_heads(text))
        async with open_core() as core:
            await check_merchant(core, merchant)
            report = await TermsEvidence(core.database, core.sealing).verify_terms(
                merchant, trusted=keys, heads=heads, accept_late=accept_late
            )
        _show_report(out, report)
        holds = report.intact
    if not keys:
        out.line("No key was trusted by --trust: what was made all anew would look the same.")
    if every and not head:
        out.line("No head was given by --head: a chain whose end was cut would look the same.")
    return OK if holds else FOUND


def _show_checked(out: Output, bundle: Mapping[str, Any], faults: Sequence[Fault]) -> None:
    out.document({"intact": not faults, **_faults_values(faults, len(faults))})
    _faults_table(out, faults)
    if not faults:
        row = bundle["acceptance"]
        out.line(
            f"It holds: {row['buyer_id']} said {row['decision']} to "
            f"{bundle['document']['title']} {bundle['version']['version']} ({row['locale']})."
        )
        out.line(f"Signed by the key {bundle['seal']['seal']['public_key']}.")


def _show_report(out: Output, report: TermsReport) -> None:
    counts = {
        "versions": report.versions,
        "texts": report.texts,
        "acceptances": report.acceptances,
        "presentations": report.presentations,
        "with personal data": report.personal,
        "erased": report.erased,
        "events": report.events,
        "not sealed yet": report.unsealed,
    }
    out.document(
        {
            "intact": report.intact,
            **{name.replace(" ", "_"): count for name, count in counts.items()},
            **_faults_values(report.faults, report.faults_total),
        }
    )
    out.facts({name: f"{count:,}" for name, count in counts.items()})
    _faults_table(out, report.faults, report.faults_total)
    if report.intact:
        out.line("Everything is as it was published, shown and sealed.")


def _faults_table(out: Output, faults: Sequence[Fault], total: int | None = None) -> None:
    """Show the first faults, and name the first of all in a line of its own."""
    if not faults:
        return
    shown = faults[:FAULTS_SHOWN_MAX]
    out.table(
        ("fault", "where", "what"),
        [(one.code, one.place, one.detail) for one in shown],
        prose=("where", "what"),
    )
    hidden = (len(faults) if total is None else total) - len(shown)
    if hidden:
        out.line(f"… and {hidden:,} more.")
    first = faults[0]
    out.line(f"Broken first at {first.place}: {first.code}: {first.detail}.")


def _faults_values(faults: Sequence[Fault], total: int) -> dict[str, Any]:
    values = [
        {
            "code": one.code,
            "place": one.place,
            "detail": one.detail,
            "merchant_id": None if one.merchant_id is None else str(one.merchant_id),
        }
        for one in faults
    ]
    return {
        "first_fault": values[0] if values else None,
        "faults_total": total,
        "faults": values,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(bundles.BUNDLE_BYTES_MAX + 1)
        return bundles.read_bundle(content.decode())
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}.", code="file_unreadable") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8.", code="file_unreadable") from error


def _write(path: Path, page: str) -> None:
    try:
        # It holds personal data, so it is for this user alone.
        path.touch(mode=0o600)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}.", code="file_unwritable"
        ) from error
