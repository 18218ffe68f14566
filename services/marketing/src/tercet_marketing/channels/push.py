"""Push to apps through Firebase Cloud Messaging (HTTP v1). It cannot be asked what became of a message, and does not
know a repetition: what was cut off stays unclear.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tercet_chassis.outbound import AddressForbidden, check_url
from tercet_marketing.channels import http
from tercet_marketing.channels.access_tokens import AccessTokens
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Channel,
    House,
    Later,
    Message,
    Receipt,
    Refused,
    Setting,
    Unclear,
)

_HOME = "https://fcm.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_NEEDED = ("project_id", "client_email", "private_key", "token_uri")
# What a device shows of a text.
_MOST_SHOWN = 1_000


class Push(Channel):
    """Push messages to a customer's app."""

    code = "push"
    display_name = "推送 Push"
    address_kind = AddressKind.DEVICE
    abilities = frozenset({Ability.SUBJECT})
    settings = (
        Setting("service_account", "The JSON key of the service account that may send.", required=True, secret=True),
        Setting("link", "What the app opens when the message is tapped."),
        Setting("api_url", "Where the interface is; its public address when left out."),
    )

    def __init__(self) -> None:
        self._tokens = AccessTokens()

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: a key that is one, and addresses that may be called."""
        wrong = dict(super().check(account))
        if account.secrets.get("service_account"):
            key = _key(account)
            missing = [name for name in _NEEDED if not key.get(name)]
            if missing:
                wrong["service_account"] = f"it is no JSON key of a service account: {', '.join(missing)} missing"
        called = {"api_url": account.settings.get("api_url"), "service_account": _key(account).get("token_uri")}
        for name, url in called.items():
            if url and name not in wrong:
                try:
                    check_url(str(url), allow_private=account.allow_private)
                except AddressForbidden as forbidden:
                    wrong[name] = forbidden.message
        return wrong

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Sends to one device. A token that is taken no more is fetched anew, once."""
        key = _key(account)
        home = str(account.settings.get("api_url") or _HOME).rstrip("/")
        url = f"{home}/v1/projects/{quote(str(key['project_id']))}/messages:send"
        body = orjson.dumps({"message": _said(message, account)})
        name = key["client_email"], home
        for last in (False, True):
            token = await self._tokens.token(name, lambda: _asked(key, account))
            headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
            answer = await http.exchange("POST", url, allow_private=account.allow_private, body=body, headers=headers)
            if answer.status == 401 and not last:
                self._tokens.forget(name)
                continue
            break
        if answer.status == 401:
            raise Later(answer.words)
        if answer.status == 404 or _code(answer) == "UNREGISTERED":
            raise Refused(answer.words, bounced=True)
        told = http.judged(answer, once=False).json()
        return Receipt(provider_id=str(told.get("name") or ""), cost=self.cost(message, account))


def _key(account: Account) -> dict[str, Any]:
    try:
        found = orjson.loads(account.secrets.get("service_account", ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(message: Message, account: Account) -> dict[str, Any]:
    shown = {"body": message.brief[:_MOST_SHOWN]} | ({"title": message.subject} if message.subject else {})
    data = {"message_id": str(message.id)}
    if link := account.settings.get("link"):
        data["link"] = str(link)
    return {"token": message.to.value, "notification": shown, "data": data}


async def _asked(key: dict[str, Any], account: Account) -> tuple[str, int]:
    """A token for an hour, for the service account's own signature (RFC 7523)."""
    now = int(time.time())
    claims = {
        "iss": key["client_email"], "scope": _SCOPE, "aud": key["token_uri"], "iat": now, "exp": now + 3600,
    }  # fmt: skip
    try:
        assertion = jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(str(key["private_key"])))
    except (JoseError, ValueError) as wrong:
        raise Refused(f"the service account's key does not sign: {wrong}") from wrong
    body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    try:
        answer = await http.exchange(
            "POST", str(key["token_uri"]), allow_private=account.allow_private, body=body, headers=headers
        )
    except Unclear as fault:
        # No message has gone yet, whatever became of the question.
        raise Later(fault.detail) from fault
    told = answer.json()
    if answer.status != 200 or not isinstance(told, dict) or not told.get("access_token"):
        raise Later(f"no access token: {answer.words}")
    return str(told["access_token"]), int(told.get("expires_in", 3600))


def _code(answer: http.Answer) -> str:
    told = answer.json()
    error = told.get("error") if isinstance(told, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    found = (each.get("errorCode") for each in details or () if isinstance(each, dict))
    return next((str(code) for code in found if code), "")
