"""Links in mails and hooks of providers, through the front door to the real marketing service."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
import pytest

from support.gateway import Company, found_company
from support.messengers import AES_KEY, pushed
from support.rest import front_door
from support.sending import DENIED, MARKETING, decides, email, profile_id, somebody
from support.servers import Servers
from support.services import client
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import consent_service_pb2 as consent
from tercet.marketing.v1 import send_service_pb2 as sends
from tercet_chassis.testing import Client, Together

FANG = email("fang@example.com")


@dataclass
class Site:
    """A company with marketing, seen from outside."""

    company: Company
    marketing: Client
    http: httpx2.AsyncClient


@pytest.fixture
async def site(gateway: Client, together: Together, servers: Servers) -> AsyncIterator[Site]:
    running = await client(together, servers, "marketing", gateway.tenant_id)
    company = await found_company(gateway)
    await company.admin.settled()
    marketing = await running.running.join(company.admin.tenant_id)
    async with front_door(together) as http:
        yield Site(company, marketing, http)


async def link(site: Site) -> str:
    fang = await somebody(site.marketing, "王芳", FANG)
    await decides(site.marketing, fang, FANG)
    request = consent.MakePreferenceLinkRequest(profile_id=await profile_id(site.marketing, fang), contact_point=FANG)
    return f"/u/{site.company.code}/{(await site.marketing.MakePreferenceLink(request)).token}"


async def decided(site: Site) -> list[Any]:
    found = await site.marketing.ListConsentProofs(consent.ListConsentProofsRequest(order_by="create_time"))
    return [(proof.source, proof.state) for proof in found.consent_proofs]


async def test_one_click_withdraws_consent_and_looking_does_not(site: Site) -> None:
    path = await link(site)
    looked = await site.http.get(path, headers={"accept-language": "en"})
    assert looked.status_code == 200
    assert "f***@example.com" in looked.text
    assert "Send no more" in looked.text
    assert FANG.value not in looked.text
    assert len(await decided(site)) == 1
    # As a mail program does it (RFC 8058): no cookie, no header of ours.
    posted = await site.http.post(path, data={"List-Unsubscribe": "One-Click"})
    assert posted.status_code == 200, posted.text
    assert "<button" not in posted.text
    assert await decided(site) == [("test", 1), ("one_click", DENIED)]
    told = await site.marketing.ReadPreferences(consent.ReadPreferencesRequest(token=path.rsplit("/", 1)[1]))
    assert [(choice.purpose, choice.state) for choice in told.choices] == [(MARKETING, DENIED)]


async def test_a_link_that_we_did_not_make_says_so(site: Site) -> None:
    path = await link(site)
    for wrong in (path[:-3] + "AAA", f"/u/{site.company.code}/x", f"/u/{site.company.code}/own.%00"):
        assert (await site.http.get(wrong)).status_code == 410
        assert (await site.http.post(wrong)).status_code == 410
    assert (await site.http.get("/u/nobody-here/x")).status_code == 404


async def test_a_provider_reports_by_its_hook(site: Site) -> None:
    account = channels.ChannelAccount(
        code="sms-1", channel_code="sms", provider=channels.ChannelAccount.LIVE, secrets={"report_secret": "s"}
    )
    account.settings.update({"url": "http://127.0.0.1:1/"})
    await site.marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=account))
    body = orjson.dumps({"type": "inbound", "id": "1", "from": "+8613800138000", "text": "你好"})
    path = f"/hooks/{site.company.code}/sms-1"
    forged = await site.http.post(path, content=body, headers={"x-signature": "0" * 64})
    assert (forged.status_code, forged.json()["reason"]) == (403, "REPORT_NOT_GENUINE")

    signed = hmac.digest(b"s", body, hashlib.sha256).hex()
    taken = await site.http.post(path, content=body, headers={"x-signature": signed})
    assert taken.status_code == 200, taken.text
    found = await site.marketing.ListReceivedMessages(sends.ListReceivedMessagesRequest())
    assert [message.text for message in found.received_messages] == ["你好"]
    assert (await site.http.post(f"/hooks/{site.company.code}/none", content=b"{}")).status_code == 404


async def test_a_provider_hears_that_the_address_is_ours(site: Site) -> None:
    account = channels.ChannelAccount(
        code="wecom-1",
        channel_code="wecom",
        provider=channels.ChannelAccount.LIVE,
        secrets={"app_secret": "s", "token": "told", "aes_key": AES_KEY},
    )
    account.settings.update({"corp_id": "ww1", "agent_id": "1"})
    await site.marketing.CreateChannelAccount(channels.CreateChannelAccountRequest(channel_account=account))
    asked, _ = pushed("1616140317555161061", "ww1", echo=True)
    path = f"/hooks/{site.company.code}/wecom-1"
    answer = await site.http.get(path, params=asked)
    assert (answer.status_code, answer.text) == (200, "1616140317555161061")
    assert (await site.http.get(path, params=asked | {"nonce": "m"})).status_code == 403
