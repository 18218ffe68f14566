"""WeChat official accounts against a server that speaks their interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from support.messengers import AES_KEY, pushed, wrote
from support.providers import WeChat, http_provider
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client
from tercet_marketing.channels.contract import (
    Account,
    AddressKind,
    Answer,
    Arrival,
    Later,
    Message,
    Recipient,
    Refused,
    Report,
    ReportForged,
    Unclear,
)
from tercet_marketing.channels.house import TenantsHouse
from tercet_marketing.channels.wechat import WeChatOfficial
from tercet_marketing.channels.wechat_reports import signature


@pytest.fixture
async def wechat() -> AsyncIterator[WeChat]:
    async with http_provider(WeChat()) as server:
        assert isinstance(server, WeChat)
        yield server


def account(wechat: WeChat, secret: str = "app-secret", **more: Any) -> Account:
    settings = {"app_id": "wx1", "api_url": wechat.url, **more}
    return Account("gzh", settings, {"app_secret": secret}, allow_private=True)


def greeting() -> Message:
    follower = Recipient(AddressKind.ACCOUNT, "openid-fang", platform="wechat")
    return Message(new_id(), follower, "SERVICE", subject="新年", text="您好")


async def test_a_token_is_fetched_once_and_anew_when_it_was_taken_back(marketing: Client, wechat: WeChat) -> None:
    house, channel = TenantsHouse(marketing.running.runtime, marketing.tenant_id), WeChatOfficial()
    made = account(wechat, template_id="T1")
    for _ in range(3):
        assert (await channel.send(greeting(), made, house)).provider_id == "200228332"
    assert (wechat.tokens, len(wechat.messages)) == (1, 3)
    wechat.tokens = 7
    await channel.send(greeting(), made, house)
    assert (wechat.tokens, len(wechat.messages)) == (8, 4)


async def test_without_a_template_it_is_plain_text(marketing: Client, wechat: WeChat) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    await WeChatOfficial().send(greeting(), account(wechat), house)
    assert wechat.messages["text"] == {"touser": "openid-fang", "msgtype": "text", "text": {"content": "您好"}}


@pytest.mark.parametrize(
    ("code", "outcome", "bounced"),
    [(43004, Refused, True), (45047, Refused, False), (-1, Later, False), (45009, Later, False)],
)
async def test_what_wechat_says_is_understood(
    marketing: Client, wechat: WeChat, code: int, outcome: type[Exception], bounced: bool
) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    wechat.errors = [code]
    with pytest.raises(outcome) as said:
        await WeChatOfficial().send(greeting(), account(wechat, template_id="T1"), house)
    assert getattr(said.value, "bounced", False) == bounced
    assert not wechat.messages


async def test_a_wrong_secret_waits_and_a_cut_connection_is_unclear(marketing: Client, wechat: WeChat) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    with pytest.raises(Later):
        await WeChatOfficial().send(greeting(), account(wechat, secret="wrong"), house)
    channel, made = WeChatOfficial(), account(wechat, template_id="T1")
    await channel.send(greeting(), made, house)
    wechat.answers = ["cut"]
    with pytest.raises(Unclear):
        await channel.send(greeting(), made, house)
    assert len(wechat.messages) == 2, "it has the message, and nobody was told"


async def test_an_answer_goes_as_text_while_wechat_lets_it_and_in_the_template_afterwards(
    marketing: Client, wechat: WeChat
) -> None:
    house, channel = TenantsHouse(marketing.running.runtime, marketing.tenant_id), WeChatOfficial()
    answer = replace(greeting(), in_reply_to="23")
    await channel.send(answer, account(wechat, template_id="T1"), house)
    assert wechat.messages["text"]["text"] == {"content": "您好"}
    wechat.errors = [45015]
    await channel.send(answer, account(wechat, template_id="T1"), house)
    assert wechat.messages[answer.id.hex]["template_id"] == "T1"
    wechat.errors = [45015]
    with pytest.raises(Refused):
        await channel.send(answer, account(wechat), house)


async def test_what_followers_write_is_believed_only_with_its_signature_and_key(
    marketing: Client, wechat: WeChat
) -> None:
    house, channel = TenantsHouse(marketing.running.runtime, marketing.tenant_id), WeChatOfficial()
    made = account(wechat)
    made = replace(made, secrets={**made.secrets, "token": "told", "aes_key": AES_KEY})

    async def told(content: str, whose: Account = made, **more: Any) -> Any:
        asked, body = pushed(content, **{"receiver": "wx1", **more})
        return await channel.receive(Report({"query": urlencode(asked)}, body), whose, house)

    answer, arrival = await told(wrote("openid-fang", "在吗", "23"))
    assert (answer, arrival) == (
        Answer("success"),
        Arrival("23", AddressKind.ACCOUNT, "openid-fang", "wechat", text="在吗", write_time=arrival.write_time),
    )
    voice = wrote("openid-fang", "", "24", "voice").replace("<MediaId>", "<Recognition>不制冷</Recognition><MediaId>")
    assert [(await told(said))[1].text for said in (voice, wrote("x", "", "25", "image"))] == ["不制冷", "[image]"]
    assert await told("<xml><MsgType><![CDATA[event]]></MsgType></xml>") == [Answer("success")]
    for broken in (
        told(wrote("x", "y", "1"), token="guessed"),
        told(wrote("x", "y", "1"), receiver="wx2"),
        told(wrote("x", "y", "1"), account(wechat)),
        # In clear, whatever the mode: nobody has signed what it says.
        channel.receive(Report({"query": ""}, wrote("x", "y", "1").encode()), made, house),
    ):
        with pytest.raises(ReportForged):
            await broken
    asked = {"timestamp": "1", "nonce": "n", "echostr": "616"}
    for token, ours in (("told", True), ("guessed", False)):
        query = urlencode(asked | {"signature": signature(token, "1", "n")})
        if ours:
            assert await channel.receive(Report({"query": query}, b""), made, house) == [Answer("616")]
            continue
        with pytest.raises(ReportForged):
            await channel.receive(Report({"query": query}, b""), made, house)
    wrong = replace(made, secrets={"app_secret": "app-secret", "token": "told", "aes_key": "short"})
    assert set(channel.check(wrong)) == {"aes_key"}
