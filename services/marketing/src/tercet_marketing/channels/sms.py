"""Text messages by any provider that takes JSON over HTTPS: the account says how its fields are called."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from tercet_chassis.money import Money
from tercet_chassis.outbound import AddressForbidden, check_url
from tercet_marketing.channels import http
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Arrival,
    Channel,
    Fate,
    House,
    Later,
    Message,
    Receipt,
    Report,
    ReportForged,
    Setting,
    Status,
    Unclear,
)

# How providers call the same facts; an account may name others of its own.
_FATES = {
    "accepted": Fate.SENT,
    "queued": Fate.SENT,
    "sent": Fate.SENT,
    "delivered": Fate.DELIVERED,
    "failed": Fate.FAILED,
    "rejected": Fate.FAILED,
    "undelivered": Fate.FAILED,
}


class Sms(Channel):
    """Text messages."""

    code = "sms"
    display_name = "短信 SMS"
    address_kind = AddressKind.PHONE
    abilities = frozenset({Ability.STATUS, Ability.RECEIVE, Ability.COST})
    settings = (
        Setting("url", "Where messages are posted to.", required=True),
        Setting("token", "What stands after `Bearer` in the Authorization field.", secret=True),
        Setting("report_secret", "What the provider signs its reports with (HMAC-SHA256, hexadecimal).", secret=True),
        Setting("status_url", "Where it tells what became of a message; `{id}` stands for our id."),
        Setting("once", "true when it takes a message with the same id once only."),
        Setting("to_field", "Its name of the number; `to` when left out."),
        Setting("text_field", "Its name of the text; `text` when left out."),
        Setting("sender_field", "Its name of the sender; `from` when left out."),
        Setting("id_field", "Its name of our id; `client_id` when left out."),
        Setting("answer_id_field", "Its name of its own id in the answer; `id` when left out."),
    )

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: addresses that may be called, and `{id}` where a status is asked."""
        wrong = dict(super().check(account))
        for name in ("url", "status_url"):
            if url := account.settings.get(name):
                try:
                    check_url(str(url), allow_private=account.allow_private)
                except AddressForbidden as forbidden:
                    wrong[name] = forbidden.message
        if (asked := account.settings.get("status_url")) and "{id}" not in str(asked):
            wrong["status_url"] = "write {id} where our id stands"
        return wrong

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Posts the message with our id. Unclear when the connection broke under it, unless the provider takes an id
        once only.
        """
        told = account.settings
        body = {
            str(told.get("to_field") or "to"): message.to.value,
            str(told.get("text_field") or "text"): message.brief,
            str(told.get("id_field") or "client_id"): str(message.id),
        }
        if account.sender:
            body[str(told.get("sender_field") or "from")] = account.sender
        headers = {**_headers(account), "idempotency-key": str(message.id)}
        once = bool(told.get("once"))
        try:
            answer = await http.exchange(
                "POST", str(told["url"]), allow_private=account.allow_private, body=orjson.dumps(body), headers=headers
            )
        except Unclear as fault:
            if once:
                raise Later(fault.detail) from fault
            raise
        content = http.judged(answer, once=once).json()
        known = content if isinstance(content, dict) else {}
        id = str(known.get(str(told.get("answer_id_field") or "id")) or "")
        return Receipt(provider_id=id, cost=_cost(known.get("cost")) or self.cost(message, account))

    async def status(self, message_id: UUID, provider_id: str, account: Account, house: House) -> Status:
        """What the provider tells by our id; unknown where the account does not say how to ask."""
        asked = account.settings.get("status_url")
        if not asked:
            return Status(Fate.UNKNOWN, message_id)
        url = str(asked).replace("{id}", quote(str(message_id)))
        answer = await http.exchange("GET", url, allow_private=account.allow_private, headers=_headers(account))
        if answer.status == 404:
            return Status(Fate.ABSENT, message_id)
        if answer.status != 200:
            return Status(Fate.UNKNOWN, message_id, detail=answer.words)
        content = answer.json()
        return _status(content if isinstance(content, dict) else {}, message_id)

    async def receive(self, report: Report, account: Account, house: House) -> Sequence[Arrival | Status]:
        """What became of messages, and what customers wrote: one JSON object or a list of them, signed by the field
        `x-signature`.
        """
        secret = account.secrets.get("report_secret")
        if not secret:
            raise ReportForged("the account has no report_secret, so that nobody's report can be believed")
        fitting = hmac.digest(secret.encode(), report.body, hashlib.sha256).hex()
        if not hmac.compare_digest(fitting.encode(), report.headers.get("x-signature", "").lower().encode()):
            raise ReportForged("its signature does not fit")
        try:
            content: Any = orjson.loads(report.body)
        except ValueError as wrong:
            raise ReportForged("it is no JSON") from wrong
        items = content if isinstance(content, list) else [content]
        id_field = str(account.settings.get("id_field") or "client_id")
        found: list[Arrival | Status] = []
        for item in items:
            if not isinstance(item, dict):
                raise ReportForged("it is no JSON object")
            if item.get("type") == "inbound":
                found.append(_arrival(item))
            else:
                found.append(_status(item, _uuid(item.get(id_field))))
        return found


def _headers(account: Account) -> dict[str, str]:
    headers = {"content-type": "application/json; charset=utf-8", "accept": "application/json"}
    if token := account.secrets.get("token"):
        headers["authorization"] = f"Bearer {token}"
    return headers


def _status(item: dict[str, Any], message_id: UUID | None) -> Status:
    return Status(
        fate=_FATES.get(str(item.get("status", "")).lower(), Fate.UNKNOWN),
        message_id=message_id,
        provider_id=str(item.get("id") or ""),
        detail=str(item.get("error") or "")[:500],
        bounced=bool(item.get("unreachable")),
        complained=bool(item.get("complaint")),
        cost=_cost(item.get("cost")),
    )


def _arrival(item: dict[str, Any]) -> Arrival:
    return Arrival(
        provider_id=str(item.get("id") or ""),
        kind=AddressKind.PHONE,
        sender=str(item.get("from") or ""),
        text=str(item.get("text") or "")[:100_000],
        in_reply_to=str(item.get("in_reply_to") or ""),
    )


def _cost(told: Any) -> Money | None:
    if not isinstance(told, dict):
        return None
    try:
        amount = Decimal(str(told.get("amount")))
    except InvalidOperation:
        return None
    currency = str(told.get("currency", ""))
    fits = amount.is_finite() and len(currency) == 3 and currency.isalpha() and abs(amount) < 10**9
    return Money(round(amount, 4), currency.upper()) if fits else None


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
