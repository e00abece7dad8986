"""Idempotency: one key, one request, one answer."""

from paykeel.idempotency.service import (
    Answer,
    IdempotencyService,
    StoredKey,
    check_key,
    fingerprint,
)

__all__ = ["Answer", "IdempotencyService", "StoredKey", "check_key", "fingerprint"]
