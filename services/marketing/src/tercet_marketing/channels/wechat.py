"""WeChat official accounts: template messages to followers, or plain text while a follower's own message is fresh; and
what followers write.

WeChat knows a repetition by `client_msg_id` for ten minutes only and cannot be asked: what was cut off stays unclear.
What followers write is pushed, signed and encrypted; what is pushed in clear nobody signs, so it is not taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

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
)
from tercet_marketing.channels.parts import sent_in_parts
from tercet_marketing.channels.wechat_reports import (
    check_signature,
    content_of,
    fields,
    keys_of,
    written,
    wrong_keys,
)

_HOME = "https://api.weixin.qq.com"
# Token unknown or spent; a fresh one helps.
_TOKEN = frozenset({40001, 40014, 41001, 42001})
# Busy, or a quota of the minute or day.
_LATER = frozenset({-1, 45009, 45011, 50002})
# No such follower, or not one any more.
_GONE = frozenset({40003, 43004, 43019})
# The follower's own message is older than 48 hours, or was answered as often as WeChat lets it be.
_STALE = frozenset({45015, 45047})


class _Stale(Refused):
    """Plain text goes no more; a template may."""


class WeChatOfficial(Channel):
    """A WeChat official account."""

    code = "wechat_official"
    display_name = "微信公众号 WeChat official account"
    address_kind = AddressKind.ACCOUNT
    platform = "wechat"
    abilities = frozenset({Ability.SUBJECT, Ability.RECEIVE})
    settings = (
        Setting("app_id", "The account's AppID.", required=True),
        Setting("app_secret", "Its AppSecret.", required=True, secret=True),
        Setting(
            "template_id",
            "The template message to send in; text within 48 hours when left out. Answers go as text first.",
        ),
        Setting("title_field", "The template's field for the subject, such as `thing1`; none when left out."),
        Setting("text_field", "The template's field for the text; `thing2` when left out."),
        Setting("token", "The Token that what followers write is signed with.", secret=True),
        Setting("aes_key", "The EncodingAESKey that it is encrypted with, in safe mode: 43 signs.", secret=True),
        Setting("link", "The page that a tap on the template message opens."),
        Setting("api_url", "Where WeChat's interface is; its public address when left out."),
    )

    def __init__(self) -> None:
        self._tokens = AccessTokens()

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: an interface that may be called, and keys that are keys."""
        wrong = dict(super().check(account)) | wrong_keys(account)
        if url := account.settings.get("api_url"):
            try:
                check_url(str(url), allow_private=account.allow_private)
            except AddressForbidden as forbidden:
                wrong["api_url"] = forbidden.message
        return wrong

    async def send(self, message: Message, account: Account, house: House) -> Receipt:
        """Sends to a follower: in the template where there is one, but what answers the follower's own words as text,
        whole, as long as WeChat lets it.
        """
        templated = bool(account.settings.get("template_id"))
        if not templated or message.in_reply_to:
            try:
                receipt: Receipt = await sent_in_parts(
                    message.brief, lambda _, part: self._sent("custom/send", _text(message, part), message, account)
                )
                return receipt
            except _Stale:
                if not templated:
                    raise
        return await self._sent("template/send", _template(message, account), message, account)

    async def receive(self, report: Report, account: Account, house: House) -> Sequence[Arrival | Status | Answer]:
        """What followers write. Refuses what WeChat did not sign and encrypt for this account."""
        keys, asked = keys_of(account), dict(parse_qsl(report.headers.get("query", "")))
        if "echostr" in asked:
            # WeChat asks whether the address is ours, in clear whatever the mode is.
            check_signature(asked.get("signature", ""), keys[0], asked)
            return [Answer(asked["echostr"])]
        content = content_of(report, asked, keys, str(account.settings["app_id"]))
        return [Answer("success"), *written(fields(content), self.platform)]

    async def _sent(self, path: str, body: dict[str, Any], message: Message, account: Account) -> Receipt:
        """One call. A token that WeChat has taken back is fetched anew, once."""
        for last in (False, True):
            token = await self._token(account)
            url = f"{_home(account)}/cgi-bin/message/{path}?access_token={quote(token)}"
            answer = await http.exchange("POST", url, allow_private=account.allow_private, body=orjson.dumps(body))
            if answer.status >= 300:
                http.judged(answer, once=False)
                raise Unclear(answer.words)
            told = answer.json()
            code = told.get("errcode") if isinstance(told, dict) else None
            if code == 0:
                return Receipt(provider_id=str(told.get("msgid") or ""), cost=self.cost(message, account))
            if not isinstance(code, int):
                raise Unclear("the answer cannot be read")
            if code not in _TOKEN or last:
                raise _judged(code, str(told.get("errmsg") or ""))
            self._tokens.forget(_name(account))
        raise Later("no access token holds")

    async def _token(self, account: Account) -> str:
        return await self._tokens.token(_name(account), lambda: _asked(account))


async def _asked(account: Account) -> tuple[str, int]:
    asked = {
        "grant_type": "client_credential",
        "appid": account.settings["app_id"],
        "secret": account.secrets.get("app_secret", ""),
    }
    # The stable token does not take away the one that another system of the tenant's may use.
    url = f"{_home(account)}/cgi-bin/stable_token"
    try:
        answer = await http.exchange("POST", url, allow_private=account.allow_private, body=orjson.dumps(asked))
    except Unclear as fault:
        # No message has gone yet, whatever became of the question.
        raise Later(fault.detail) from fault
    told = answer.json()
    if answer.status != 200 or not isinstance(told, dict) or not told.get("access_token"):
        said = told.get("errmsg") if isinstance(told, dict) else answer.status
        raise Later(f"no access token: {said}")
    return str(told["access_token"]), int(told.get("expires_in", 7200))


def _name(account: Account) -> tuple[str, str]:
    return str(account.settings["app_id"]), _home(account)


def _home(account: Account) -> str:
    return str(account.settings.get("api_url") or _HOME).rstrip("/")


def _text(message: Message, part: str) -> dict[str, Any]:
    return {"touser": message.to.value, "msgtype": "text", "text": {"content": part}}


def _template(message: Message, account: Account) -> dict[str, Any]:
    settings = account.settings
    data = {str(settings.get("text_field") or "thing2"): {"value": message.brief}}
    if title := settings.get("title_field"):
        data[str(title)] = {"value": message.subject}
    body: dict[str, Any] = {
        "touser": message.to.value,
        "template_id": settings["template_id"],
        "client_msg_id": str(message.id).replace("-", ""),
        "data": data,
    }
    return body | ({"url": settings["link"]} if settings.get("link") else {})


def _judged(code: int, said: str) -> Refused | Later:
    if code in _LATER or code in _TOKEN:
        return Later(f"{code} {said}")
    if code in _STALE:
        return _Stale(f"{code} {said}")
    return Refused(f"{code} {said}", bounced=code in _GONE)
