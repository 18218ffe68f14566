"""Sends on the real service: what goes, what does not and why, and nothing twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from support.sending import (
    DENIED,
    MARKETING,
    SERVICE,
    TRANSACTION,
    decides,
    email,
    ended,
    message,
    phone,
    profile_id,
    somebody,
)
from tercet.marketing.v1 import channel_service_pb2 as channels
from tercet.marketing.v1 import consent_service_pb2 as consent
from tercet.marketing.v1 import send_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, eventually, refused

FANG = email("fang@example.com")


async def console(marketing: Client) -> list[channels.ConsoleMessage]:
    found = await marketing.ListConsoleMessages(channels.ListConsoleMessagesRequest())
    return list(found.console_messages)


async def test_whoever_agreed_is_sent_to_and_the_console_has_it(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await decides(marketing, fang, FANG)
    send = await marketing.SendMessage(message(fang, subject="新年\n好", text="您好，王芳"))
    done = await ended(marketing, send)
    assert (done.state, done.channel_code, done.address.value) == (pb.Send.DELIVERED, "email", "fang@example.com")
    assert [each.outcome_code for each in done.tries] == ["SENT"]
    [written] = await console(marketing)
    assert (written.id, written.text, written.subject) == (send.id, "您好，王芳", "新年 好")


@pytest.mark.parametrize(("purpose", "state"), [(MARKETING, "NO_CONSENT"), (SERVICE, ""), (TRANSACTION, "")])
async def test_advertising_needs_consent_and_the_rest_no_denial(marketing: Client, purpose: int, state: str) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    done = await ended(marketing, await marketing.SendMessage(message(fang, purpose=purpose)))
    assert done.state_code == state
    await decides(marketing, fang, FANG, DENIED, purpose)
    done = await ended(marketing, await marketing.SendMessage(message(fang, purpose=purpose)))
    assert (done.state, done.state_code) == (pb.Send.WITHHELD, "CONSENT_DENIED")


async def test_an_opt_out_holds_for_what_is_queued_already(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await decides(marketing, fang, FANG)
    later = datetime.now(UTC) + timedelta(seconds=2)
    request = message(fang)
    request.not_before.FromDatetime(later)
    send = await marketing.SendMessage(request)
    await decides(marketing, fang, FANG, DENIED)
    done = await ended(marketing, send)
    assert (done.state, done.state_code) == (pb.Send.WITHHELD, "CONSENT_DENIED")
    assert not await console(marketing)


async def test_one_key_is_sent_once_however_many_ask_at_once(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await decides(marketing, fang, FANG)
    sends = await asyncio.gather(*(marketing.SendMessage(message(fang, key="welcome-1")) for _ in range(8)))
    assert len({send.id for send in sends}) == 1
    await ended(marketing, sends[0])
    assert len(await console(marketing)) == 1
    with refused("SEND_KEY_REUSED", "key"):
        await marketing.SendMessage(message(fang, key="welcome-1", text="别的"))


async def test_the_next_channel_is_taken_where_one_cannot_reach(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await decides(marketing, fang, FANG)
    request = message(fang)
    del request.channel_codes[:]
    request.channel_codes.extend(["sms", "email"])
    done = await ended(marketing, await marketing.SendMessage(request))
    assert (done.state, done.channel_code) == (pb.Send.DELIVERED, "email")
    assert [(each.channel_code, each.outcome_code) for each in done.tries] == [("sms", "NO_ADDRESS"), ("email", "SENT")]


async def test_do_not_disturb_stops_every_purpose_and_every_member_of_the_party(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    twin = await somebody(marketing, "王芳 2", email("fang2@example.com"), party_id=fang)
    await decides(marketing, fang, FANG)
    await marketing.CreateDoNotDisturb(
        consent.CreateDoNotDisturbRequest(do_not_disturb=consent.DoNotDisturb(identity_id=str(twin)))
    )
    for purpose in (MARKETING, SERVICE, TRANSACTION):
        done = await ended(marketing, await marketing.SendMessage(message(fang, purpose=purpose)))
        assert (done.state, done.state_code) == (pb.Send.WITHHELD, "DO_NOT_DISTURB")


async def test_whoever_sells_has_only_their_own_customers_left_alone(marketing: Client) -> None:
    seller = new_id()
    mine, theirs = await somebody(marketing, "王芳", FANG, owner_id=seller), await somebody(marketing, "李娜")
    hers = marketing.as_(permissions={"marketing.do_not_disturb.create": "own"}, user_id=seller)
    wish = consent.DoNotDisturb(identity_id=str(theirs))
    with refused("RESOURCE_NOT_FOUND"):
        await hers.CreateDoNotDisturb(consent.CreateDoNotDisturbRequest(do_not_disturb=wish))
    wish = consent.DoNotDisturb(identity_id=str(mine))
    assert (await hers.CreateDoNotDisturb(consent.CreateDoNotDisturbRequest(do_not_disturb=wish))).party_id == str(mine)


async def test_a_suppressed_address_gets_nothing(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await marketing.CreateSuppression(
        consent.CreateSuppressionRequest(suppression=consent.Suppression(contact_point=email("FANG@example.com")))
    )
    done = await ended(marketing, await marketing.SendMessage(message(fang, purpose=TRANSACTION)))
    assert (done.state, done.state_code) == (pb.Send.WITHHELD, "SUPPRESSED")


async def test_a_cap_holds_when_twenty_are_sent_at_once(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG, phone("+8613800138000"))
    await decides(marketing, fang, FANG)
    cap = pb.FrequencyCap(code="daily", most=3, period_hours=24)
    await marketing.CreateFrequencyCap(pb.CreateFrequencyCapRequest(frequency_cap=cap))
    callers = [marketing.as_() for _ in range(20)]
    sends = await asyncio.gather(*(caller.SendMessage(message(fang)) for caller in callers))
    done = [await ended(marketing, send) for send in sends]
    assert sorted(each.state_code for each in done) == [""] * 3 + ["FREQUENCY_CAP"] * 17
    assert len(await console(marketing)) == 3
    # What belongs to a deal is not advertising.
    sent = await ended(marketing, await marketing.SendMessage(message(fang, purpose=TRANSACTION)))
    assert sent.state == pb.Send.DELIVERED


async def test_quiet_hours_postpone_and_deals_pass(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await decides(marketing, fang, FANG)
    now = datetime.now(UTC) + timedelta(hours=8)
    start, end = (now - timedelta(hours=2)).strftime("%H:%M"), (now + timedelta(hours=2)).strftime("%H:%M")
    with refused("QUIET_HOURS_INVALID"):
        hours = pb.QuietHours(code="night", start=start, end=start)
        await marketing.CreateQuietHours(pb.CreateQuietHoursRequest(quiet_hours=hours))
    hours = pb.QuietHours(code="night", start=start, end=end)
    await marketing.CreateQuietHours(pb.CreateQuietHoursRequest(quiet_hours=hours))
    send = await marketing.SendMessage(message(fang))
    sent = await ended(marketing, await marketing.SendMessage(message(fang, purpose=TRANSACTION)))
    assert sent.state == pb.Send.DELIVERED

    async def postponed() -> bool:
        found = await marketing.GetSend(pb.GetSendRequest(id=send.id))
        waits = found.next_time.ToDatetime(tzinfo=UTC) - datetime.now(UTC)
        return bool(found.state == pb.Send.QUEUED and timedelta(minutes=118) < waits <= timedelta(hours=2))

    await eventually(postponed)
    canceled = await marketing.CancelSend(pb.CancelSendRequest(id=send.id))
    assert canceled.state == pb.Send.CANCELED
    with refused("SEND_NOT_WAITING"):
        await marketing.CancelSend(pb.CancelSendRequest(id=send.id))


async def test_an_address_of_nobody_we_know_gets_a_trace_of_its_own(marketing: Client) -> None:
    first = await marketing.SendMessage(message(address=email("new@example.com"), purpose=SERVICE))
    second = await marketing.SendMessage(message(address=email("NEW@example.com"), purpose=SERVICE))
    assert first.identity_id == second.identity_id
    assert (await ended(marketing, first)).address.value == "new@example.com"


async def test_what_can_be_known_to_fail_is_refused_at_the_door(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    with refused("CHANNEL_UNKNOWN", "channel_codes"):
        await marketing.SendMessage(message(fang, "pigeon"))
    with refused("RECIPIENT_MISSING", "identity_id"):
        await marketing.SendMessage(message())
    with refused("CONTENT_MISSING", "text"):
        await marketing.SendMessage(message(fang, text=""))
    with refused("TEMPLATE_UNKNOWN", "template_code"):
        await marketing.SendMessage(message(fang, template_code="nothing"))
    with refused("CONTACT_POINT_INVALID"):
        await marketing.SendMessage(message(address=phone("---")))
    stranger = marketing.as_(permissions={"marketing.message.send": "own"}, user_id=new_id())
    with refused("RECIPIENT_OUT_OF_REACH", "identity_id"):
        await stranger.SendMessage(message(fang))


async def test_who_unsubscribes_by_a_link_gets_no_more(marketing: Client) -> None:
    fang = await somebody(marketing, "王芳", FANG)
    await decides(marketing, fang, FANG)
    link = await marketing.MakePreferenceLink(
        consent.MakePreferenceLinkRequest(profile_id=await profile_id(marketing, fang), contact_point=FANG)
    )
    told = await marketing.ReadPreferences(consent.ReadPreferencesRequest(token=link.token))
    assert told.contact_hint == "f***@example.com"
    assert [(choice.purpose, choice.state) for choice in told.choices] == [(MARKETING, 1)]
    told = await marketing.Unsubscribe(consent.UnsubscribeRequest(token=link.token))
    assert [(choice.purpose, choice.state) for choice in told.choices] == [(MARKETING, DENIED)]
    done = await ended(marketing, await marketing.SendMessage(message(fang)))
    assert done.state_code == "CONSENT_DENIED"
    with refused("PREFERENCE_LINK_INVALID", "token"):
        await marketing.Unsubscribe(consent.UnsubscribeRequest(token=link.token[:-4] + "AAAA"))
    proofs = await marketing.ListConsentProofs(consent.ListConsentProofsRequest(order_by="create_time"))
    assert [proof.source for proof in proofs.consent_proofs] == ["test", "one_click"]
