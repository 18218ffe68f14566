"""Red packets reach wallets: once, to the cent, visibly when they do not, over WeChat Pay and on the console."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf import json_format
from sqlalchemy import text

from support.benefits import basket, budget, grant, policy
from support.sending import somebody
from support.strategies import action, decisions, draft, running, wanted
from support.wechat_pay import KEY_ID, MERCHANT, PLATFORM, WeChatPayServer, private_pem, public_pem, wechat_pay_server
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1 import payout_service_pb2 as pb
from tercet.marketing.v1.benefit_service_pb2 import EvaluateBenefitsRequest
from tercet.marketing.v1.budget_service_pb2 import Budget, GetBudgetRequest
from tercet.marketing.v1.grant_service_pb2 import GetGrantRequest, Grant, RedeemGrantRequest, ReverseGrantRequest
from tercet.marketing.v1.profile_service_pb2 import ProfileContactPoint
from tercet_chassis.testing import Client, eventually, refused
from tercet_marketing.grants.ending import expire_due
from tercet_marketing.payouts.jobs import follow_payouts
from tercet_marketing.payouts.model import Payout

ISSUED, PAYING, PAID, FAILED, CANCELED = (
    pb.Payout.ISSUED, pb.Payout.PAYING, pb.Payout.PAID, pb.Payout.FAILED, pb.Payout.CANCELED,
)  # fmt: skip


@pytest.fixture
async def pay() -> AsyncIterator[WeChatPayServer]:
    async with wechat_pay_server() as server:
        yield server


def settings(url: str, **more: str) -> dict[str, str]:
    return {
        "merchant_id": "1900001109", "app_id": "wx1", "serial_no": "S1", "public_key_id": KEY_ID,
        "public_key": public_pem(PLATFORM), "activity_name": "生日有礼", "reward_text": "红包", "api_url": url, **more,
    }  # fmt: skip


async def account(marketing: Client, url: str, **more: Any) -> pb.PayoutAccount:
    values = {"code": "purse", "payer_code": "wechat_pay", "provider": "LIVE", "settings": settings(url), **more}
    wanted_account = json_format.ParseDict(values, pb.PayoutAccount())
    if "secrets" not in more:
        wanted_account.secrets["private_key"] = private_pem(MERCHANT)
    made: pb.PayoutAccount = await marketing.CreatePayoutAccount(
        pb.CreatePayoutAccountRequest(payout_account=wanted_account)
    )
    return made


async def packets(marketing: Client, paid_by: str = "purse", amount: str = "8.80", **more: Any) -> Budget:
    made = await budget(marketing, "red", "100.00")
    numbers = {"amount": amount, "paid_by": paid_by}
    await policy(marketing, "birthday", numbers, budget_code="red", **more)
    return made


async def fan(marketing: Client, name: str = "王芳", openid: str = "openid-fang") -> UUID:
    wallet = ProfileContactPoint(kind=ProfileContactPoint.ACCOUNT, value=openid, platform="wechat")
    return await somebody(marketing, name, *([wallet] if openid else []))


async def payout_of(marketing: Client, given: Grant, *states: Any) -> pb.Payout:
    """The payout of a grant once it has come to one of these states."""

    async def there() -> Any:
        found = (await marketing.ListPayouts(pb.ListPayoutsRequest(filter=f'grant_id = "{given.id}"'))).payouts
        return found[0] if found and found[0].state in states else None

    found: pb.Payout = await eventually(there, hint=f"the payout of {given.id} did not become one of {states}")
    return found


async def asks(marketing: Client) -> None:
    """As if the time had come to ask payers what became of what they have."""
    await marketing.running.runtime.background.idle()
    async with marketing.transaction() as tx:
        await tx.session.execute(text("UPDATE payouts SET lease_until = now() - interval '1 s' WHERE state = 'PAYING'"))
    async with marketing.transaction() as tx:
        await follow_payouts(tx)
    await marketing.running.runtime.background.idle()
    await marketing.settled()
    await marketing.running.runtime.background.idle()


async def money(marketing: Client, of: Budget) -> tuple[str, str]:
    found = await marketing.GetBudget(GetBudgetRequest(id=of.id))
    return found.balance.amount, found.spent.amount


async def sound(marketing: Client) -> None:
    check = await marketing.CheckInvariants(CheckInvariantsRequest())
    rooms = ("ledgers.", "payouts.", "jobs.")
    assert {one.invariant: list(one.examples) for one in check.findings if one.invariant.startswith(rooms)} == {
        one.invariant: [] for one in check.findings if one.invariant.startswith(rooms)
    }


async def grant_now(marketing: Client, given: Grant) -> Grant:
    found: Grant = await marketing.GetGrant(GetGrantRequest(id=given.id))
    return found


async def test_a_packet_reaches_the_wallet_once_and_its_budget_paid_for_it_once(
    marketing: Client, pay: WeChatPayServer
) -> None:
    await account(marketing, pay.url)
    purse = await packets(marketing)
    await action(marketing, tool_code="red_packet", policy_code="birthday")
    await running(marketing, draft())
    fang = await fan(marketing)
    for _ in range(2):
        await wanted(marketing, [fang])
    (decision,) = await decisions(marketing)
    given = Grant(id=decision.grant_id)
    paid = await payout_of(marketing, given, PAID)
    (bill,) = pay.bills.values()
    assert (bill["openid"], bill["transfer_amount"], bill["scene"]) == ("openid-fang", 880, "1000")
    assert bill["out_bill_no"] == UUID(paid.bill_id).hex
    assert (paid.amount.amount, paid.provider_id, paid.account_code) == ("8.80", bill["transfer_bill_no"], "purse")
    now = await grant_now(marketing, given)
    assert (now.state, now.payment, now.amount.amount) == (Grant.REDEEMED, Grant.PAID, "8.80")
    assert await money(marketing, purse) == ("91.20", "8.80")
    await asks(marketing)
    assert [method for method, _ in pay.asked] == ["POST"]
    with refused("GRANT_PAID_OUT"):
        await marketing.ReverseGrant(ReverseGrantRequest(id=given.id))
    for refusal, request in (
        ("PAYOUT_NOT_FAILED", marketing.RetryPayout(pb.RetryPayoutRequest(id=paid.id))),
        ("PAYOUT_NOT_CANCELABLE", marketing.CancelPayout(pb.CancelPayoutRequest(id=paid.id))),
    ):
        with refused(refusal):
            await request
    await sound(marketing)


async def test_what_was_cut_off_is_asked_after_and_never_paid_twice(marketing: Client, pay: WeChatPayServer) -> None:
    await account(marketing, pay.url)
    await packets(marketing)
    pay.cut = 1
    given = await grant(marketing, await fan(marketing), "red_packet", "birthday")
    await payout_of(marketing, given, PAYING)
    await asks(marketing)
    await payout_of(marketing, given, PAID)
    assert [method for method, _ in pay.asked] == ["POST", "GET"]
    assert len(pay.bills) == 1
    await sound(marketing)


async def test_what_the_payer_never_had_is_handed_over_again_under_the_same_number(
    marketing: Client, pay: WeChatPayServer
) -> None:
    await account(marketing, pay.url)
    await packets(marketing)
    # Somebody else answers, and forgets: what is not signed says nothing.
    pay.unsigned, pay.refusals = True, [(500, "SYSTEM_ERROR")]
    given = await grant(marketing, await fan(marketing), "red_packet", "birthday")
    under_way = await payout_of(marketing, given, PAYING)
    await marketing.running.runtime.background.idle()
    pay.unsigned = False
    await asks(marketing)
    paid = await payout_of(marketing, given, PAID)
    assert (paid.bill_id, len(pay.bills), paid.attempts) == (under_way.bill_id, 1, 2)
    await sound(marketing)


async def test_a_transfer_that_must_be_accepted_shows_what_the_app_needs_and_can_lapse(
    marketing: Client, pay: WeChatPayServer
) -> None:
    await account(marketing, pay.url)
    purse = await packets(marketing, validity={"days": 1})
    pay.first = "WAIT_USER_CONFIRM"
    given = await grant(marketing, await fan(marketing), "red_packet", "birthday")

    async def shown() -> Any:
        found = await payout_of(marketing, given, PAYING)
        return found if found.acceptance else None

    pending: pb.Payout = await eventually(shown)
    assert pending.acceptance == f"package-{UUID(pending.bill_id).hex}"
    with refused("GRANT_PAID_OUT"):
        await marketing.ReverseGrant(ReverseGrantRequest(id=given.id))
    with refused("PAYOUT_ACCOUNT_IN_USE"):
        (own,) = (await marketing.ListPayoutAccounts(pb.ListPayoutAccountsRequest())).payout_accounts
        await marketing.DeletePayoutAccount(pb.DeletePayoutAccountRequest(id=own.id))
    changed = json_format.ParseDict({"id": own.id, "settings": settings(pay.url, app_id="wx2")}, pb.PayoutAccount())
    with refused("PAYOUT_ACCOUNT_IN_USE"):
        await marketing.UpdatePayoutAccount(pb.UpdatePayoutAccountRequest(payout_account=changed))
    async with marketing.transaction() as tx:
        assert await expire_due(tx, datetime.now(UTC) + timedelta(days=3), 9) == 0, "what a payer has does not expire"
    pay.bills[UUID(pending.bill_id).hex] |= {"state": "CANCELLED", "fail_reason": "OVERDUE_CLOSE"}
    await asks(marketing)
    failed = await payout_of(marketing, given, FAILED)
    assert (failed.state_code, failed.detail) == ("REFUSED", "CANCELLED OVERDUE_CLOSE")
    assert await money(marketing, purse) == ("91.20", "8.80"), "kept for a retry"
    pay.first = "SUCCESS"
    await marketing.RetryPayout(pb.RetryPayoutRequest(id=failed.id, etag=failed.etag))
    paid = await payout_of(marketing, given, PAID)
    assert (paid.bill_id != pending.bill_id, len(pay.bills)) == (True, 2)
    assert await money(marketing, purse) == ("91.20", "8.80")
    await sound(marketing)


@pytest.mark.parametrize("way", ["given up", "taken back", "expired", "left alone"])
async def test_what_fails_for_good_gives_its_budget_back(marketing: Client, pay: WeChatPayServer, way: str) -> None:
    await account(marketing, pay.url)
    purse = await packets(marketing, validity={"days": 1})
    pay.refusals = [(400, "PARAM_ERROR")]
    given = await grant(marketing, await fan(marketing), "red_packet", "birthday")
    failed = await payout_of(marketing, given, FAILED)
    assert (failed.state_code, failed.detail, await money(marketing, purse)) == (
        "REFUSED", "PARAM_ERROR said so", ("91.20", "8.80"),
    )  # fmt: skip
    match way:
        case "given up":
            await marketing.CancelPayout(pb.CancelPayoutRequest(id=failed.id))
        case "taken back":
            await marketing.ReverseGrant(ReverseGrantRequest(id=given.id))
        case "expired":
            async with marketing.transaction() as tx:
                assert await expire_due(tx, datetime.now(UTC) + timedelta(days=3), 9) == 1
        case "left alone":
            async with marketing.transaction() as tx:
                (await tx.get(Payout, failed.id)).fail_time = tx.now() - timedelta(days=31)
    await asks(marketing)
    ended = await payout_of(marketing, given, CANCELED)
    codes = {"taken back": "GRANT_REVERSED", "expired": "GRANT_EXPIRED"}
    assert (ended.state_code, await money(marketing, purse)) == (codes.get(way, "GIVEN_UP"), ("100.00", "0.00"))
    with refused("PAYOUT_NOT_FAILED"):
        await marketing.RetryPayout(pb.RetryPayoutRequest(id=failed.id))
    await sound(marketing)


async def test_what_cannot_be_paid_says_what_is_missing_and_is_paid_once_it_is_there(
    marketing: Client, pay: WeChatPayServer
) -> None:
    await packets(marketing)
    fang = await fan(marketing, openid="")
    given = await grant(marketing, fang, "red_packet", "birthday")
    first = await payout_of(marketing, given, FAILED)
    assert (first.state_code, first.detail) == ("NO_ACCOUNT", "set up a payout account purse, or turn it on, and retry")
    await account(marketing, pay.url)
    await marketing.RetryPayout(pb.RetryPayoutRequest(id=first.id))

    async def other_cause() -> Any:
        found = await payout_of(marketing, given, FAILED)
        return found if found.state_code == "NO_ADDRESS" else None

    second: pb.Payout = await eventually(other_cause)
    assert second.detail == "record the customer's wechat account and retry"
    wallet = ProfileContactPoint(kind=ProfileContactPoint.ACCOUNT, value="openid-fang", platform="wechat")
    await somebody(marketing, "王芳", wallet, identity_id=fang)
    pay.refusals = [(403, "NOT_ENOUGH")]
    await marketing.RetryPayout(pb.RetryPayoutRequest(id=first.id))

    async def waits() -> Any:
        found = await payout_of(marketing, given, ISSUED)
        return found if found.detail else None

    later: pb.Payout = await eventually(waits)
    assert (later.detail, later.HasField("next_time")) == ("NOT_ENOUGH said so", True)
    async with marketing.transaction() as tx:
        (await tx.get(Payout, first.id)).next_time = tx.now()
    await asks(marketing)
    await payout_of(marketing, given, PAID)
    await sound(marketing)


async def test_the_console_writes_down_what_it_would_have_paid_also_many_at_once(marketing: Client) -> None:
    purse = await packets(marketing, paid_by="wechat_pay", amount="10.00")
    people = [await fan(marketing, f"客户{number}", f"openid-{number}") for number in range(12)]
    answers = await asyncio.gather(
        *(grant(marketing, one, "red_packet", "birthday") for one in people), return_exceptions=True
    )
    given = [one for one in answers if isinstance(one, Grant)]
    assert len(given) == 10, "the budget has 100"
    for one in given:
        assert (await payout_of(marketing, one, PAID)).account_code == "wechat_pay"
    written = (await marketing.ListConsolePayouts(pb.ListConsolePayoutsRequest())).console_payouts
    assert sorted((one.amount.amount, one.handed_over) for one in written) == [("10.00", 1)] * 10
    assert await money(marketing, purse) == ("0.00", "100.00")
    await sound(marketing)


async def test_a_packet_that_is_paid_out_is_used_in_no_other_way(marketing: Client) -> None:
    await packets(marketing, paid_by="nobody")
    fang = await fan(marketing)
    given = await grant(marketing, fang, "red_packet", "birthday")
    await payout_of(marketing, given, FAILED)
    with refused("GRANT_PAID_BY_PAYOUT"):
        await marketing.RedeemGrant(RedeemGrantRequest(id=given.id, key="by hand"))
    answer = await marketing.EvaluateBenefits(
        EvaluateBenefitsRequest(basket=basket(fang, "50.00", grant_ids=[given.id]))
    )
    assert not answer.adjustments


async def test_accounts_are_checked_and_keep_their_secrets(marketing: Client, pay: WeChatPayServer) -> None:
    (payer,) = (await marketing.ListPayers(pb.ListPayersRequest())).payers
    assert (payer.code, list(payer.currency_codes), payer.platform) == ("wechat_pay", ["CNY"], "wechat")
    with refused("PAYER_UNKNOWN"):
        await account(marketing, pay.url, payer_code="alms")
    for field in ("private_key", "public_key"):
        with refused("PAYOUT_ACCOUNT_SETTINGS_INVALID", f"payout_account.settings.{field}"):
            await account(marketing, pay.url, settings={**settings(pay.url), "public_key": "x"}, secrets={})
    made = await account(marketing, pay.url)
    assert (list(made.secret_names), dict(made.secrets), made.enabled) == (["private_key"], {}, True)
    await marketing.DeletePayoutAccount(pb.DeletePayoutAccountRequest(id=made.id))
