"""Paykeel: everything between "the user clicks Purchase" and the payment gateway."""

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
