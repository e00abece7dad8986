"""Models: which logistic models there are, and which of them gives ``ml.score``, if any.

A version of a model never changes. What is loaded is hashed, and a model that is not the one that
was registered is refused. Nothing is enabled until a named person does it, and a score decides
nothing alone: rules ask for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import structlog

from paykeel.db.cache import ReadCache
from paykeel.db.sql import load
from paykeel.errors import InvalidField, Misconfigured, NotFound, PaykeelError
from paykeel.fraud.model import LogisticModel, model_of
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.clock import Clock
    from paykeel.db.pool import Database

SQL = load("paykeel.fraud", "models.sql")
log = structlog.get_logger("paykeel.fraud")

AUTHOR_CHARACTERS_MAX = 100
LISTED_MAX = 1_000
#: Writers who take the same version number at the same moment try again.
WRITE_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """One version of a model, as it is stored."""

    model: str
    model_version: int
    sha256: bytes
    figures: Mapping[str, Any]
    created_by: str
    created_at: datetime
    #: Whether it gives the score now.
    enabled: bool
    #: None in a list.
    document: Mapping[str, Any] | None = None

    def summary(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        found = {
            "object": "fraud_model",
            "model": self.model,
            "version": self.model_version,
            "sha256": self.sha256.hex(),
            "enabled": self.enabled,
            "figures": dict(self.figures),
            "created_by": self.created_by,
            "created_at": self.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
        if self.document is not None:
            found["document"] = dict(self.document)
        return found


@dataclass(frozen=True, slots=True)
class ActiveModel:
    """The model that gives the score, and which version it is."""

    model: LogisticModel
    version: int
    sha256: str


class Models:
    """Registers models, enables them, and finds the one that gives the score."""

    def __init__(self, database: Database, clock: Clock, *, cache_ms: int) -> None:
        """Take the database, and for how long what was read may be trusted."""
        self._database = database
        self._clock = clock
        self._current = ReadCache(self._read, clock.monotonic_s, keep_s=cache_ms / 1000)

    async def active(self, merchant_id: UUID) -> LogisticModel | None:
        """Return the model that gives the score, at most the cache's time old; None: it is off."""
        current = await self.current(merchant_id)
        return None if current is None else current.model

    async def current(self, merchant_id: UUID) -> ActiveModel | None:
        """Return what `active` returns, with its version and hash.

        A model that is refused gives no score, and that is logged as an error; `check` raises it.
        """
        return await self._current.get(merchant_id)

    async def check(self, merchant_id: UUID) -> ActiveModel | None:
        """Return the model that gives the score, read and checked now.

        Raises:
            Misconfigured: ``model_changed``: it is not the one that was registered.
        """
        row = await self._database.fetchrow(SQL["active_model"], merchant_id=merchant_id)
        if row is None or row["model"] is None:
            return None
        model = checked_model(row["document"], row["sha256"])
        return ActiveModel(model, row["model_version"], row["sha256"].hex())

    async def _read(self, merchant_id: UUID) -> ActiveModel | None:
        try:
            return await self.check(merchant_id)
        except Misconfigured as error:
            said = {"merchant": str(merchant_id), "error": error.message}
            log.error("fraud.model_refused", **said)  # noqa: TRY400 - it tells all
            return None

    async def register(
        self, model: LogisticModel, figures: Mapping[str, Any], *, merchant_id: UUID, author: str
    ) -> tuple[Registered, bool]:
        """Keep a model under the next version of its name; return it, and whether it is new.

        The very same model again is the version that it has already.

        Raises:
            InvalidField: ``model_name_malformed``, or the author is no text.
        """
        check_text(author, "author", AUTHOR_CHARACTERS_MAX)
        if "-" in model.name:
            raise InvalidField("name", "model_name_malformed", "Use _ instead of - in the name.")
        for _ in range(WRITE_TRIES):
            row = await self._database.fetchrow(
                SQL["add_model"],
                merchant_id=merchant_id,
                model=model.name,
                document=model.canonical().decode("ascii"),
                sha256=bytes.fromhex(model.sha256),
                figures=json.dumps(figures, allow_nan=False),
                author=author,
            )
            if row is not None:
                found = await self.get(model.name, row["model_version"], merchant_id=merchant_id)
                return found, row["added"]
        raise PaykeelError("The model could not be kept: others were always faster.")

    async def list(self, *, merchant_id: UUID) -> list[Registered]:
        """Return a merchant's models, the newest version of each name first."""
        rows = await self._database.fetch(
            SQL["list_models"], merchant_id=merchant_id, rows_max=LISTED_MAX
        )
        return [Registered(**row) for row in rows]

    async def get(self, name: str, version: int | None = None, *, merchant_id: UUID) -> Registered:
        """Return one version of a model, the newest when none is named.

        Raises:
            NotFound: There is none such.
        """
        row = await self._database.fetchrow(
            SQL["get_model"], merchant_id=merchant_id, model=name, model_version=version
        )
        if row is None:
            raise NotFound("There is no such model.")
        return Registered(**row)

    async def enable(
        self, name: str, version: int, *, merchant_id: UUID, author: str
    ) -> tuple[Registered, bool]:
        """Let a model give the score; return it, and whether that is new.

        Raises:
            NotFound: There is none such.
            Misconfigured: ``model_changed``: it is not the one that was registered.
        """
        check_text(author, "author", AUTHOR_CHARACTERS_MAX)
        found = await self.get(name, version, merchant_id=merchant_id)
        checked_model(found.document, found.sha256)
        changed = await self._activate(merchant_id, name, version, author)
        return await self.get(name, version, merchant_id=merchant_id), changed

    async def disable(self, *, merchant_id: UUID, author: str) -> bool:
        """Turn the score off; return whether it was on."""
        check_text(author, "author", AUTHOR_CHARACTERS_MAX)
        row = await self._database.fetchrow(SQL["active_model"], merchant_id=merchant_id)
        if row is None or row["model"] is None:
            return False
        return await self._activate(merchant_id, None, None, author)

    async def _activate(
        self, merchant_id: UUID, name: str | None, version: int | None, author: str
    ) -> bool:
        for _ in range(WRITE_TRIES):
            row = await self._database.fetchrow(
                SQL["activate_model"],
                merchant_id=merchant_id,
                model=name,
                model_version=version,
                author=author,
            )
            self._current.forget(merchant_id)
            if row is not None:
                return True
            now = await self._database.fetchrow(SQL["active_model"], merchant_id=merchant_id)
            if now is not None and (now["model"], now["model_version"]) == (name, version):
                return False
        raise PaykeelError("The model could not be enabled: others were always faster.")


def checked_model(document: Mapping[str, Any] | None, sha256: bytes) -> LogisticModel:
    """Return a stored model, if it is the one that was registered.

    Raises:
        Misconfigured: ``model_changed``.
    """
    try:
        model = model_of(document)
    except InvalidField as error:
        raise Misconfigured(
            f"A stored model cannot be read: {error.message}", code="model_changed"
        ) from error
    if model.sha256 != sha256.hex():
        raise Misconfigured(
            "A stored model does not have the hash under which it was registered.",
            code="model_changed",
            model=model.name,
        )
    return model
