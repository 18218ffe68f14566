"""WeChat Pay as a server on this machine that checks and signs as the real one does and can be told to fail."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
MERCHANT, PLATFORM = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@dataclass
class WeChatPayServer:
    """`bills` are the transfers by our number. `first` is the state of a new one; `refusals` (status, code) are given
    first, in order; `cut` takes that many and hangs up without a word; `unsigned` answers as somebody else would.
    """

    url: str = ""
    first: str = "SUCCESS"
    refusals: list[tuple[int, str]] = field(default_factory=list)
    cut: int = 0
    unsigned: bool = False
    bills: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append((method, path))
            status, told = self._answer(method, path, headers, body)
            if self.cut and method == "POST":
                self.cut -= 1
                return
            content = orjson.dumps(told)
            lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(content)}", *self._signed(content)]
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        if not _authentic(method, path, headers, body):
            return 401, {"code": "SIGN_ERROR", "message": "signature"}
        if method == "GET":
            found = self.bills.get(path.rsplit("/", 1)[1])
            return (404, {"code": "NOT_FOUND", "message": "no such bill"}) if found is None else (200, found)
        if self.refusals:
            status, code = self.refusals.pop(0)
            return status, {"code": code, "message": "said so"}
        asked = orjson.loads(body)
        number = asked["out_bill_no"]
        known = self.bills.get(number)
        if known is None:
            known = self.bills[number] = {
                "mch_id": "1900001109", "out_bill_no": number, "transfer_bill_no": f"1330000{len(self.bills)}",
                "appid": asked["appid"], "openid": asked["openid"], "transfer_amount": asked["transfer_amount"],
                "transfer_remark": asked["transfer_remark"], "state": self.first, "scene": asked["transfer_scene_id"],
            }  # fmt: skip
            if self.first == "WAIT_USER_CONFIRM":
                known["package_info"] = f"package-{number}"
        return 200, known

    def _signed(self, content: bytes) -> list[str]:
        moment, nonce = str(int(time.time())), "nonce"
        key = MERCHANT if self.unsigned else PLATFORM
        told = f"{moment}\n{nonce}\n".encode() + content + b"\n"
        signature = base64.b64encode(key.sign(told, padding.PKCS1v15(), hashes.SHA256())).decode()
        return [
            f"Wechatpay-Timestamp: {moment}", f"Wechatpay-Nonce: {nonce}", f"Wechatpay-Serial: {KEY_ID}",
            f"Wechatpay-Signature: {signature}",
        ]  # fmt: skip


def _authentic(method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    parts = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if scheme != "WECHATPAY2-SHA256-RSA2048" or parts.get("mchid") != "1900001109" or parts.get("serial_no") != "S1":
        return False
    told = f"{method}\n{path}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode() + body + b"\n"
    try:
        MERCHANT.public_key().verify(base64.b64decode(parts["signature"]), told, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@asynccontextmanager
async def wechat_pay_server() -> AsyncIterator[WeChatPayServer]:
    made = WeChatPayServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
