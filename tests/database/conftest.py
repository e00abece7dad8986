"""A data folder of its own for each test that starts embedded servers."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from paykeel.db.embedded import EmbeddedServer, start_embedded
from tests.database.embedded import Start


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pk-"))
    # Entered by the server's user, where root runs the tests.
    folder.chmod(0o711)
    yield folder / "d"
    shutil.rmtree(folder)


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    """Start a server, which is stopped when the test ends, whatever became of it."""
    with ExitStack() as stack:

        def started(**options: Any) -> EmbeddedServer:
            server = start_embedded(data_dir, **{"start_ms_max": 60_000} | options)
            stack.callback(server.release)
            return server

        yield started
