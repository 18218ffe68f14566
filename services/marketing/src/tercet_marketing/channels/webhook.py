"""A tenant's own system is told, and reaches the customer itself. Signed as Standard Webhooks are, under our id, by
which the receiver knows a repetition.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time

import orjson

from tercet_chassis.outbound import AddressForbidden, check_url
from tercet_marketing.channels import http
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Channel,
    House,
    Later,
    Message,
    Receipt,
    Setting,
    Unclear,
)

_PREFIX = "whsec_"


class WebhookChannel(Channel):
    """A tenant's own system, by HTTP."""

    code = "webhook"
    display_name = "网络回调 Webhook"
    address_kind = AddressKind.URL
    abilities = frozenset({Ability.HTML, Ability.SUBJECT, Ability.ONCE})
    settings = (
        Setting("url", "Where messages are posted to.", required=True),
        Setting("secret", "What they are signed with: `whsec_` and base64 of 24 bytes or more.", True, True),
    )

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: an address that may be called, and a secret that signs."""
        wrong = dict(super().check(account))
        if url := account.settings.get("url"):
            try:
                check_url(str(url), allow_private=account.allow_private)
            except AddressForbidden as forbidden:
                wrong["url"] = forbidden.message
        if (secret := account.secrets.get("secret")) and _key(secret) is None:
            wrong["secret"] = "give whsec_ and base64 of 24 bytes or more"
        return wrong

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Posts the message. What goes wrong on the way is tried again: the receiver knows the id."""
        body = orjson.dumps(
            {
                "type": "marketing.message",
                "id": str(message.id),
                "purpose": message.purpose,
                "identity_id": str(message.to.identity_id or ""),
                "party_id": str(message.to.party_id or ""),
                "language": message.language,
                "subject": message.subject,
                "text": message.text or message.brief,
                "html": message.html,
                "short_text": message.short_text,
            }
        )
        stamp = int(time.time())
        headers = {
            "content-type": "application/json; charset=utf-8",
            "webhook-id": str(message.id),
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(account.secrets["secret"], str(message.id), stamp, body),
        }
        url = message.to.value or str(account.settings["url"])
        try:
            answer = await http.exchange("POST", url, allow_private=account.allow_private, body=body, headers=headers)
        except Unclear as fault:
            raise Later(fault.detail) from fault
        http.judged(answer, once=True)
        return Receipt(provider_id=str(message.id), delivered=True, cost=self.cost(message, account))


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` of HMAC-SHA256 over id, timestamp and body."""
    key = _key(secret) or b""
    return "v1," + base64.b64encode(hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)).decode()


def _key(secret: str) -> bytes | None:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= 24 else None
