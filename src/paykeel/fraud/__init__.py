"""Fraud prevention: every purchase is judged before anything is sent, and every decision logged."""

from paykeel.fraud.service import Decision, FraudPreventionService, Purchase, Rule, Verdict

__all__ = ["Decision", "FraudPreventionService", "Purchase", "Rule", "Verdict"]
