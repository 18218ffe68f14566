"""WeCom: to colleagues as messages of an app, to customers through customer service, and what either writes.

WeCom cannot be asked what became of a message: what was cut off stays unclear. What colleagues write is pushed, signed
and encrypted; what customers write is fetched with a cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote
from uuid import uuid5

import orjson

from tercet_chassis.outbound import AddressForbidden, check_url
from tercet_marketing.channels import http
from tercet_marketing.channels.access_tokens import AccessTokens
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Answer,
    Arrival,
    Catch,
    Caught,
    Channel,
    House,
    Later,
    Message,
    Receipt,
    Refused,
    Report,
    Setting,
    Status,
    Unclear,
    Unreadable,
)
from tercet_marketing.channels.parts import sent_in_parts
from tercet_marketing.channels.wechat_reports import content_of, fields, keys_of, moment, written, wrong_keys

_HOME = "https://qyapi.weixin.qq.com"
_TOKEN = frozenset({40014, 42001, 41001})
_LATER = frozenset({-1, 45009, 45033})
# No such colleague; no such customer.
_GONE = frozenset({60111, 40031, 84061, 95007})
# Of what was said in customer service, what the customer said.
_CUSTOMER = 3
_MOST_CAUGHT = 200
_MOST_ANSWERED = 4_000_000


class WeCom(Channel):
    """WeCom (企业微信)."""

    code = "wecom"
    display_name = "企业微信 WeCom"
    address_kind = AddressKind.ACCOUNT
    platform = "wecom"
    abilities = frozenset({Ability.RECEIVE, Ability.FETCH})
    settings = (
        Setting("corp_id", "The company's CorpID.", required=True),
        Setting("app_secret", "The Secret of the app, or of customer service.", required=True, secret=True),
        Setting("agent_id", "The app's AgentId, where colleagues are written to."),
        Setting("kf_id", "The customer service account (open_kfid), where customers are written to."),
        Setting("token", "The Token that reports are signed with.", secret=True),
        Setting("aes_key", "The EncodingAESKey that reports are encrypted with: 43 signs.", secret=True),
        Setting("look_minutes", "How many minutes pass between two looks for what customers wrote; 1 when left out."),
        Setting("api_url", "Where WeCom's interface is; its public address when left out."),
    )

    def __init__(self) -> None:
        self._tokens = AccessTokens()

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: an app or customer service, and keys that are keys."""
        wrong = dict(super().check(account))
        settings = account.settings
        if bool(settings.get("agent_id")) == bool(settings.get("kf_id")):
            wrong["agent_id"] = "give either the agent_id of an app or the kf_id of customer service"
        wrong |= wrong_keys(account)
        minutes = settings.get("look_minutes")
        if minutes is not None and not (isinstance(minutes, int | float) and 1 <= minutes <= 1440):
            wrong["look_minutes"] = "give a number from 1 to 1440"
        if url := settings.get("api_url"):
            try:
                check_url(str(url), allow_private=account.allow_private)
            except AddressForbidden as forbidden:
                wrong["api_url"] = forbidden.message
        return wrong

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Sends to a colleague or a customer, as the account is one for."""
        told = await sent_in_parts(
            message.brief, lambda number, part: self._call(account, *_said(message, account, number, part))
        )
        # The app answers that all is well and beside it who was not there.
        if message.to.value in str(told.get("invaliduser") or "").split("|"):
            raise Refused("no such user", bounced=True)
        return Receipt(provider_id=str(told.get("msgid") or ""), cost=self.cost(message, account))

    async def receive(self, report: Report, account: Account, house: House) -> Sequence[Arrival | Status | Answer]:
        """What colleagues write to the app. Refuses what WeCom did not sign and encrypt for this account."""
        asked = dict(parse_qsl(report.headers.get("query", "")))
        content = content_of(report, asked, keys_of(account), str(account.settings["corp_id"]))
        if "echostr" in asked:
            # WeCom asks whether the address is ours: whoever can read that answers it.
            return [Answer(content.decode("utf-8", "replace"))]
        return [Answer("success"), *written(fields(content), self.platform)]

    def look_interval(self, account: Account) -> timedelta | None:
        """As the account says, where it is one of customer service."""
        if not account.settings.get("kf_id"):
            return None
        return timedelta(minutes=float(account.settings.get("look_minutes") or 1))

    async def fetch(self, account: Account, house: House, mark: str) -> Catch:
        """What customers wrote to customer service since the cursor; WeCom keeps it for three days."""
        body = {"cursor": mark, "open_kfid": account.settings["kf_id"], "limit": _MOST_CAUGHT}
        try:
            told = await self._call(account, "kf/sync_msg", body)
        except Unclear as fault:
            # Asking changes nothing, whatever became of the answer.
            raise Later(fault.detail) from fault
        found = [
            Caught(str(each.get("msgid")), orjson.dumps(each))
            for each in told.get("msg_list") or ()
            if each.get("origin") == _CUSTOMER
        ]
        return Catch(found, str(told.get("next_cursor") or mark), bool(told.get("has_more")))

    def read(self, raw: bytes, account: Account) -> Sequence[Arrival | Status]:
        """What a customer wrote. Refuses what is no message of WeCom's."""
        try:
            told = orjson.loads(raw)
            kind, id, sender = told["msgtype"], told["msgid"], told["external_userid"]
        except (ValueError, KeyError, TypeError) as wrong:
            raise Unreadable(f"it is no message of WeCom's: {wrong}") from wrong
        text = str(told.get("text", {}).get("content", "")) if kind == "text" else f"[{kind}]"
        return [
            Arrival(
                provider_id=str(id),
                kind=AddressKind.ACCOUNT,
                platform=self.platform,
                sender=str(sender),
                text=text[:100_000],
                write_time=moment(str(told.get("send_time", ""))),
            )
        ]

    async def _call(self, account: Account, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One call. A token that WeCom has taken back is fetched anew, once."""
        for last in (False, True):
            token = await self._tokens.token(_name(account), lambda: _asked(account))
            url = f"{_home(account)}/cgi-bin/{path}?access_token={quote(token)}"
            answer = await http.exchange(
                "POST", url, allow_private=account.allow_private, body=orjson.dumps(body), most=_MOST_ANSWERED
            )
            if answer.status >= 300:
                http.judged(answer, once=False)
                raise Unclear(answer.words)
            told = answer.json()
            code = told.get("errcode") if isinstance(told, dict) else None
            if code == 0:
                return dict(told)
            if not isinstance(code, int):
                raise Unclear("the answer cannot be read")
            said = f"{code} {told.get('errmsg') or ''}"
            if code not in _TOKEN or last:
                if code in _LATER or code in _TOKEN:
                    raise Later(said)
                raise Refused(said, bounced=code in _GONE)
            self._tokens.forget(_name(account))
        raise Later("no access token holds")


def _name(account: Account) -> tuple[str, str, str]:
    # Each app of a company has a token of its own.
    return str(account.settings["corp_id"]), account.code, _home(account)


def _home(account: Account) -> str:
    return str(account.settings.get("api_url") or _HOME).rstrip("/")


async def _asked(account: Account) -> tuple[str, int]:
    corp, secret = quote(str(account.settings["corp_id"])), quote(account.secrets.get("app_secret", ""))
    url = f"{_home(account)}/cgi-bin/gettoken?corpid={corp}&corpsecret={secret}"
    try:
        answer = await http.exchange("GET", url, allow_private=account.allow_private)
    except Unclear as fault:
        # No message has gone yet, whatever became of the question.
        raise Later(fault.detail) from fault
    told = answer.json()
    if answer.status != 200 or not isinstance(told, dict) or not told.get("access_token"):
        said = told.get("errmsg") if isinstance(told, dict) else answer.status
        raise Later(f"no access token: {said}")
    return str(told["access_token"]), int(told.get("expires_in", 7200))


def _said(message: Message, account: Account, number: int, part: str) -> tuple[str, dict[str, Any]]:
    text = {"msgtype": "text", "text": {"content": part}}
    if kf_id := account.settings.get("kf_id"):
        return "kf/send_msg", {
            "touser": message.to.value,
            "open_kfid": kf_id,
            # Each part has a name of its own, the same whenever it is sent.
            "msgid": (uuid5(message.id, str(number)) if number else message.id).hex,
            **text,
        }
    return "message/send", {"touser": message.to.value, "agentid": int(account.settings["agent_id"]), **text}
