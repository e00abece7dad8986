"""``keys``: the secrets with which a merchant's programs call the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.merchants.keys import Scope

if TYPE_CHECKING:
    from paykeel.merchants.keys import ApiKey

#: What a shop does not need: why a purchase was judged as it was is for risk people, what the terms
#: and the refund policies say for lawyers, money that goes back for whoever answers for it, and
#: what is earned for whoever reckons with it; they ask for it.
_OTHERS_SCOPES = {
    Scope.FRAUD_READ,
    Scope.FRAUD_WRITE,
    Scope.TERMS_WRITE,
    Scope.REFUNDS_WRITE,
    Scope.REFUNDS_APPROVE,
    Scope.REFUND_POLICIES_WRITE,
    Scope.METRICS_READ,
    Scope.METRICS_WRITE,
}
SHOP_SCOPES = tuple(str(scope) for scope in Scope if scope not in _OTHERS_SCOPES)

app = App(name="keys", help="Create, list, rotate and revoke API keys.")


@app.command
async def create(
    name: str,
    /,
    *,
    scope: Annotated[tuple[str, ...], Parameter(negative=())] = SHOP_SCOPES,
    expires_in_days: Annotated[int | None, Parameter(validator=Number(gte=1, lte=3_650))] = None,
    secret_only: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Make a key, and show its secret this once.

    Args:
        name: For people: what uses it.
        scope: What it may do; repeat it for several. Left out: what a shop needs, all but
            fraud:*, terms:write, refunds:write, refunds:approve, refund-policies:write and
            metrics:*.
        expires_in_days: After how many days it ends; never when left out.
        secret_only: Print the secret and nothing else.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    expires = None
    if expires_in_days is not None:
        expires = datetime.now(UTC) + timedelta(days=expires_in_days)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        key, secret = await core.keys.create(owner.merchant_id, name, scope, expires)
    if secret_only and not out.json:
        out.line(secret)
        return
    _show_secret(out, key, secret)


@app.command(name="list")
async def list_(*, merchant: MerchantOption = None, common: Common = DEFAULTS) -> None:
    """List a merchant's keys, the ended ones too.

    Args:
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.keys.list(owner.merchant_id)
    out.document({"keys": [_document(key) for key in found]})
    out.table(
        ("key", "begins with", "name", "scopes", "last used", "ends"),
        [
            (
                key.key_id,
                key.prefix,
                key.name,
                " ".join(sorted(key.scopes)),
                _day(key.last_used_at) or "never",
                "revoked" if key.revoked_at else _day(key.expires_at) or "never",
            )
            for key in found
        ],
    )


@app.command
async def rotate(
    key: UUID,
    /,
    *,
    grace_hours: Annotated[int, Parameter(validator=Number(gte=0, lte=8_760))] = 24,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Replace a key; the old one works until the grace is over.

    Args:
        key: Its id, from `paykeel keys list`.
        grace_hours: For how many hours both work.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        made, secret = await core.keys.rotate(
            merchant_id=owner.merchant_id, key_id=key, grace=timedelta(hours=grace_hours)
        )
    _show_secret(out, made, secret)


@app.command
async def revoke(
    key: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """End a key for good, in every process within seconds.

    Args:
        key: Its id, from `paykeel keys list`.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        await core.keys.revoke(merchant_id=owner.merchant_id, key_id=key)
    out.document({"id": str(key), "revoked": True})
    out.line(f"Revoked {key}.")


def _show_secret(out: Output, key: ApiKey, secret: str) -> None:
    out.document({**_document(key), "secret": secret})
    out.facts(
        {
            "key": key.key_id,
            "name": key.name,
            "scopes": " ".join(sorted(key.scopes)),
            "ends": _day(key.expires_at) or "never",
        }
    )
    out.line("The secret, shown this once:")
    out.line(secret)


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _document(key: ApiKey) -> dict[str, Any]:
    def text(at: datetime | None) -> str | None:
        return None if at is None else at.isoformat()

    return {
        "id": str(key.key_id),
        "merchant_id": str(key.merchant_id),
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": text(key.created_at),
        "expires_at": text(key.expires_at),
        "revoked_at": text(key.revoked_at),
        "last_used_at": text(key.last_used_at),
    }
