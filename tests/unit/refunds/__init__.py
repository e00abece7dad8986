"""Refund policies: read, checked, quoted and told."""
