"""Fraud prevention: every purchase is judged before anything is sent, and every decision logged."""

from paykeel.fraud.service import Decision, FraudPreventionService

__all__ = ["Decision", "FraudPreventionService"]
