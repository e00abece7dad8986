"""Which gateways there are, and which one serves a merchant.

A package offers one by an entry point of the group ``paykeel.gateways``: a name, and a coroutine
function of ``(settings, url)`` that opens it. An application that embeds Paykeel may hand over
gateway objects instead.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Literal

from paykeel.errors import GatewayNotConfigured, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paykeel.gateways.port import Gateway
    from paykeel.settings import Settings

GROUP = "paykeel.gateways"
Mode = Literal["test", "live"]

#: Found even where Paykeel runs from a folder of sources, which has no entry points.
_SHIPPED = (EntryPoint("placeholder", "paykeel.gateways.placeholder:open_gateway", GROUP),)


def available() -> dict[str, EntryPoint]:
    """Return every gateway that is installed, by name.

    Raises:
        Misconfigured: Two packages offer different gateways under one name.

    >>> "placeholder" in available()
    True
    """
    found: dict[str, EntryPoint] = {}
    for point in (*_SHIPPED, *entry_points(group=GROUP)):
        known = found.setdefault(point.name, point)
        if known.value != point.value:
            raise Misconfigured(
                f"Two gateways are named {point.name}: {known.value} and {point.value}."
            )
    return found


class Gateways:
    """The gateways of one installation; :func:`open_gateways` or :meth:`of` makes it."""

    def __init__(
        self,
        *,
        test: Gateway | None,
        live: Gateway | None,
        others: Iterable[Gateway] = (),
        source: tuple[Settings, str] | None = None,
    ) -> None:
        """Take what is open.

        Args:
            test: Serves merchants in test mode.
            live: Serves merchants in live mode.
            others: Only asked about payments that they opened earlier.
            source: With what a gateway that is installed, but not open, is opened on demand.

        Raises:
            Misconfigured: Two different gateways have one name.
        """
        self._modes: Mapping[Mode, Gateway | None] = {"test": test, "live": live}
        self._open: dict[str, Gateway] = {}
        self._source = source
        self._opening = asyncio.Lock()
        for gateway in (test, live, *others):
            if gateway is not None and self._open.setdefault(gateway.name, gateway) is not gateway:
                raise Misconfigured(f"Two gateways are named {gateway.name}.")

    @classmethod
    def of(
        cls,
        *,
        test: Gateway | None = None,
        live: Gateway | None = None,
        others: Iterable[Gateway] = (),
    ) -> Gateways:
        """Use gateway objects that the application made itself."""
        return cls(test=test, live=live, others=others)

    def for_mode(self, mode: Mode) -> Gateway:
        """Return the gateway for merchants in this mode.

        Raises:
            GatewayNotConfigured: There is none, or it is one that moves real money in test mode, or
                one that moves none in live mode.
        """
        gateway = self._modes[mode]
        if gateway is None:
            raise GatewayNotConfigured(
                f"No gateway is configured for merchants in {mode} mode; set "
                f"PAYKEEL_GATEWAY_{mode.upper()}.",
                mode=mode,
            )
        if gateway.capabilities.live is not (mode == "live"):
            moves = "moves real money" if gateway.capabilities.live else "moves no real money"
            raise GatewayNotConfigured(
                f"The gateway {gateway.name} {moves}, so it cannot serve merchants in {mode} mode.",
                mode=mode,
                gateway=gateway.name,
            )
        return gateway

    async def by_name(self, name: str) -> Gateway:
        """Return the gateway that a payment was opened with, configured or not any more.

        It is opened when it is first asked for.

        Raises:
            GatewayNotConfigured: It is not open, and there is nothing to open it with.
            Misconfigured: It is not installed, or cannot be opened.
        """
        known = self._open.get(name)
        if known is not None:
            return known
        if self._source is None:
            raise GatewayNotConfigured(
                f"The gateway {name} was not handed over; give it as one of the others.",
                gateway=name,
            )
        async with self._opening:
            if name not in self._open:
                self._open[name] = await _open(name, *self._source)
            return self._open[name]

    async def close(self) -> None:
        """Close every gateway that is open."""
        await asyncio.gather(*(gateway.close() for gateway in self._open.values()))


async def open_gateways(settings: Settings, url: str) -> Gateways:
    """Open the gateways that the settings name.

    Args:
        settings: ``gateway_test`` and ``gateway_live`` are names; an empty one means none.
        url: The application's database. Only the placeholder, which keeps its books there, uses it.

    Raises:
        Misconfigured: A name is not installed, or a gateway cannot be opened.
        GatewayNotConfigured: A gateway cannot serve the mode that it is named for.
    """
    opened: dict[str, Gateway] = {}
    names: dict[Mode, str] = {"test": settings.gateway_test, "live": settings.gateway_live}
    try:
        for name in names.values():
            if name and name not in opened:
                opened[name] = await _open(name, settings, url)
        gateways = Gateways(
            test=opened.get(names["test"]),
            live=opened.get(names["live"]),
            source=(settings, url),
        )
        for mode, name in names.items():
            if name:
                gateways.for_mode(mode)
    except BaseException:
        for gateway in opened.values():
            await gateway.close()
        raise
    return gateways


async def _open(name: str, settings: Settings, url: str) -> Gateway:
    """Open one gateway by its name."""
    points = available()
    if name not in points:
        raise Misconfigured(
            f"There is no gateway named {name}; installed are: {', '.join(sorted(points))}.",
            gateway=name,
            available=sorted(points),
        )
    try:
        opener = points[name].load()
    except (ImportError, AttributeError) as error:
        raise Misconfigured(
            f"The gateway {name} ({points[name].value}) cannot be loaded: {error}."
        ) from error
    gateway: Gateway = await opener(settings, url)
    if gateway.name != name:
        # The name is stored with each payment, and must lead back here.
        await gateway.close()
        raise Misconfigured(f"The gateway installed as {name} calls itself {gateway.name}.")
    return gateway
