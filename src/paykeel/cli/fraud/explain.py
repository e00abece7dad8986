"""``fraud explain``: why a purchase was judged as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.fraud.explaining import decision_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


async def explain(
    payment: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show why a purchase was judged as it was: each rule with its result, and what it looked at.

    Args:
        payment: Its id.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        said = await core.fraud.explain(owner.merchant_id, payment)
    document = decision_document(said)
    out.document(document)
    out.facts(
        {
            "payment": document["payment_id"],
            "decision": document["decision"],
            "reasons": ", ".join(document["reasons"]) or "none",
            "score": document["score"],
            "judged": document["created_at"],
            "ruleset": f"{document['ruleset']} {document['ruleset_version']}",
            "its SHA-256": document["ruleset_sha256"],
            "engine": document["engine"],
            "took": f"{document['took_us']} µs",
        }
    )
    _show_rules(out, document["rules"], "Rules")
    shadow = document["shadow"]
    if shadow is not None:
        name = f"{shadow['ruleset']} {shadow['version']}"
        reasons = ", ".join(shadow["reasons"]) or "none"
        title = f"In the shadow, {name}: {shadow['action']}, score {shadow['score']}, for {reasons}"
        _show_rules(out, shadow["rules"], title)
    if document["model"] is not None:
        out.table(("", "score"), sorted(_plain(document["model"]).items()), title="Model")
    out.table(
        ("attribute", "value"), sorted(_plain(document["facts"]).items()), title="What was known"
    )


def _show_rules(out: Output, results: Sequence[Mapping[str, Any]], title: str) -> None:
    out.table(
        ("rule", "version", "mode", "action", "score", "result"),
        [
            (one["rule"], one["version"], one["mode"], one["action"], one["score"], _said(one))
            for one in results
        ],
        title=title,
        right=("version", "score"),
        prose=("result",),
    )


def _said(result: Mapping[str, Any]) -> str:
    """Return a rule's outcome in words.

    >>> _said({"outcome": "missing:card.bin"}), _said({"outcome": "capped:velocity.sum"})
    ('missing card.bin', 'over its cap: velocity.sum')
    """
    what, _, rest = str(result["outcome"]).partition(":")
    match what:
        case "missing":
            return f"missing {rest}"
        case "capped":
            return f"over its cap: {rest}"
        case "error":
            return f"error: {rest}"
        case _:
            return what


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as a person reads them; a capped one has no value."""
    return {
        name: "over its cap" if value == {"capped": True} else _text(value)
        for name, value in values.items()
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
