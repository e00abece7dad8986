"""Refunds by policy: what a policy says is computed by one pure function, and never a unit more."""
