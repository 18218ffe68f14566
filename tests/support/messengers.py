"""Messengers as servers on this machine: the interfaces of WeCom and of Firebase Cloud Messaging, and what WeChat and
WeCom push.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from support.providers import HttpProvider
from tercet_marketing.channels.wechat_reports import key_of, sealed, signature

AES_KEY = "A" * 42 + "E"


def pushed(content: str, receiver: str, *, token: str = "told", echo: bool = False) -> tuple[dict[str, str], bytes]:
    """What WeChat or WeCom pushes to an account with the token `told` and the key above: its query and its body."""
    key = key_of(AES_KEY)
    assert key is not None
    encrypted = sealed(content.encode(), key, receiver, os.urandom(16))
    asked = {"timestamp": "1767578400", "nonce": "n"}
    asked["msg_signature"] = signature(token, *asked.values(), encrypted)
    if echo:
        return asked | {"echostr": encrypted}, b""
    return asked, f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def wrote(sender: str, text: str, id: str, kind: str = "text", at: int = 1_767_578_400) -> str:
    """A message as WeChat and WeCom tell it inside."""
    said = f"<Content><![CDATA[{text}]]></Content>" if kind == "text" else "<MediaId><![CDATA[m]]></MediaId>"
    return (
        f"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{said}<MsgId>{id}</MsgId></xml>"
    )


@dataclass
class WeComServer(HttpProvider):
    """Apps and customer service: tokens that can be taken back, messages, and what customers wrote by cursor."""

    tokens: int = 0
    errors: list[int] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    written: list[dict[str, Any]] = field(default_factory=list)

    def _answer(self, method: str, path: str, body: bytes, answer: int | str) -> tuple[int, Any]:
        if path.startswith("/cgi-bin/gettoken"):
            if "corpsecret=app-secret" not in path:
                return 200, {"errcode": 40001, "errmsg": "invalid credential"}
            self.tokens += 1
            return 200, {"errcode": 0, "access_token": f"token-{self.tokens}", "expires_in": 7200}
        if not path.endswith(f"access_token=token-{self.tokens}"):
            return 200, {"errcode": 42001, "errmsg": "access_token expired"}
        if self.errors:
            return 200, {"errcode": self.errors.pop(0), "errmsg": "said so"}
        told = orjson.loads(body)
        if "/kf/sync_msg" in path:
            begin = int(told["cursor"] or 0)
            page = self.written[begin : begin + 2]
            more = int(begin + len(page) < len(self.written))
            return 200, {"errcode": 0, "next_cursor": str(begin + len(page)), "has_more": more, "msg_list": page}
        if told["touser"] in self.strangers:
            return 200, {"errcode": 0, "errmsg": "ok", "invaliduser": told["touser"]}
        self.messages.append(told)
        return (
            (0, None) if answer == "cut" else (200, {"errcode": 0, "errmsg": "ok", "msgid": f"m-{len(self.messages)}"})
        )

    def says(
        self, text: str, sender: str = "wm-fang", origin: int = 3, kind: str = "text", at: int = 1_767_578_400
    ) -> None:
        """Somebody writes in customer service."""
        told: dict[str, Any] = {
            "msgid": f"w-{len(self.written)}",
            "open_kfid": "kf-1",
            "external_userid": sender,
            "send_time": at,
            "origin": origin,
            "msgtype": kind,
        }
        self.written.append(told | ({"text": {"content": text}} if kind == "text" else {}))


@dataclass
class Fcm(HttpProvider):
    """Tokens for what the service account signed, and messages to devices."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    tokens: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def service_account(self) -> str:
        """The JSON key that an account keeps."""
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        told = {"type": "service_account", "project_id": "galaxy", "client_email": "push@galaxy.example.com"}
        private = self.key.private_bytes(*form).decode()
        return orjson.dumps({**told, "private_key": private, "token_uri": f"{self.url}/token"}).decode()

    def _answer(self, method: str, path: str, body: bytes, answer: int | str) -> tuple[int, Any]:
        if path == "/token":
            assertion = parse_qs(body.decode())["assertion"][0]
            public = self.key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            claims = jwt.decode(assertion, RSAKey.import_key(public), algorithms=["RS256"]).claims
            assert claims["aud"] == f"{self.url}/token"
            self.tokens += 1
            return 200, {"access_token": f"token-{self.tokens}", "expires_in": 3600}
        if self.requests[-1][2].get("authorization") != f"Bearer token-{self.tokens}":
            return 401, {"error": {"status": "UNAUTHENTICATED"}}
        if self.errors:
            status, code = self.errors.pop(0)
            return status, {"error": {"code": status, "details": [{"@type": "FcmError", "errorCode": code}]}}
        self.messages.append(orjson.loads(body)["message"])
        name = f"projects/galaxy/messages/{len(self.messages)}"
        return (0, None) if answer == "cut" else (200, {"name": name})
