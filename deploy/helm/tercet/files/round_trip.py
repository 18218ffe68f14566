"""Signs in, creates a lead and waits until another service has heard of it: what `helm test` runs."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

URL = os.environ["TERCET_URL"]
WITHIN = float(os.environ.get("WITHIN_SECONDS", "60"))
SECRETS = Path("/run/tercet")


def call(method: str, path: str, body: Any = None, token: str = "") -> Any:
    """The answer as JSON; raises with the refusal's own words."""
    headers = {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as refused:
        raise RuntimeError(f"{method} {path}: {refused.code} {refused.read().decode()[:500]}") from refused


def say(*words: object) -> None:
    """One line of what the pod's log shows."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def secret(name: str) -> str:
    """One line of the mounted Secret."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def main() -> None:
    """Ends with 0 when the lead's person is known to marketing."""
    say("ready:", call("GET", "/readyz")["status"])
    who = {"tenant": secret("tenant"), "email": secret("email"), "password": secret("password"), "client": "helm test"}
    token = call("POST", "/v1/sessions", who)["access_token"]
    say("signed in as", who["email"])
    lead = call("POST", "/v1/leads", {"full_name": "Helm Test", "email": f"helm-{uuid.uuid4()}@test.example"}, token)
    say("created lead", lead["id"])
    began = time.monotonic()
    while True:
        try:
            profile = call("GET", f"/v1/profiles:byParty?party_id={lead['party_id']}", token=token)
            say("marketing knows", profile["display_name"], f"after {time.monotonic() - began:.1f} s")
            break
        except RuntimeError as refused:
            if time.monotonic() - began > WITHIN:
                sys.exit(f"marketing has not heard of the lead within {WITHIN:.0f} s; the last answer: {refused}")
            time.sleep(0.5)
    call("DELETE", f"/v1/leads/{lead['id']}", token=token)
    say("removed the lead")


if __name__ == "__main__":
    main()
