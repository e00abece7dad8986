"""The refund policy that a purchase is made under, as the rooms below refunds see it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.terms import TermsScope


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which version of which policy held; its text is found by the hash."""

    key: str
    version: int
    sha256: bytes


class KnownPolicies(Protocol):
    """What a merchant has published, as a process knows it."""

    @property
    def revision(self) -> int:
        """The count of the merchant's publications and withdrawals when it was read."""

    def snapshot(
        self, scope: TermsScope, payment_method_type: str | None, at: datetime
    ) -> Snapshot | None:
        """Return what holds for a purchase at an instant; ``None``: no policy does."""


class PolicySource(Protocol):
    """Who knows the refund policies; the room of refunds lies above this one."""

    async def known(self, merchant_id: UUID) -> KnownPolicies:
        """Return a merchant's policies; what is known may be old."""

    def forget(self, merchant_id: UUID, revision: int) -> None:
        """Read them again, unless another revision than this one is known by now."""
