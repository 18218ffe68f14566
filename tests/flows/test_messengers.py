"""Whoever writes over WeChat or WeCom gets a ticket, goes on in it, and is answered through the same account."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest

from support.gateway import Company
from support.messengers import AES_KEY, WeComServer, pushed, wrote
from support.providers import WeChat, http_provider
from support.rest import Person
from tercet_chassis.testing import eventually

KEYS = {"app_secret": "app-secret", "token": "told", "aes_key": AES_KEY}


@pytest.fixture
async def wechat() -> AsyncIterator[WeChat]:
    async with http_provider(WeChat()) as server:
        assert isinstance(server, WeChat)
        yield server


@pytest.fixture
async def wecom() -> AsyncIterator[WeComServer]:
    async with http_provider(WeComServer()) as server:
        assert isinstance(server, WeComServer)
        yield server


async def one_ticket(admin: Person, subject: str, count: int) -> dict[str, Any]:
    """The ticket of that subject when it holds so many entries."""

    async def there() -> dict[str, Any] | None:
        found = [each for each in (await admin.get("/v1/tickets"))["tickets"] if each["subject"] == subject]
        assert len(found) <= 1, "a conversation is one ticket"
        return found[0] if found and found[0].get("entry_count") == count else None

    found: dict[str, Any] = await eventually(there, hint=f"{subject}: no ticket with {count} entries")
    return found


async def test_whoever_writes_to_a_messenger_is_answered_there(
    admin: Person, company: Company, door: httpx2.AsyncClient, wechat: WeChat, wecom: WeComServer
) -> None:
    accounts: dict[str, dict[str, Any]] = {
        "gzh": {"channel_code": "wechat_official", "settings": {"app_id": "wx1", "template_id": "T1"}},
        "qywx": {"channel_code": "wecom", "settings": {"corp_id": "ww1", "agent_id": "1000002"}},
        "kefu": {"channel_code": "wecom", "settings": {"corp_id": "ww1", "kf_id": "kf-1"}},
    }
    for code, made in accounts.items():
        made["settings"]["api_url"] = wechat.url if code == "gzh" else wecom.url
        await admin.post("/v1/channel-accounts", {"code": code, "provider": "LIVE", "secrets": KEYS, **made})

    async def says(account: str, text: str, id: str) -> None:
        if account == "kefu":
            wecom.says(text, sender="user-kefu", at=int(time.time()))
            await admin.post("/v1/channel-intakes/kefu:fetch")
            return
        receiver = "wx1" if account == "gzh" else "ww1"
        asked, body = pushed(wrote(f"user-{account}", text, id, at=int(time.time())), receiver)
        # Who heard no answer within five seconds tells it again.
        for _ in range(2):
            answer = await door.post(f"/hooks/{company.code}/{account}", params=asked, content=body)
            assert (answer.status_code, answer.text) == (200, "success")

    for account in accounts:
        await says(account, f"洗衣机不转 {account}", f"{account}-1")
    for account in accounts:
        ticket = await one_ticket(admin, f"洗衣机不转 {account}", 1)
        assert (ticket["arrival"], ticket["account_code"]) == ("CHAT", account)
        entry = await admin.post(f"/v1/tickets/{ticket['id']}:reply", {"body": f"师傅下午到 {account}"})

        async def sent(ticket_id: str = ticket["id"], entry_id: str = entry["id"]) -> bool:
            said = (await admin.get(f"/v1/tickets/{ticket_id}/entries"))["ticket_entries"]
            return next(each for each in said if each["id"] == entry_id)["send_state"] in ("SENT", "DELIVERED")

        await eventually(sent, hint=f"{account}: the answer did not go")
        await says(account, "好的", f"{account}-2")
        await one_ticket(admin, f"洗衣机不转 {account}", 3)
        # A chat names nothing that it answers: who writes again soon after it was solved means just that.
        await admin.post(f"/v1/tickets/{ticket['id']}:solve", {"resolution": "修好了"})
        await says(account, "又不转了", f"{account}-3")
        assert (await one_ticket(admin, f"洗衣机不转 {account}", 4))["state"] == "OPEN"
    posted = [orjson.loads(body) for _, path, _, body in wechat.requests if "/message/" in path]
    told = [(each["touser"], each["text"]["content"]) for each in [*posted, *wecom.messages]]
    assert told == [(f"user-{account}", f"师傅下午到 {account}") for account in accounts]
