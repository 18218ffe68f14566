"""The few routes of the public API that the command line calls, in the contract's shapes.

Access tokens open one call each, so that every second call meets an expired one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class StandInGateway(ThreadingHTTPServer):
    """What it was asked, and what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.keys: list[str] = []
        self.live: set[str] = set()
        self.refresh = ""
        self.given = 0

    def tokens(self) -> dict[str, Any]:
        self.given += 1
        access, self.refresh = f"access-{self.given}", f"refresh-{self.given}"
        self.live.add(access)
        return {"access_token": access, "refresh_token": self.refresh, "session": {"id": "s"}}


class _Handler(BaseHTTPRequestHandler):
    server: StandInGateway

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _handle(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        self.server.asked.append((self.command, self.path, body))
        if key := self.headers.get("idempotency-key"):
            self.server.keys.append(key)
        status, answer = self._answer(body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        gateway = self.server
        path = self.path.split("?")[0]
        if path == "/v1/sessions":
            if body["password"] != "secret":
                return 401, {"detail": "E-mail address or password is wrong.", "reason": "CREDENTIALS_WRONG"}
            return 200, gateway.tokens()
        if path == "/v1/sessions:refresh":
            if body["refresh_token"] != gateway.refresh:
                return 401, {"detail": "Sign in again.", "reason": "SESSION_ENDED"}
            return 200, gateway.tokens()
        if path == "/v1/sessions:end":
            gateway.refresh = ""
            return 200, {}
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in gateway.live:
            return 401, {"detail": "The access token has expired.", "reason": "TOKEN_EXPIRED"}
        gateway.live.discard(token)
        return gateway.answers.get(path, (404, {"detail": "There is no such route.", "reason": "NO_ROUTE"}))


@contextmanager
def stand_in_gateway() -> Iterator[StandInGateway]:
    gateway = StandInGateway()
    thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gateway
    finally:
        gateway.shutdown()
        thread.join()
        gateway.server_close()
