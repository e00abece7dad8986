# ruff: noqa: INP001 - a script, which nobody imports
"""Writes ``src/paykeel/db/schema.sql``: what all migrations add up to, for reading.

It is the dump of a database of the embedded PostgreSQL 18 to which every migration was applied,
without what depends on the version of the server or of pg_dump. Run it after adding a migration::

    python tools/write_schema.py
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from paykeel.db import migrate
from paykeel.db.embedded import EmbeddedServer, start_embedded

TARGET = Path(migrate.__file__).with_name("schema.sql")
HEADING = """\
-- What all migrations add up to, for reading: nothing applies this file.
-- Written by tools/write_schema.py; a test holds it equal to the migrations.

"""
#: Settings of the session that restores; most differ between versions of PostgreSQL.
_SESSION = re.compile(
    r"SET [a-z_]+ = [^;]*;|SELECT pg_catalog\.set_config\(.*\);|\\(un)?restrict \w+"
)
#: A literal is stepped over as a whole; what is left are spaces.
_SPACE = re.compile(r"'(?:[^']|'')*'| ")
COLUMNS_MAX = 100
_TITLE = re.compile(r"^--\n-- Name: (.+?); Type: (.+?); Schema: .*\n--\n", re.MULTILINE)


def readable(dump: str) -> str:
    """Return a dump without settings of the session, with short titles, and dated by nothing."""
    lines = [line for line in dump.splitlines() if not _SESSION.fullmatch(line)]
    _, _, rest = "\n".join(lines).partition("-- Dumped by")
    body, _, _ = rest.partition("\n")[2].partition("--\n-- PostgreSQL database dump complete")
    body = _TITLE.sub(_short_title, body)
    body = re.sub(r"\n{3,}", "\n\n", body)
    body = re.sub(r"(?<=;\n)\n(?=GRANT)", "", body).strip()
    return HEADING + "".join(f"{narrow}\n" for line in body.splitlines() for narrow in wrap(line))


def wrap(line: str) -> Iterator[str]:
    """Break a line that is too wide at spaces, of which none is inside a literal."""
    line = line.expandtabs(4)
    # What goes on below a comment is a comment.
    indent = "--  " if line.startswith("--") else " " * (len(line) - len(line.lstrip()) + 4)
    while len(line) > COLUMNS_MAX:
        spaces = [found.start() for found in _SPACE.finditer(line) if found[0] == " "]
        fitting = [at for at in spaces if len(indent) < at <= COLUMNS_MAX]
        if not fitting:
            break
        yield line[: fitting[-1]]
        line = indent + line[fitting[-1] + 1 :]
    yield line


def _short_title(title: re.Match[str]) -> str:
    # Of the many grants each says by itself what it is about.
    return "" if title[2] in {"ACL", "COMMENT"} else f"-- {title[2]} {title[1]}\n"


def dump(server: EmbeddedServer) -> str:
    """Return the schema of the server's database, as pg_dump writes it."""
    command = [str(server.bin_dir / "pg_dump"), "--schema-only", "--no-owner", server.owner_url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout


def main() -> None:
    """Write the file anew."""
    with tempfile.TemporaryDirectory(prefix="pk-") as folder:
        server = start_embedded(Path(folder) / "data", postgres_version=18, start_ms_max=60_000)
        try:
            asyncio.run(migrate.migrate(server.owner_url, lock_ms_max=5_000))
            TARGET.write_text(readable(dump(server)), encoding="utf-8", newline="\n")
        finally:
            server.release()


if __name__ == "__main__":
    main()
