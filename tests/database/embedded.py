"""What the tests of the embedded server share: asking it, and other processes that use it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from paykeel.db.embedded import EmbeddedServer

Start = Callable[..., EmbeddedServer]

#: Starts the server, says its number, and releases it when told to; as another process.
_USER = """
import json, sys
from pathlib import Path
from paykeel.db.embedded import start_embedded
server = start_embedded(Path(sys.argv[1]), start_ms_max=60_000)
print(json.dumps({"pid": server.pid, "url": server.app_url}), flush=True)
sys.stdin.readline()
server.release()
"""


@contextmanager
def users(data_dir: Path, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Let other processes start the server, all at once."""
    command = [sys.executable, "-c", _USER, str(data_dir)]
    pipe = subprocess.PIPE
    found = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]
    try:
        yield found
    finally:
        for process in found:
            if process.poll() is None:
                process.communicate("\n", timeout=60)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


def said_anything(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return bool(process.stdout.readline())


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


def query(url: str, statement: str) -> Any:
    """Run one statement and return its first value."""

    async def ask() -> Any:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(asyncio.wait_for(ask(), 30))


def starts(server: EmbeddedServer) -> int:
    return server.log_path.read_text().count("LOG:  starting PostgreSQL")


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
