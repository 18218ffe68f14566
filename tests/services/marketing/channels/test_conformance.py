"""Every channel keeps the one contract, each by its real protocol and as its console twin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.messengers import Fcm, WeComServer
from support.providers import HttpProvider, MailServer, WeChat, http_provider, mail_server
from tercet.marketing.v1 import channel_service_pb2 as pb
from tercet.sales.v1.activity_service_pb2 import ListActivitiesRequest
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_chassis.testing import Client
from tercet_marketing.channels.console import Console
from tercet_marketing.channels.contract import (
    Ability,
    Account,
    AddressKind,
    Channel,
    Fate,
    Later,
    Message,
    Recipient,
    Refused,
    Report,
    ReportForged,
)
from tercet_marketing.channels.house import TenantsHouse
from tercet_marketing.channels.registry import installed

COST = Money(Decimal("0.05"), "CNY")
SECRET = "whsec_" + "A" * 40


@dataclass
class Bench:
    """A channel at work: its account, where it reaches, and what arrived there."""

    channel: Channel
    account: Account
    to: str
    # The texts that reached somebody under an id.
    arrived: Callable[[str], Any]
    # The same account with a provider that is away; None for what happens inside Tercet.
    away: Account | None = None
    house: Any = None
    more: dict[str, Any] = field(default_factory=dict)

    def message(self, **more: Any) -> Message:
        someone = Recipient(
            AddressKind(self.channel.address_kind),
            self.to,
            platform=self.channel.platform,
            name="王芳",
            identity_id=new_id(),
            party_id=new_id(),
            owner_id=new_id(),
            unit_id=new_id(),
        )
        values = {"subject": "您好", "text": "尊敬的王芳", "html": "<p>尊敬的<b>王芳</b></p>"}
        return Message(id=new_id(), to=someone, purpose="MARKETING", **{**values, **more})


@pytest.fixture
async def mails(tmp_path: Path) -> AsyncIterator[MailServer]:
    async with mail_server(tmp_path) as server:
        yield server


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    async with http_provider() as server:
        yield server


def mail_account(mails: MailServer, **more: Any) -> Account:
    settings = {"host": "127.0.0.1", "port": mails.port, "username": "shop", "certificate": mails.certificate, **more}
    return Account(
        "mail", settings, {"password": "secret"}, "shop@example.com", "银河商城", message_cost=COST, allow_private=True
    )


def sms_account(provider: HttpProvider, **more: Any) -> Account:
    settings = {"url": f"{provider.url}/send", "status_url": f"{provider.url}/status/{{id}}", **more}
    secrets = {"token": "t", "report_secret": provider.report_secret}
    return Account("sms-1", settings, secrets, sender="银河", message_cost=COST, allow_private=True)


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


@pytest.fixture(scope="module")
async def fcm() -> AsyncIterator[Fcm]:
    async with http_provider(Fcm()) as server:
        assert isinstance(server, Fcm)
        yield server


@pytest.fixture(params=[*sorted(installed()), *(f"console:{code}" for code in sorted(installed()))])
async def bench(
    request: pytest.FixtureRequest,
    marketing: Client,
    sales: Client,
    mails: MailServer,
    provider: HttpProvider,
    wechat: WeChat,
    wecom: WeComServer,
    fcm: Fcm,
) -> Bench:
    twin, _, code = request.param.rpartition(":")
    channel = installed()[code]
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    if twin:
        return Bench(
            Console(channel), Account("trial", message_cost=COST), "somewhere", _console(marketing), house=house
        )
    match code:
        case "email":
            account = mail_account(mails)
            arrived = _mails(mails)
            away = replace(account, settings={**account.settings, "port": 1})
            return Bench(channel, account, "fang@example.com", arrived, away, house)
        case "sms":
            account = sms_account(provider)
            away = replace(account, settings={"url": "http://127.0.0.1:1/send"})
            return Bench(channel, account, "+8613800138000", _posted(provider, "client_id"), away, house)
        case "webhook":
            account = Account("hook", {"url": provider.url}, {"secret": SECRET}, message_cost=COST, allow_private=True)
            away = replace(account, settings={"url": "http://127.0.0.1:1/"})
            return Bench(channel, account, "", _posted(provider, "id"), away, house)
        case "in_app":
            return Bench(channel, Account("app", message_cost=COST), "x", _in_app(marketing), house=house)
        case "phone_task":
            return Bench(channel, Account("calls", message_cost=COST), "+8613800138000", _tasks(sales), house=house)
        case "wechat_official":
            settings = {"app_id": "wx1", "template_id": "T1", "title_field": "thing1", "api_url": wechat.url}
            secrets = {"app_secret": "app-secret"}
            account = Account("gzh", settings, secrets, message_cost=COST, allow_private=True)
            away = replace(account, settings={**settings, "api_url": "http://127.0.0.1:1"})
            return Bench(channel, account, "openid-fang", _followed(wechat), away, house)
        case "wecom":
            settings = {"corp_id": "ww1", "agent_id": "1000002", "api_url": wecom.url}
            secrets = {"app_secret": "app-secret"}
            account = Account("qywx", settings, secrets, message_cost=COST, allow_private=True)
            away = replace(account, code="away", settings={**settings, "api_url": "http://127.0.0.1:1"})
            return Bench(channel, account, "fang", _written(wecom), away, house)
        case "push":
            secrets = {"service_account": fcm.service_account()}
            account = Account("app", {"api_url": fcm.url}, secrets, message_cost=COST, allow_private=True)
            away = replace(account, settings={"api_url": "http://127.0.0.1:1"})
            return Bench(channel, account, "device-1", _pushed(fcm), away, house)
    raise AssertionError(f"the channel {code} has no bench: give it one, so that it is held to the contract")


def _mails(mails: MailServer) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        found = [mail for mail in mails.mails if mail["Message-ID"] == f"<{id}@example.com>"]
        bodies = [mail.get_body(("plain",)) for mail in found]
        return [body.get_content().strip() for body in bodies if body is not None]

    return arrived


def _posted(provider: HttpProvider, name: str) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        # A receiver knows a repetition by its id.
        found = {told[name]: told["text"] for told in provider.taken if told.get(name) == id}
        return list(found.values()) if name == "id" else [t["text"] for t in provider.taken if t.get(name) == id]

    return arrived


def _followed(wechat: WeChat) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        found = wechat.messages.get(id.replace("-", ""))
        return [] if found is None else [found["data"]["thing2"]["value"]]

    return arrived


def _written(wecom: WeComServer) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        # An app's messages carry no id of ours.
        return [told["text"]["content"] for told in wecom.messages]

    return arrived


def _pushed(fcm: Fcm) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        return [told["notification"]["body"] for told in fcm.messages if told["data"]["message_id"] == id]

    return arrived


def _in_app(marketing: Client) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        found = await marketing.ListInAppMessages(pb.ListInAppMessagesRequest())
        return [each.text for each in found.in_app_messages if each.id == id]

    return arrived


def _tasks(sales: Client) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        found = await sales.ListActivities(ListActivitiesRequest())
        return [each.text for each in found.activities if each.id == id]

    return arrived


def _console(marketing: Client) -> Callable[[str], Any]:
    async def arrived(id: str) -> list[str]:
        found = await marketing.ListConsoleMessages(pb.ListConsoleMessagesRequest())
        return [each.text for each in found.console_messages if each.id == id]

    return arrived


async def test_a_channel_keeps_the_contract(bench: Bench) -> None:
    channel, account, house = bench.channel, bench.account, bench.house
    message = bench.message()
    if not isinstance(channel, Console):
        assert not channel.check(account)
        assert "colour" in channel.check(replace(account, settings={**account.settings, "colour": "red"}))
        for setting in channel.settings:
            if setting.required:
                assert setting.name in channel.check(replace(account, settings={}, secrets={}))

    receipt = await channel.send(message, account, house)
    assert await bench.arrived(str(message.id)) == ["尊敬的王芳"], "it arrives, under our id, in its own words"
    assert receipt.cost is not None
    assert channel.cost(message, account) == COST
    told = await channel.status(message.id, receipt.provider_id, account, house)
    if Ability.STATUS in channel.abilities:
        assert told.fate in (Fate.SENT, Fate.DELIVERED)
        assert (await channel.status(new_id(), "", account, house)).fate == Fate.ABSENT
    else:
        assert told.fate == Fate.UNKNOWN, "what cannot tell says so"
    if Ability.ONCE in channel.abilities:
        await channel.send(message, account, house)
        assert await bench.arrived(str(message.id)) == ["尊敬的王芳"], "handed over twice, it arrives once"
    if bench.away is not None:
        with pytest.raises(Later):
            await channel.send(bench.message(), bench.away, house)
    with pytest.raises(ReportForged):
        await channel.receive(Report({"x-signature": "0" * 64}, b"[]"), account, house)


@pytest.mark.parametrize("code", sorted(installed()))
def test_a_channel_says_what_it_is(code: str) -> None:
    channel = installed()[code]
    assert channel.code == code
    assert channel.display_name
    names = [setting.name for setting in channel.settings]
    assert len(set(names)) == len(names)
    assert all(setting.description for setting in channel.settings)


async def test_no_account_leads_into_our_own_network(
    marketing: Client, mails: MailServer, provider: HttpProvider
) -> None:
    house = TenantsHouse(marketing.running.runtime, marketing.tenant_id)
    for code, account in (("email", mail_account(mails)), ("sms", sms_account(provider))):
        outside = replace(account, allow_private=False)
        someone = Recipient(AddressKind.EMAIL, "fang@example.com")
        with pytest.raises((Refused, Later)) as refused:
            await installed()[code].send(Message(new_id(), someone, "SERVICE", text="x"), outside, house)
        assert isinstance(refused.value, Refused)
    assert not mails.mails
    assert not provider.requests
