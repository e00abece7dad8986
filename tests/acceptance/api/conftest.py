from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from paykeel import log
from tests.acceptance.api.kit import Api, calling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from paykeel import Paykeel


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged during a test, at the finest level, as JSON lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    log.set_up("json", "DEBUG", written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def api(paykeel: Paykeel, logged: io.StringIO) -> AsyncIterator[Api]:
    async with calling(paykeel) as opened:
        yield opened
