"""The placeholder's webhooks: made from the books, signed, and read back with suspicion."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from paykeel.gateways.placeholder.answers import decode
from paykeel.gateways.placeholder.screens import refund_of
from paykeel.gateways.placeholder.tokens import find_script
from paykeel.gateways.port import BadNotice, Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.gateways.placeholder.rows import History

SIGNATURE_HEADER = "placeholder-signature"
#: How far a webhook's time may be from ours, in either direction.
TOLERANCE_S = 300
_BODY_BYTES_MAX = 64 * 1024


def sign(secret: str, body: bytes, at_s: int) -> dict[str, str]:
    """Return the headers of a webhook sent at ``at_s`` (Unix seconds)."""
    digest = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", SIGNATURE_HEADER: f"t={at_s},v1={digest}"}


def bodies(history: History) -> list[bytes]:
    """Return the webhooks of one operation, in the order of their delivery."""
    said = [*history.earlier, *([] if history.answer is None else [history.answer])]
    messages = [_body(history, number, answer) for number, answer in enumerate(said)]
    script = find_script(history.payment_method)
    if script is not None and script.webhooks_twice:
        return [*reversed(messages), *reversed(messages)]
    return messages


def _body(history: History, number: int, answer: Mapping[str, Any]) -> bytes:
    """Return one message; the same one whenever it is made."""
    name = hashlib.sha256(f"{history.reference}.{number}".encode()).hexdigest()[:24]
    expires_at = history.settles_at if answer["outcome"] == "authorized" else None
    message = {
        "id": f"evt_{name}",
        "reference": history.reference,
        "kind": history.kind,
        "refund_of": refund_of(history.reference, history.charge_reference),
        "merchant_id": history.merchant_id,
        "payment_id": history.payment_id,
        "created": history.created_at.isoformat(),
        "answer": answer,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    return json.dumps(message, separators=(",", ":")).encode()


def read(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> Notice:
    """Verify a webhook and read it.

    Raises:
        BadNotice: The signature, the time or the content is wrong.
    """
    if len(body) > _BODY_BYTES_MAX:
        raise BadNotice("the body is too long")
    at_s, signature = _signature(headers.get(SIGNATURE_HEADER, ""))
    expected = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise BadNotice("the signature does not match")
    if abs(now_s - at_s) > TOLERANCE_S:
        raise BadNotice("the time is more than five minutes off")
    try:
        message = json.loads(body)
        expires_at = message["expires_at"]
        outcome = decode(
            message["answer"], datetime.fromisoformat(expires_at) if expires_at else None
        )
        charge = message["refund_of"]
        return Notice(
            message_id=str(message["id"]),
            reference=str(message["reference"]),
            outcome=outcome,
            refund_of=None if charge is None else str(charge),
            merchant_id=str(message["merchant_id"]),
            payment_id=str(message["payment_id"]),
        )
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise BadNotice("the content cannot be read") from error


def _signature(header: str) -> tuple[int, str]:
    """Take the header apart: ``t=<unix>,v1=<hex>``."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    at, signature = parts.get("t", ""), parts.get("v1", "")
    # Written out in one way only, so that what was signed is what is compared.
    if not (at.isascii() and at.isdigit() and len(at) <= 12 and signature.isascii()):
        raise BadNotice("the signature header is missing or malformed")
    return int(at), signature
