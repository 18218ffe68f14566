"""WeChat Pay's transfers to users (商家转账, API v3): one bill a payment, known by our number for ever.

A user usually accepts a transfer in WeChat: until then it stays pending with a `package_info` that the merchant's app
or page hands to WeChat. Every request is signed with the merchant's key, every answer with WeChat Pay's; an answer that
is not signed by it says nothing.
"""

from __future__ import annotations

import base64
import secrets
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tercet_chassis.outbound import AddressForbidden, check_url
from tercet_marketing.channels import http
from tercet_marketing.channels.contract import (
    Account,
    AddressKind,
    House,
    Later,
    Refused,
    Setting,
    Unclear,
)
from tercet_marketing.payouts.contract import Bill, Fate, Payer, Standing

_HOME = "https://api.mch.weixin.qq.com"
_BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
_FATES = {
    "ACCEPTED": Fate.PENDING,
    "PROCESSING": Fate.PENDING,
    "WAIT_USER_CONFIRM": Fate.PENDING,
    "TRANSFERING": Fate.PENDING,
    "CANCELING": Fate.PENDING,
    "SUCCESS": Fate.PAID,
    "FAIL": Fate.FAILED,
    "CANCELLED": Fate.FAILED,
}
# The merchant has to do something first, or WeChat Pay is busy: the same bill may go later.
_LATER = frozenset({"NOT_ENOUGH", "FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED", "SYSTEM_ERROR", "SIGN_ERROR"})
# An answer may be as old as this; older ones may be replayed.
_FRESH = 300


class WeChatPay(Payer):
    """WeChat Pay."""

    code = "wechat_pay"
    display_name = "微信支付 WeChat Pay"
    address_kind = AddressKind.ACCOUNT
    platform = "wechat"
    currencies = frozenset({"CNY"})
    purse = frozenset({"merchant_id", "app_id", "api_url"})
    settings = (
        Setting("merchant_id", "The merchant's number (mchid).", required=True),
        Setting("app_id", "The AppID by which customers' OpenIDs are known.", required=True),
        Setting("serial_no", "The serial number of the merchant's API certificate.", required=True),
        Setting("private_key", "The merchant's API private key (PEM).", required=True, secret=True),
        Setting("public_key_id", "The id of WeChat Pay's public key.", required=True),
        Setting("public_key", "WeChat Pay's public key (PEM).", required=True),
        Setting("scene_id", "The transfer scene (transfer_scene_id); 1000, cash marketing, when left out."),
        Setting("activity_name", "What is reported as the activity (活动名称).", required=True),
        Setting("reward_text", "What is reported as the reward (奖励说明).", required=True),
        Setting("remark", "What the customer reads beside the amount, up to 32 signs; `红包` when left out."),
        Setting("api_url", "Where WeChat Pay's interface is; its public address when left out."),
    )

    def check(self, account: Account) -> dict[str, str]:
        """Besides what every account needs: keys that are RSA keys, and an interface that may be called."""
        wrong = dict(super().check(account))
        for name, read in (("private_key", _private), ("public_key", _public)):
            if name not in wrong:
                try:
                    read(account)
                except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
                    wrong[name] = f"it is no RSA key in PEM: {fault}"
        if len(str(account.settings.get("remark") or "")) > 32:
            wrong["remark"] = "it has more than 32 signs"
        try:
            check_url(_home(account), allow_private=account.allow_private)
        except AddressForbidden as forbidden:
            wrong["api_url"] = forbidden.message
        return wrong

    async def pay(self, bill: Bill, account: Account, house: House) -> Standing:
        """Asks for a transfer; the same bill again is the same transfer."""
        status, told = await _exchange("POST", _BILLS, account, _body(bill, account))
        if status == 200:
            return _standing(told)
        code, words = str(told.get("code") or status), f"{told.get('code', status)} {told.get('message', '')}".strip()
        if code == "ALREADY_EXISTS":
            # It is there, perhaps not as we ask now: what it is, the bill itself says.
            return await self.standing(bill.id, account, house)
        if status == 429 or code in _LATER:
            raise Later(words)
        if status >= 500:
            raise Unclear(words)
        raise Refused(words)

    async def standing(self, bill_id: UUID, account: Account, house: House) -> Standing:
        """How a transfer stands, by our number."""
        status, told = await _exchange("GET", f"{_BILLS}/out-bill-no/{bill_id.hex}", account)
        if status == 200:
            return _standing(told)
        if status == 404 and told.get("code") == "NOT_FOUND":
            return Standing(Fate.ABSENT)
        raise Later(f"{told.get('code', status)} {told.get('message', '')}".strip())


def _body(bill: Bill, account: Account) -> bytes:
    fen = bill.amount.amount * 100
    if fen != fen.to_integral_value() or fen <= 0:
        raise Refused(f"{bill.amount} is no whole number of fen")
    settings = account.settings
    report = [
        {"info_type": "活动名称", "info_content": str(settings["activity_name"])},
        {"info_type": "奖励说明", "info_content": str(settings["reward_text"])},
    ]
    asked = {
        "appid": settings["app_id"],
        "out_bill_no": bill.id.hex,
        "transfer_scene_id": str(settings.get("scene_id") or "1000"),
        "openid": bill.address["value"],
        "transfer_amount": int(Decimal(fen)),
        "transfer_remark": str(settings.get("remark") or "红包"),
        "transfer_scene_report_infos": report,
    }
    return orjson.dumps(asked)


def _standing(told: dict[str, Any]) -> Standing:
    state = str(told.get("state") or "")
    return Standing(
        fate=_FATES.get(state, Fate.UNKNOWN),
        provider_id=str(told.get("transfer_bill_no") or ""),
        detail=" ".join(filter(None, (state, str(told.get("fail_reason") or "")))),
        acceptance=str(told.get("package_info") or ""),
    )


async def _exchange(method: str, path: str, account: Account, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """One signed request. Raises `Later` while nothing can have reached WeChat Pay, `Unclear` without its answer."""
    url = f"{_home(account)}{path}"
    headers = {
        "authorization": _authorization(method, path, account, body),
        "accept": "application/json",
        "content-type": "application/json",
        "wechatpay-serial": str(account.settings["public_key_id"]),
    }
    answer = await http.exchange(method, url, allow_private=account.allow_private, body=body or None, headers=headers)
    if not _signed(answer, account):
        raise Unclear(f"the answer is not signed by WeChat Pay: {answer.words}")
    told = answer.json()
    return answer.status, told if isinstance(told, dict) else {}


def _authorization(method: str, path: str, account: Account, body: bytes) -> str:
    moment, nonce = str(int(time.time())), secrets.token_hex(16).upper()
    place = urlsplit(path)
    signed = "\n".join((method, place.path, moment, nonce, body.decode(), "")).encode()
    signature = base64.b64encode(_private(account).sign(signed, padding.PKCS1v15(), hashes.SHA256())).decode()
    parts = {
        "mchid": str(account.settings["merchant_id"]),
        "nonce_str": nonce,
        "signature": signature,
        "timestamp": moment,
        "serial_no": str(account.settings["serial_no"]),
    }
    return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in parts.items())


def _signed(answer: http.Answer, account: Account) -> bool:
    told = {name.lower(): value for name, value in answer.headers.items()}
    moment, nonce = told.get("wechatpay-timestamp", ""), told.get("wechatpay-nonce", "")
    if told.get("wechatpay-serial") != account.settings["public_key_id"] or not moment.isdigit():
        return False
    if abs(time.time() - int(moment)) > _FRESH:
        return False
    signed = f"{moment}\n{nonce}\n".encode() + answer.body + b"\n"
    try:
        signature = base64.b64decode(told.get("wechatpay-signature", ""), validate=True)
        _public(account).verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(account: Account) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(account.secrets["private_key"].encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("another kind of key")
    return key


def _public(account: Account) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key(str(account.settings["public_key"]).encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("another kind of key")
    return key


def _home(account: Account) -> str:
    return str(account.settings.get("api_url") or _HOME).rstrip("/")
