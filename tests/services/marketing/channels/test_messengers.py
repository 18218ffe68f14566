"""WeCom and push against servers that speak their interfaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.messengers import AES_KEY, Fcm, WeComServer, pushed, wrote
from support.providers import http_provider
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
from tercet_marketing.channels.parts import parts_of
from tercet_marketing.channels.push import Push
from tercet_marketing.channels.wecom import WeCom


@pytest.fixture
async def wecom() -> AsyncIterator[WeComServer]:
    async with http_provider(WeComServer()) as server:
        assert isinstance(server, WeComServer)
        yield server


@pytest.fixture(scope="module")
async def fcm() -> AsyncIterator[Fcm]:
    async with http_provider(Fcm()) as server:
        assert isinstance(server, Fcm)
        yield server


def company(server: WeComServer, **more: Any) -> Account:
    settings = {"corp_id": "ww1", "api_url": server.url, **(more or {"agent_id": 1000002})}
    secrets = {"app_secret": "app-secret", "token": "told", "aes_key": AES_KEY}
    return Account("qywx", settings, secrets, allow_private=True)


def message(to: str, kind: AddressKind = AddressKind.ACCOUNT) -> Message:
    return Message(new_id(), Recipient(kind, to), "SERVICE", subject="到货", text="您的订单到了")


def house(marketing: Client) -> TenantsHouse:
    return TenantsHouse(marketing.running.runtime, marketing.tenant_id)


async def test_wecom_writes_to_colleagues_and_customers(marketing: Client, wecom: WeComServer) -> None:
    channel, inside = WeCom(), house(marketing)
    await channel.send(message("fang"), company(wecom), inside)
    wecom.tokens += 1  # somebody else took the token
    sent = message("wm-fang")
    await channel.send(sent, company(wecom, kf_id="kf-1"), inside)
    app, service = wecom.messages
    assert (app["agentid"], app["text"]) == (1000002, {"content": "您的订单到了"})
    assert (service["open_kfid"], service["msgid"]) == ("kf-1", sent.id.hex)
    for code, outcome, bounced in ((45009, Later, False), (95007, Refused, True), (40058, Refused, False)):
        wecom.errors = [code]
        with pytest.raises(outcome) as said:
            await channel.send(message("fang"), company(wecom), inside)
        assert getattr(said.value, "bounced", False) == bounced
    wecom.strangers.add("gone")
    with pytest.raises(Refused):
        await channel.send(message("gone"), company(wecom), inside)
    wecom.answers = ["cut"]
    with pytest.raises(Unclear):
        await channel.send(message("fang"), company(wecom), inside)
    wrong = replace(company(wecom), code="wrong", secrets={"app_secret": "guessed"})
    with pytest.raises(Later):
        await channel.send(message("fang"), wrong, inside)


async def test_a_long_answer_goes_whole_in_parts_and_is_in_doubt_once_one_of_them_went(
    marketing: Client, wecom: WeComServer
) -> None:
    lines = [f"第{number}步:请按住电源键。" for number in range(150)]
    answer = replace(message("wm-fang"), text="\n".join(lines))
    await WeCom().send(answer, company(wecom, kf_id="kf-1"), house(marketing))
    said = [each["text"]["content"] for each in wecom.messages]
    assert "\n".join(said).split("\n") == lines
    assert len(said) == 3
    assert all(len(part.encode()) <= 2048 for part in said)
    assert len({each["msgid"] for each in wecom.messages}) == 3
    first, wecom.errors = len(wecom.messages), [0, 95001]
    with pytest.raises(Unclear):
        await WeCom().send(answer, company(wecom, kf_id="kf-1"), house(marketing))
    assert len(wecom.messages) == first


@settings(max_examples=50)
@given(st.text(max_size=300), st.integers(4, 60))
def test_parts_of_a_text_are_short_and_leave_nothing_out(text: str, most: int) -> None:
    parts = parts_of(text, most)
    assert all(len(part.encode()) <= most for part in parts)
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")


async def test_what_customers_wrote_to_wecom_is_fetched_by_cursor(marketing: Client, wecom: WeComServer) -> None:
    channel, account = WeCom(), company(wecom, kf_id="kf-1")
    wecom.says("在吗")
    wecom.says("在的", origin=5)
    wecom.says("", kind="image")
    first = await channel.fetch(account, house(marketing), "")
    rest = await channel.fetch(account, house(marketing), first.mark)
    assert (first.more, rest.more) == (True, False)
    found = [item for caught in [*first.caught, *rest.caught] for item in channel.read(caught.raw, account)]
    assert [(item.provider_id, item.sender, item.text) for item in found if isinstance(item, Arrival)] == [
        ("w-0", "wm-fang", "在吗"),
        ("w-2", "wm-fang", "[image]"),
    ]
    assert (await channel.fetch(account, house(marketing), rest.mark)).caught == []
    assert channel.look_interval(account)
    assert channel.look_interval(company(wecom)) is None


def reported(content: str, *, receiver: str = "ww1", token: str = "told", echo: bool = False) -> Report:
    asked, body = pushed(content, receiver, token=token, echo=echo)
    return Report({"query": urlencode(asked)}, body)


async def test_wecom_is_believed_only_with_its_signature_and_key(marketing: Client, wecom: WeComServer) -> None:
    channel, account, inside = WeCom(), company(wecom), house(marketing)
    said = wrote("fang", "您好<MsgId>9</MsgId>", "77")
    answer, arrival = await channel.receive(reported(said), account, inside)
    assert answer == Answer("success")
    assert isinstance(arrival, Arrival)
    assert (arrival.provider_id, arrival.sender, arrival.text) == ("77", "fang", "您好<MsgId>9</MsgId>")
    assert await channel.receive(reported("1616140317555161061", echo=True), account, inside) == [
        Answer("1616140317555161061")
    ]
    _, picture = await channel.receive(reported(wrote("fang", "", "78", "image")), account, inside)
    assert isinstance(picture, Arrival)
    assert (picture.provider_id, picture.text) == ("78", "[image]"), "nobody writes unheard"
    event = "<xml><MsgType><![CDATA[event]]></MsgType></xml>"
    assert await channel.receive(reported(event), account, inside) == [Answer("success")]
    mute = replace(account, secrets={"app_secret": "app-secret"})
    for report, whose in (
        (reported(said, token="guessed"), account),
        (reported(said, receiver="ww2"), account),
        (reported(said), mute),
        (Report({"query": ""}, b"<xml/>"), account),
    ):
        with pytest.raises(ReportForged):
            await channel.receive(report, whose, inside)
    wrong = replace(account, settings={"corp_id": "ww1"}, secrets={**account.secrets, "aes_key": "short"})
    assert set(channel.check(wrong)) == {"agent_id", "aes_key"}


async def test_push_signs_in_and_understands_what_is_said(marketing: Client, fcm: Fcm) -> None:
    channel, inside = Push(), house(marketing)
    settings = {"api_url": fcm.url, "link": "app://orders"}
    account = Account("app", settings, {"service_account": fcm.service_account()}, allow_private=True)
    sent = message("device-1", AddressKind.DEVICE)
    receipt = await channel.send(sent, account, inside)
    [got] = fcm.messages
    assert receipt.provider_id == "projects/galaxy/messages/1"
    assert (got["token"], got["notification"]) == ("device-1", {"title": "到货", "body": "您的订单到了"})
    assert got["data"] == {"message_id": str(sent.id), "link": "app://orders"}
    fcm.tokens += 1  # ours is taken no more
    await channel.send(message("device-1", AddressKind.DEVICE), account, inside)
    for status, code, outcome, bounced in (
        (404, "UNREGISTERED", Refused, True),
        (400, "INVALID_ARGUMENT", Refused, False),
        (429, "QUOTA_EXCEEDED", Later, False),
        (503, "UNAVAILABLE", Later, False),
        (500, "INTERNAL", Unclear, False),
    ):
        fcm.errors = [(status, code)]
        with pytest.raises(outcome) as said:
            await channel.send(message("device-1", AddressKind.DEVICE), account, inside)
        assert getattr(said.value, "bounced", False) == bounced
    assert "service_account" in channel.check(replace(account, secrets={"service_account": "{}"}))
    unfit = account.secrets["service_account"].replace("PRIVATE KEY", "NO KEY")
    with pytest.raises(Refused):
        await Push().send(
            message("d", AddressKind.DEVICE), replace(account, secrets={"service_account": unfit}), inside
        )
