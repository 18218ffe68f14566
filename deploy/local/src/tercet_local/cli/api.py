"""The public REST API as the commands use it: signed in, with refusals as one clear line."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
import typer

from tercet_local.cli.credentials import Credentials, token_from_environment
from tercet_local.errors import LocalError

Url = Annotated[str, typer.Option("--url", envvar="TERCET_URL", help="Address of the installation.")]
DEFAULT_URL = "http://127.0.0.1:8080"

_TIMEOUT = httpx2.Timeout(60.0, connect=5.0)


class ApiRefused(LocalError):
    """The API's own refusal: its sentence, its reason and the fields that are wrong."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.reason = str(problem.get("reason", ""))
        text = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        wrong = [f"  {item.get('field')}: {item.get('message')}" for item in problem.get("violations") or ()]
        super().__init__("\n".join([f"{text} ({self.reason or status})", *wrong]))


class Unreachable(LocalError):
    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"{url} does not answer ({why}). `tercet up` starts Tercet here; --url or TERCET_URL names another."
        )


class NotSignedIn(LocalError):
    def __init__(self, url: str) -> None:
        super().__init__(f"Not signed in at {url}. Sign in with `tercet token --tenant CODE --email ADDRESS`.")


class Api:
    """One installation. An expired access token is renewed by the way, once."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._credentials = Credentials(self.url)
        # A proxy for the outside has no business between us and this machine.
        outside = urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1")
        self._client = httpx2.Client(base_url=self.url, timeout=_TIMEOUT, trust_env=outside)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.call("POST", path, body=body)

    def call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Call and return the answer. Refused with what the API said, or when nobody is signed in."""
        key = str(uuid.uuid4()) if method != "GET" else None  # the same for the repetition after a renewal
        response = self._send(method, path, body, query, self._token(), key)
        if response.status_code == 401 and self._renew():
            response = self._send(method, path, body, query, self._token(), key)
        return _answer(response)

    def upload(self, service: str, file: Path, media_type: str) -> dict[str, Any]:
        """Send a file to a service. Refused with what the API said."""
        path, key, query = f"/v1/{service}/files", str(uuid.uuid4()), {"name": file.name}
        response = self._send("POST", path, None, query, self._token(), key, file, media_type)
        if response.status_code == 401 and self._renew():
            response = self._send("POST", path, None, query, self._token(), key, file, media_type)
        return _answer(response)

    def sign_in(self, tenant: str, email: str, password: str) -> dict[str, Any]:
        """Sign in and keep the tokens. Refused with what the API said."""
        body = {"tenant": tenant, "email": email, "password": password, "client": "tercet command line"}
        tokens = _answer(self._send("POST", "/v1/sessions", body, None, None, None))
        self._credentials.save(_kept(tokens) | {"tenant": tenant, "email": email})
        return tokens

    def sign_out(self) -> None:
        """End the session that is kept; being signed out already is no error."""
        refresh = self._credentials.load().get("refresh_token")
        if refresh:
            _answer(self._send("POST", "/v1/sessions:end", {"refresh_token": refresh}, None, None, None))
        self._credentials.forget()

    def current_token(self) -> str:
        """A token that is valid now. Refused when nobody is signed in."""
        given = token_from_environment()
        if given:
            return given
        if not self._renew():
            raise NotSignedIn(self.url)
        return self._token()

    def _token(self) -> str:
        token = token_from_environment() or self._credentials.load().get("access_token")
        if not isinstance(token, str):
            raise NotSignedIn(self.url)
        return token

    def _renew(self) -> bool:
        """Exchange the refresh token; False when there is none or it is spent."""
        kept = self._credentials.load()
        refresh = kept.get("refresh_token")
        if token_from_environment() or not refresh:
            return False
        response = self._send("POST", "/v1/sessions:refresh", {"refresh_token": refresh}, None, None, None)
        if response.status_code == 401:
            self._credentials.forget()
            return False
        self._credentials.save(kept | _kept(_answer(response)))
        return True

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, Any] | None,
        token: str | None,
        key: str | None,
        content: Path | None = None,
        media_type: str = "",
    ) -> httpx2.Response:
        headers = {}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if key:
            headers["idempotency-key"] = key
        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            if content is None:
                return self._client.request(method, path, json=body, params=given, headers=headers)
            headers["content-type"] = media_type
            with content.open("rb") as stream:
                return self._client.request(method, path, content=stream, params=given, headers=headers)
        except httpx2.TransportError as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error


def _kept(tokens: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tokens[name] for name in ("access_token", "refresh_token") if name in tokens}


def _answer(response: httpx2.Response) -> dict[str, Any]:
    try:
        content = response.json() if response.content else {}
    except ValueError:
        content = {}
    if response.is_error:
        raise ApiRefused(response.status_code, content if isinstance(content, dict) else {})
    if not isinstance(content, dict):
        raise LocalError(f"{response.url} answered with something that is not a JSON object.")
    return content
