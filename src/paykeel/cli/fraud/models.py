"""``fraud train`` and ``fraud models``: the score, where it comes from and whether it is on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.fraud.periods import CountBar, read_duration, read_period
from paykeel.errors import InvalidInput
from paykeel.fraud.learning import Learner

if TYPE_CHECKING:
    from paykeel.fraud.models import Registered

app = App(name="models", help="Models for ml.score: list, show, enable and disable them.")


async def train(  # noqa: PLR0913 - each is an option of its own
    *,
    since: str = "180d",
    until: str | None = None,
    name: str = "score",
    feature: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    genuine_after: str | None = None,
    store: bool = True,
    author: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Train a score on labelled history, show how good it is, and register it; it stays off.

    It is fitted to the older purchases and measured on the newest quarter, with labels only from
    when they were known. It needs `pip install 'paykeel[train]'`.

    Args:
        since: From when, as an instant or how long ago.
        until: Until when; now when left out.
        name: What the model is called.
        feature: An attribute to use; repeat it for several. All that were logged when left out.
        genuine_after: Count what took money and has no label after this time, such as 60d, as
            genuine; otherwise only what was labelled counts.
        store: Register the model.
        author: Who trains it; needed to register it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    if store and author is None:
        raise InvalidInput("Say who by --author NAME, or --no-store.", code="usage")
    after = None if genuine_after is None else read_duration(genuine_after, "genuine_after")
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        with CountBar(out.side, "labelled decisions") as bar:
            learned = await Learner(core.database).learn(
                merchant_id=owner.merchant_id,
                period=read_period(since, until, core.database.now()),
                name=name,
                features=feature,
                genuine_after=after,
                on_progress=lambda done, _total: bar.advance(done, None),
            )
        figures, model = learned.figures(), learned.trained.model
        document: dict[str, Any] = {
            "model": model.name,
            "sha256": model.sha256,
            "figures": figures,
            "document": model.document(),
            "version": None,
        }
        if store and author is not None:
            kept, _ = await core.models.register(
                model, figures, merchant_id=owner.merchant_id, author=author
            )
            document["version"] = kept.model_version
    out.document(document)
    _show_figures(out, figures)
    _show_weights(out, document["document"])
    if document["version"] is not None:
        out.line(
            f"Registered as {model.name} {document['version']}. It gives no score until "
            f"`paykeel fraud models enable {model.name} {document['version']} --author NAME`."
        )


@app.command(name="list")
async def list_(*, merchant: MerchantOption = None, common: Common = DEFAULTS) -> None:
    """List a merchant's models.

    Args:
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.models.list(merchant_id=owner.merchant_id)
    out.document({"models": [one.summary() for one in found]})
    out.table(
        ("model", "version", "enabled", "AUC", "average precision", "author", "made", "sha256"),
        [
            (
                one.model,
                one.model_version,
                "yes" if one.enabled else "",
                _figure(one.figures.get("auc")),
                _figure(one.figures.get("average_precision")),
                one.created_by,
                f"{one.created_at:%Y-%m-%d %H:%M} UTC",
                one.sha256.hex()[:16],
            )
            for one in found
        ],
        right=("version", "AUC", "average precision"),
    )


@app.command
async def show(
    name: str,
    version: int | None = None,
    /,
    *,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show a model with its weights and figures.

    Args:
        name: The model.
        version: Which version; the newest when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.models.get(name, version, merchant_id=owner.merchant_id)
    out.document(found.summary())
    _show_model(out, found)
    _show_figures(out, found.figures)
    if found.document is not None:
        _show_weights(out, found.document)


@app.command
async def enable(
    name: str,
    version: int,
    /,
    *,
    author: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Let a model give ml.score to the rules, within seconds in every process.

    Args:
        name: The model.
        version: Which version.
        author: Who enables it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found, changed = await core.models.enable(
            name, version, merchant_id=owner.merchant_id, author=author
        )
    out.document({**found.summary(), "changed": changed})
    _show_model(out, found)
    if not changed:
        out.line("It was enabled already.")


@app.command
async def disable(
    *, author: str, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Turn the score off: ml.score is missing for every rule.

    Args:
        author: Who disables it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        changed = await core.models.disable(merchant_id=owner.merchant_id, author=author)
    out.document({"enabled": False, "changed": changed})
    out.line("The score is off." if changed else "The score was off already.")


def _show_model(out: Output, found: Registered) -> None:
    out.facts(
        {
            "model": f"{found.model} {found.model_version}",
            "enabled": "yes" if found.enabled else "no",
            "sha256": found.sha256.hex(),
            "made": f"{found.created_at:%Y-%m-%d %H:%M} UTC by {found.created_by}",
        }
    )


def _show_figures(out: Output, figures: Mapping[str, Any]) -> None:
    baseline = figures.get("baseline") or {}
    if "auc" not in figures:
        return
    out.line(
        f"Fitted to {figures['fitted']:,} purchases ({figures['fitted_frauds']:,} frauds), tested "
        f"on {figures['tested']:,} later ones ({figures['tested_frauds']:,} frauds): Brier score "
        f"{figures['brier']:.4f}."
    )
    columns = ("AUC", "average precision")
    rows = [("this score", _figure(figures["auc"]), _figure(figures["average_precision"]))]
    rows += [
        (name, _figure(one["auc"]), _figure(one["average_precision"]))
        for name, one in (
            ("the rules' score", baseline.get("rules")),
            ("guessing", baseline.get("guessing")),
        )
        if one is not None
    ]
    out.table(("", *columns), rows, right=columns)
    bins = ("purchases", "promised", "came")
    out.table(
        bins,
        [
            (one["purchases"], f"{one['mean_score']:.4f}", f"{one['fraud_share']:.4f}")
            for one in figures["calibration"]
        ],
        title="Calibration",
        right=bins,
    )


def _show_weights(out: Output, document: Mapping[str, Any]) -> None:
    features = sorted(document["features"], key=lambda one: -abs(one["weight"]))
    out.table(
        ("attribute", "weight"),
        [(one["name"], f"{one['weight']:+.4f}") for one in features],
        title="Weights",
        right=("weight",),
    )


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
