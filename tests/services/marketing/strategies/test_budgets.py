"""What strategies spend: to the cent, never more than there is, and given back when nothing came of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from support.benefits import basket, budget, policy, reserve
from support.deals import cny
from support.sending import decides, email, ended, message, profile_id, somebody
from support.strategies import action, create, decisions, draft, running, template, wanted
from tercet.chassis.v1.maintenance_service_pb2 import CheckInvariantsRequest
from tercet.marketing.v1 import strategy_service_pb2 as pb
from tercet.marketing.v1.benefit_service_pb2 import ConfirmBenefitsRequest, ReleaseBenefitsRequest
from tercet.marketing.v1.budget_service_pb2 import Budget, CreateBudgetRequest, GetBudgetRequest
from tercet.marketing.v1.channel_service_pb2 import ChannelAccount, CreateChannelAccountRequest
from tercet.marketing.v1.grant_service_pb2 import Grant, ListGrantsRequest, ReverseGrantRequest
from tercet.marketing.v1.send_service_pb2 import CancelSendRequest, CreateQuietHoursRequest, QuietHours, Send
from tercet.type.v1.money_pb2 import Money
from tercet_chassis.money import Money as Amount
from tercet_chassis.testing import Client, refused
from tercet_marketing.grants.ending import expire_due
from tercet_marketing.sends import store as sends
from tercet_marketing.sends.delivering import failed, taken

CHOSEN, WITHHELD = pb.StrategyDecision.CHOSEN, pb.StrategyDecision.WITHHELD


async def mail(marketing: Client, cost: str = "0.045") -> None:
    """E-mail over the console, at a price."""
    account = ChannelAccount(
        code="mail",
        channel_code="email",
        provider=ChannelAccount.CONSOLE,
        sender="shop@example.com",
        message_cost=cny(cost),
    )
    await marketing.CreateChannelAccount(CreateChannelAccountRequest(channel_account=account))


async def reachable(marketing: Client, count: int) -> list[UUID]:
    people = []
    for number in range(count):
        point = email(f"c{number}@example.com")
        people.append(await somebody(marketing, f"客户{number}", point))
        await decides(marketing, people[-1], point)
    return people


async def money(marketing: Client, of: Budget) -> tuple[str, str, str]:
    """Balance, held, spent."""
    found = await marketing.GetBudget(GetBudgetRequest(id=of.id))
    return found.balance.amount, found.held.amount, found.spent.amount


async def grants(marketing: Client) -> list[Grant]:
    return list((await marketing.ListGrants(ListGrantsRequest())).grants)


async def sound(marketing: Client) -> None:
    check = await marketing.CheckInvariants(CheckInvariantsRequest())
    rooms = ("ledgers.", "till.", "strategies.", "plans.")
    found = {one.invariant: one.holds for one in check.findings if one.invariant.startswith(rooms)}
    assert found
    assert all(found.values()), found


async def test_benefit_and_message_are_paid_and_the_decision_says_so(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "100.00")
    await mail(marketing)
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    await running(marketing, draft(budget_code="spring"))
    (fang,) = await reachable(marketing, 1)
    explained = await marketing.ExplainStrategies(
        pb.ExplainStrategiesRequest(profile_id=await profile_id(marketing, fang))
    )
    assert explained.decisions[0].checks[-1].detail == "spring has 100.00 CNY left"
    await wanted(marketing, [fang])
    (decision,) = await decisions(marketing)
    assert decision.outcome == CHOSEN
    assert decision.checks[-1].detail == "spring gave 10.00 CNY for the benefit and 0.05 CNY for the message"
    sent = await ended(marketing, Send(id=decision.send_id))
    assert (sent.state, sent.cost.amount) == (Send.DELIVERED, "0.045")
    await marketing.settled()
    assert await money(marketing, spring) == ("89.95", "0.00", "10.05")
    (given,) = await grants(marketing)
    assert (given.strategy_budget_code, given.face.amount) == ("spring", "10.00")
    await sound(marketing)


async def test_parallel_workers_never_spend_a_cent_too_much(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "100.00")
    await mail(marketing, "0.07")
    await template(marketing)
    await action(marketing, channel_codes=["email"], template_code="gift")
    await running(marketing, draft(budget_code="spring"))
    people = await reachable(marketing, 14)
    await asyncio.gather(*(wanted(marketing, people[at : at + 2]) for at in range(0, 14, 2)))
    found = await decisions(marketing)
    assert sum(one.outcome == CHOSEN for one in found) == 9, "9 x 10.07 is 90.63, one more would be 100.70"
    withheld = [one for one in found if one.outcome == WITHHELD]
    assert {(one.reason, one.checks[-1].name) for one in withheld} == {("BUDGET_SPENT", "BUDGET_SPENT")}
    assert "The budget spring has 9.37 CNY left" in withheld[0].checks[-1].detail
    assert len(await grants(marketing)) == 9
    assert (await money(marketing, spring))[0] == "9.37"
    await sound(marketing)


async def test_a_message_alone_is_withheld_without_money(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "0.10")
    await mail(marketing)
    await template(marketing, "您好")
    await action(marketing, tool_code="", policy_code="", channel_codes=["email"], template_code="gift")
    await running(marketing, draft(budget_code="spring"))
    people = await reachable(marketing, 3)
    await asyncio.gather(*(wanted(marketing, [one]) for one in people))
    outcomes = sorted((one.outcome, one.reason) for one in await decisions(marketing))
    assert outcomes == [(CHOSEN, ""), (CHOSEN, ""), (WITHHELD, "BUDGET_SPENT")]
    assert (await money(marketing, spring))[0] == "0.00"


@pytest.mark.usefixtures("noon")
async def test_a_message_that_did_not_go_gives_its_money_back(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "10.00")
    await mail(marketing, "1.00")
    await template(marketing, "您好")
    await action(marketing, tool_code="", policy_code="", channel_codes=["email"], template_code="gift")
    # The door waits, so that each message can be seen to end in its own way.
    night = QuietHours(code="all", start="00:00", end="23:59")
    await marketing.CreateQuietHours(CreateQuietHoursRequest(quiet_hours=night))
    await running(marketing, draft(budget_code="spring"))
    await wanted(marketing, await reachable(marketing, 4))
    assert (await money(marketing, spring))[0] == "6.00"
    cancelled, refused_, cheaper, _ = (UUID(decision.send_id) for decision in await decisions(marketing))
    await marketing.CancelSend(CancelSendRequest(id=str(cancelled)))
    async with marketing.transaction() as tx:
        found = await sends.locked(tx, [refused_, cheaper])
        for send in found.values():
            send.hand_over(0, "email", "mail", {"kind": "EMAIL", "value": "x@example.com"}, "x", tx.now())
        await failed(tx, found[refused_], "REFUSED", "no such mailbox", bounced=False)
        taken(tx, found[cheaper], "provider-1", Amount(Decimal("0.40"), "CNY"), delivered=True)
    await marketing.settled()
    assert await money(marketing, spring) == ("8.60", "0.00", "1.40"), "0.40 for one, 1.00 for what still waits"
    await sound(marketing)


async def test_a_message_that_nobody_could_queue_costs_nothing(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "10.00")
    await mail(marketing, "1.00")
    await template(marketing)
    await action(marketing, tool_code="", policy_code="", channel_codes=["email"], template_code="gift")
    await running(marketing, draft(budget_code="spring"))
    await wanted(marketing, await reachable(marketing, 1))
    (decision,) = await decisions(marketing)
    assert (decision.checks[-1].name, decision.send_id) == ("MESSAGE", ""), (
        "the words speak of a benefit, and there is none"
    )
    assert (await money(marketing, spring))[0] == "10.00"


@pytest.mark.parametrize("tail", ["nothing", ""])
async def test_a_message_under_a_key_like_ours_moves_no_money(marketing: Client, tail: str) -> None:
    spring = await budget(marketing, "spring", "10.00")
    await mail(marketing, "1.00")
    await action(marketing)
    strategy = await running(marketing, draft(budget_code="spring"))
    (fang,) = await reachable(marketing, 1)
    await wanted(marketing, [fang])
    (decision,) = await decisions(marketing)
    sent = await marketing.SendMessage(message(fang, key=f"strategy:{tail or decision.id}", strategy_id=strategy.id))
    await ended(marketing, sent)
    await marketing.settled()
    assert await money(marketing, spring) == ("0.00", "0.00", "10.00"), "the benefit's worth only"


@pytest.mark.parametrize("way", ["reversed", "expired"])
async def test_a_benefit_that_ends_unused_gives_its_worth_back(marketing: Client, way: str) -> None:
    spring = await budget(marketing, "spring", "25.00")
    await policy(marketing, "week", {"off": "10.00"}, validity={"days": 7})
    await action(marketing, policy_code="week")
    await running(marketing, draft(budget_code="spring", reentry_days=0))
    fang, lei, mei = [await somebody(marketing, name) for name in ("王芳", "李雷", "韩梅梅")]
    await wanted(marketing, [fang, lei])
    await wanted(marketing, [mei])
    assert [one.reason for one in await decisions(marketing, outcome="WITHHELD")] == ["BUDGET_SPENT"]
    if way == "reversed":
        for one in await grants(marketing):
            await marketing.ReverseGrant(ReverseGrantRequest(id=one.id))
    else:
        async with marketing.transaction() as tx:
            tx._now = tx.now() + timedelta(days=30)
            assert await expire_due(tx, tx.now(), 10) == 2
    assert await money(marketing, spring) == ("25.00", "0.00", "0.00")
    await wanted(marketing, [mei], "2")
    assert (await money(marketing, spring))[0] == "15.00"
    await sound(marketing)


async def test_an_order_that_is_cancelled_leaves_the_worth_paid_until_the_benefit_ends(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "10.00")
    await action(marketing)
    await running(marketing, draft(budget_code="spring"))
    fang = await somebody(marketing)
    await wanted(marketing, [fang])
    for turn in ("o1", "o2"):
        kept = await marketing.ReserveBenefits(reserve(turn, basket(fang, "6.00")))
        assert kept.total.amount == "6.00"
        await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key=turn))
        await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key=turn))
        assert await money(marketing, spring) == ("0.00", "0.00", "10.00")
    (given,) = await grants(marketing)
    await marketing.ReverseGrant(ReverseGrantRequest(id=given.id))
    assert await money(marketing, spring) == ("10.00", "0.00", "0.00")
    await sound(marketing)


async def test_what_only_an_order_tells_is_paid_when_it_is_used(marketing: Client) -> None:
    spring = await budget(marketing, "spring", "5.00")
    await policy(marketing, "tenth", {"percent": "10"})
    await action(marketing, policy_code="tenth")
    await running(marketing, draft(budget_code="spring"))
    fang = await somebody(marketing)
    await wanted(marketing, [fang])
    assert await money(marketing, spring) == ("5.00", "0.00", "0.00")
    dear = await marketing.ReserveBenefits(reserve("dear", basket(fang, "60.00")))
    assert (dear.total.amount, [one.hindrance for one in dear.withheld]) == ("0.00", ["BUDGET_SPENT"])
    await marketing.ReserveBenefits(reserve("o1", basket(fang, "40.00")))
    assert await money(marketing, spring) == ("5.00", "4.00", "0.00")
    await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key="o1"))
    assert await money(marketing, spring) == ("1.00", "0.00", "4.00")
    await marketing.ReleaseBenefits(ReleaseBenefitsRequest(key="o1"))
    assert await money(marketing, spring) == ("5.00", "0.00", "0.00")
    await sound(marketing)


async def test_one_budget_that_is_named_twice_pays_once_and_two_pay_each_their_own(marketing: Client) -> None:
    spring, brand = await budget(marketing, "spring", "100.00"), await budget(marketing, "brand", "100.00")
    fang = await somebody(marketing)
    for code in ("spring", "brand"):
        await policy(marketing, f"p_{code}", {"off": "10.00"}, budget_code=code)
        await action(marketing, code=f"a_{code}", policy_code=f"p_{code}")
        await running(marketing, draft(f"s_{code}", action_code=f"a_{code}", budget_code="spring"))
        await wanted(marketing, [fang], code=f"s_{code}")
        await marketing.ReserveBenefits(reserve(code, basket(fang, "50.00")))
        await marketing.ConfirmBenefits(ConfirmBenefitsRequest(key=code))
    assert (await money(marketing, spring))[2] == "20.00", "each benefit's worth once"
    assert (await money(marketing, brand))[2] == "10.00", "what the policy's own budget bears when it is used"
    await sound(marketing)


async def test_budgets_and_campaigns_must_be_there_and_fit(marketing: Client) -> None:
    await action(marketing)
    with refused("BUDGET_UNKNOWN"):
        await create(marketing, draft(budget_code="nothing"))
    with refused("CAMPAIGN_NOT_FOUND"):
        await create(marketing, draft(campaign_code="nothing"))
    dollars = Budget(code="usd", display_name="美元", opening_amount=Money(currency_code="USD", amount="1"))
    await marketing.CreateBudget(CreateBudgetRequest(budget=dollars))
    made = await create(marketing, draft(budget_code="usd"))
    with refused("STRATEGY_BUDGET_CURRENCY_DIFFERS"):
        await marketing.ApproveStrategy(pb.ApproveStrategyRequest(id=made.id))
