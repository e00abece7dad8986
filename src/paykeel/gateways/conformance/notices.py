"""What an adapter must do with webhooks: believe the gateway, and nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from paykeel.gateways.conformance.bench import (
    Behaviour,
    Bench,
    NotConforming,
    NotScripted,
    charge_request,
    pay,
    require,
    scripted,
    settled,
)
from paykeel.gateways.port import BadNotice, Notice, Succeeded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.gateways.port import Gateway

    Webhook = tuple[Mapping[str, str], bytes]

#: Older or newer than this, no webhook is believed.
_STALE_S = 3_600


async def _webhooks(gateway: Gateway, bench: Bench) -> tuple[str, Sequence[Webhook]]:
    """Charge something that has webhooks, preferably several, and return them."""
    method = await bench.script(Behaviour.PENDING_THEN_SUCCEEDED)
    if method is None:
        method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
    request = charge_request(method, currency=bench.currencies[0])
    await pay(gateway, bench, request)
    await settled(gateway, bench, request.reference)
    webhooks = await bench.webhooks(request.reference)
    if webhooks is None:
        raise NotScripted("this gateway has no webhooks")
    require(len(webhooks) > 0, "no webhook came")
    return request.reference, webhooks


def _read(gateway: Gateway, webhook: Webhook) -> Notice:
    """Read a webhook that is genuine."""
    try:
        return gateway.parse_webhook(*webhook)
    except Exception as error:
        raise NotConforming(f"a genuine webhook was refused: {error!r}") from error


def _refuses(gateway: Gateway, webhook: Webhook, what: str) -> None:
    """Read a webhook that is not genuine."""
    try:
        notice = gateway.parse_webhook(*webhook)
    except BadNotice:
        return
    except Exception as error:
        raise NotConforming(f"{what} raised {error!r} and not BadNotice") from error
    raise NotConforming(f"{what} was believed: {notice!r}")


async def notices_are_read(gateway: Gateway, bench: Bench) -> None:
    """A genuine webhook names our reference, and the last one says what lookup says."""
    reference, webhooks = await _webhooks(gateway, bench)
    notices = [_read(gateway, webhook) for webhook in webhooks]
    for notice in notices:
        require(notice.reference == reference, f"it names {notice.reference!r}, not ours")
        require(bool(notice.message_id), "a notice has no id")
    ends = [notice for notice in notices if isinstance(notice.outcome, Succeeded)]
    require(bool(ends), f"no notice tells of the success: {notices!r}")
    found = await settled(gateway, bench, reference)
    require(ends[0].outcome == found, f"the notice says {ends[0].outcome!r}, lookup {found!r}")


async def redeliveries_are_equal(gateway: Gateway, bench: Bench) -> None:
    """The same message, however often and in whatever order it comes, is the same notice."""
    _, webhooks = await _webhooks(gateway, bench)
    first = [_read(gateway, webhook) for webhook in webhooks]
    second = [_read(gateway, webhook) for webhook in reversed(webhooks)]
    require(first == second[::-1], f"read again, {first!r} became {second!r}")
    by_id: dict[str, Notice] = {}
    for notice in first:
        known = by_id.setdefault(notice.message_id, notice)
        require(known == notice, f"one id, two notices: {known!r} and {notice!r}")
    outcomes = [repr(notice.outcome) for notice in by_id.values()]
    require(len(set(outcomes)) == len(outcomes), "one message has two ids")


async def forged_notices_are_refused(gateway: Gateway, bench: Bench) -> None:
    """A changed body, another signature or none at all is ``BadNotice``."""
    _, webhooks = await _webhooks(gateway, bench)
    headers, body = webhooks[-1]
    changed = bytes([*body[:-2], body[-2] ^ 1, body[-1]])
    _refuses(gateway, (headers, changed), "a changed body")
    _refuses(gateway, (headers, body + b" "), "a longer body")
    _refuses(gateway, ({}, body), "a body without headers")
    other = bench.sign(b"another body", int(time.time()))
    _refuses(gateway, (other, body), "the signature of another body")
    for name, value in headers.items():
        # A header that is the same for another body carries neither the signature nor its time.
        if other.get(name) == value:
            continue
        for spoilt in ("", "\u00e9", value[:-1], value + "0", value[::-1]):
            _refuses(gateway, ({**headers, name: spoilt}, body), f"{name}: {spoilt!r}")


async def stale_notices_are_refused(gateway: Gateway, bench: Bench) -> None:
    """A webhook that was signed an hour ago, or will be in an hour, is ``BadNotice``."""
    if not bench.dated:
        raise NotScripted("the time is no part of this gateway's signature")
    _, webhooks = await _webhooks(gateway, bench)
    body = webhooks[-1][1]
    now_s = int(time.time())
    require(
        isinstance(_read(gateway, (bench.sign(body, now_s), body)), Notice),
        "a webhook signed just now was refused",
    )
    for at_s in (now_s - _STALE_S, now_s + _STALE_S):
        _refuses(gateway, (bench.sign(body, at_s), body), f"a webhook {at_s - now_s} s off")


async def garbled_notices_are_refused(gateway: Gateway, bench: Bench) -> None:
    """What is signed but cannot be read is ``BadNotice``, and nothing else is raised."""
    if await bench.webhooks("0" * 64) is None:
        raise NotScripted("this gateway has no webhooks")
    bodies = (b"", b"{", b"[]", b"null", b"{}", b'{"id":1}', b"\xff\xfe", b'"text"', b"[" * 5_000)
    for body in bodies:
        _refuses(gateway, (bench.sign(body, int(time.time())), body), f"the body {body[:20]!r}")
