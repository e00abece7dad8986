"""The HTTP API, as an ASGI application."""

from paykeel.api.app import build_app

__all__ = ["build_app"]
