"""Payments: states and rules, statements, and one story for each verb."""
