"""Secrets that an installation makes for itself once, when nobody has set them.

With the embedded server they are files in its data folder, so that they do not travel with a dump
of the database. With a database of one's own they are rows of ``server_secrets``, since that is
the one place that all processes share.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from paykeel.db.sql import load
from paykeel.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.db.pool import Database

SQL = load("paykeel.db", "secrets.sql")
#: The folder below the data folder that holds them.
FOLDER = "secrets"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


async def load_secret(
    database: Database, name: str, make: Callable[[], bytes], *, folder: Path | None = None
) -> bytes:
    """Return the secret of this name, made the first time: every process gets the same.

    Args:
        database: Where it is kept when ``folder`` is not given.
        name: Lower-case letters, digits and ``_``.
        make: Makes a new one of 16 to 4,096 bytes; what it makes may be thrown away.
        folder: The embedded server's data folder; the secret is then a file with mode 0600 there.

    Raises:
        Misconfigured: ``secret_unusable``: the name is malformed, or the file cannot be read.
        DatabaseUnavailable: The database does not answer.
    """
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} is no name for a secret.", code="secret_unusable")
    if folder is not None:
        return await asyncio.to_thread(_load_file, folder, name, make)
    row = await database.fetchrow(SQL["find_secret"], name=name)
    if row is None:
        await database.fetch(SQL["keep_secret"], name=name, secret=make())
        # Read again, in a new statement: whoever was first has decided.
        row = await database.fetchrow(SQL["find_secret"], name=name)
    if row is None:
        raise Misconfigured(f"The secret {name} was made and is gone.", code="secret_unusable")
    return bytes(row["secret"])


def _load_file(folder: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """Read the file, or make it whole beside its place and link it there unless one is there."""
    folder = folder.expanduser() / FOLDER
    path = folder / name
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # mkstemp makes files that only this user can read.
            number, fresh = tempfile.mkstemp(prefix=f"{name}.", dir=folder)
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(make())
                    file.flush()
                    os.fsync(file.fileno())
                _link(Path(fresh), path)
            finally:
                Path(fresh).unlink()
            _sync(folder)
        secret = path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The secret {name} in {folder} cannot be read or made: {error.strerror}.",
            code="secret_unusable",
        ) from error
    if not secret:
        raise Misconfigured(f"The secret {path} is empty.", code="secret_unusable")
    return secret


def _link(fresh: Path, path: Path) -> None:
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        # Another process was faster, and its secret holds.
        return


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
