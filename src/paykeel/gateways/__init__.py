"""Gateways: one port, a registry, the placeholder, and the kit that every adapter must pass."""
