"""Load from inside the cluster: creates, reads and lists leads until /tmp/stop is there, then prints what came of it.
Nothing but the standard library, since it runs in the gateway's image.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

URL = urlsplit(os.environ["TERCET_URL"])
WORKERS = int(os.environ.get("WORKERS", "6"))
PAUSE = float(os.environ.get("PAUSE_SECONDS", "0.02"))
SECRETS = Path("/run/tercet")
STOP = Path("/tmp/stop")
_SIGN_IN_AGAIN = 240.0


class Tally:
    """What all workers did."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.created: list[str] = []
        self.seconds: list[float] = []

    def add(self, what: str, seconds: float, failure: str = "", created: str = "") -> None:
        with self.lock:
            self.answers[what] += 1
            self.seconds.append(seconds)
            if failure:
                self.failures.append(f"{time.strftime('%H:%M:%S')} {what}: {failure}"[:300])
            if created:
                self.created.append(created)


class Caller:
    """One worker's connection, kept alive. A kept connection that was closed before anything came back is opened
    again and the request repeated under the same key, as HTTP lets every client do; that is counted.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._connection = self._new()
        self._used = False

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        headers = {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            return self._once(method, path, data, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            reused, self._connection, self._used = self._used, self._new(), False
            if not reused:
                raise
            with self._tally.lock:
                self._tally.answers["reconnected"] += 1
            return self._once(method, path, data, headers)
        except (OSError, http.client.HTTPException):
            self._connection, self._used = self._new(), False
            raise

    def _once(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = not answer.will_close
        try:
            return answer.status, json.loads(content)
        except ValueError as unreadable:
            raise ValueError(f"{answer.status} {dict(answer.headers)} {content[:200]!r}") from unreadable

    @staticmethod
    def _new() -> http.client.HTTPConnection:
        return http.client.HTTPConnection(URL.hostname or "", URL.port or 80, timeout=30)


def secret(name: str) -> str:
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def work(number: int, tally: Tally) -> None:
    """One worker: of ten requests four create, four read what was created, two list."""
    caller, token, signed_in, turn = Caller(tally), "", 0.0, number
    mine: list[str] = []
    who = {"tenant": secret("tenant"), "email": secret("email"), "password": secret("password"), "client": "load"}
    # All at once at one account would look like somebody who guesses.
    time.sleep(number)
    while not STOP.exists():
        began = time.monotonic()
        what, created = "sign-in", ""
        try:
            if not token or began - signed_in > _SIGN_IN_AGAIN:
                status, answer = caller.call("POST", "/v1/sessions", who)
                token, signed_in = answer.get("access_token", ""), began
            elif turn % 10 < 4 or not mine:
                what, key = "create", uuid.uuid4().hex
                lead = {"full_name": f"负载 {key[:12]}", "email": f"{key}@load.example", "source_code": "api"}
                status, answer = caller.call("POST", "/v1/leads", lead, token)
                if status < 300:
                    mine.append(created := answer["id"])
            elif turn % 10 < 8:
                what = "read"
                status, answer = caller.call("GET", f"/v1/leads/{mine[turn * 7 % len(mine)]}", token=token)
            else:
                what = "list"
                status, answer = caller.call("GET", "/v1/leads?page_size=20&order_by=create_time%20desc", token=token)
            failure = "" if status < 300 else f"{status} {json.dumps(answer, ensure_ascii=False)}"
        except (OSError, http.client.HTTPException, ValueError) as fault:
            failure = repr(fault)
        tally.add(what, time.monotonic() - began, failure, created)
        turn += 1
        time.sleep(PAUSE)


def main() -> None:
    """Runs until told to stop, and a line a second meanwhile."""
    tally = Tally()
    workers = [threading.Thread(target=work, args=(number, tally), daemon=True) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    while not STOP.exists():
        time.sleep(1)
        with tally.lock:
            done, failed = sum(tally.answers.values()), len(tally.failures)
        sys.stdout.write(f"{done} requests, {failed} failed\n")
        sys.stdout.flush()
    for worker in workers:
        worker.join(60)
    seconds = sorted(tally.seconds) or [0.0]
    figures = {
        "answers": dict(tally.answers),
        "p50_ms": round(seconds[len(seconds) // 2] * 1000, 1),
        "p99_ms": round(seconds[len(seconds) * 99 // 100] * 1000, 1),
        "longest_ms": round(seconds[-1] * 1000, 1),
    }
    # Short lines: what keeps logs cuts long ones.
    say("figures", figures)
    for failure in tally.failures:
        say("failure", failure)
    for first in range(0, len(tally.created), 100):
        say("created", tally.created[first : first + 100])


def say(what: str, value: Any) -> None:
    """One line of the result."""
    sys.stdout.write(f"RESULT {what} {json.dumps(value)}\n")


if __name__ == "__main__":
    main()
