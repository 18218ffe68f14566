"""HTTP/1.1 as uvicorn speaks it, but for what cannot be read: that is refused with problem details too."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tercet_gateway.edge.exchange import API, SECURITY
from tercet_gateway.edge.problems import Problem

_WRONG = "This is no HTTP/1.1 request: its address or a header is malformed or too long. Correct it, then repeat it."


class Protocol(HttpToolsProtocol):
    """One connection."""

    def send_400_response(self, msg: str) -> None:
        """Refuses what the parser gave up on, and hangs up: where the next request would begin is unknown."""
        problem = Problem(400, "HTTP_INVALID", _WRONG)
        body = problem.body("", "")
        headers = [*problem.all_headers(), *SECURITY, *API, (b"content-length", str(len(body)).encode())]
        lines = b"".join(b"%s: %s\r\n" % pair for pair in (*headers, (b"connection", b"close")))
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + body)
        self.transport.close()
