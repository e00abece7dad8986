"""uvicorn's HTTP protocol with a bound on what comes before the application is asked.

httptools gathers a request's head without any limit of size or time. Here both are limited, at no
cost for a head that arrives in one piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from paykeel.api.call import BODY_CAME

if TYPE_CHECKING:
    import asyncio

#: What may be gathered before the head is complete. The application's own limits are lower.
HEAD_BYTES_MAX = 64 * 1024
HEAD_S_MAX = 10.0

_ANSWERS = {
    408: b"HTTP/1.1 408 Request Timeout\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
}


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose requests do not begin properly."""

    _head_open = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._unwatch()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._head_open, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Note that it is complete."""
        self._head_open = False
        self._unwatch()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Tell the edge that nothing has to be waited for; often all comes in one piece."""
        super().on_message_complete()
        self.scope[BODY_CAME] = True  # type: ignore[literal-required]

    def data_received(self, data: bytes) -> None:
        """Count what comes for a head that is not complete yet."""
        super().data_received(data)
        if self._head_open and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(431)
            else:
                self._watch()

    def _watch(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S_MAX, self._refuse, 408)

    def _unwatch(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int) -> None:
        """Answer without the application, which knows nothing of this request, and close."""
        self._head_timer = None
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            ends = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(_ANSWERS[status] + ends)
        self.transport.close()
