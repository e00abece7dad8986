"""Merchants: who sells, in which mode, within which limits, and with which API keys."""

from paykeel.merchants.service import Limit, Merchant, MerchantService

__all__ = ["Limit", "Merchant", "MerchantService"]
