"""Paykeel: everything between "the user clicks Purchase" and the payment gateway."""

import importlib
import typing

if typing.TYPE_CHECKING:
    from paykeel.errors import PaykeelError
    from paykeel.gateways.registry import Gateways
    from paykeel.library import Paykeel
    from paykeel.money import Money
    from paykeel.payments.listing import Page, PaymentFilter
    from paykeel.payments.model import BuyerRole, CaptureMethod, Event, Payment, PurchaseRequest
    from paykeel.payments.settle import CompletionHook
    from paykeel.payments.signals import Item, Signals
    from paykeel.payments.states import Status
    from paykeel.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "BuyerRole",
    "CaptureMethod",
    "CompletionHook",
    "Event",
    "Gateways",
    "Item",
    "Money",
    "Page",
    "Paykeel",
    "PaykeelError",
    "Payment",
    "PaymentFilter",
    "PurchaseRequest",
    "Settings",
    "Signals",
    "Status",
]

# A name is loaded when it is first asked for: a command that needs one room would otherwise wait
# for all of them, the HTTP API included.
_PLACES = {
    "errors": ("PaykeelError",),
    "gateways.registry": ("Gateways",),
    "library": ("Paykeel",),
    "money": ("Money",),
    "payments.listing": ("Page", "PaymentFilter"),
    "payments.model": ("BuyerRole", "CaptureMethod", "Event", "Payment", "PurchaseRequest"),
    "payments.settle": ("CompletionHook",),
    "payments.signals": ("Item", "Signals"),
    "payments.states": ("Status",),
    "settings": ("Settings",),
}


if not typing.TYPE_CHECKING:  # To a checker of types, a name that is not there stays an error.

    def __getattr__(name: str) -> object:
        """Load a public name from its place."""
        for place, names in _PLACES.items():
            if name in names:
                return getattr(importlib.import_module(f"paykeel.{place}"), name)
        raise AttributeError(f"module 'paykeel' has no attribute {name!r}")

    def __dir__() -> list[str]:
        """List the public names."""
        return sorted([*globals(), *__all__])
