"""Merchants: who sells, in which mode, within which limits, and with which API keys."""

from paykeel.merchants.limits import Limit
from paykeel.merchants.model import Merchant
from paykeel.merchants.rates import RateReject, RatesImport, StoredRate
from paykeel.merchants.service import MerchantService

__all__ = ["Limit", "Merchant", "MerchantService", "RateReject", "RatesImport", "StoredRate"]
