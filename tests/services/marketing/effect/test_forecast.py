"""What a strategy would do is told before it is approved: by a sample that is arbitrated, and keeps nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from support.benefits import policy
from support.deals import cny
from support.sending import decides, email, somebody
from support.strategies import action, create, decisions, draft, template
from tercet.marketing.v1 import effect_service_pb2 as pb
from tercet.marketing.v1 import strategy_service_pb2 as strategy_pb
from tercet.marketing.v1.channel_service_pb2 import ChannelAccount, CreateChannelAccountRequest
from tercet.marketing.v1.grant_service_pb2 import ListGrantsRequest
from tercet.marketing.v1.policy_service_pb2 import ListPolicyVersionsRequest, RetirePolicyVersionRequest
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_marketing.facts import store as facts
from tercet_marketing.facts.rules import Told


async def forecast(marketing: Client, id: str, size: int = 0) -> pb.StrategyForecast:
    found: pb.StrategyForecast = await marketing.ForecastStrategy(pb.ForecastStrategyRequest(id=id, sample_size=size))
    return found


async def test_a_draft_tells_whom_it_would_reach_why_not_others_and_what_it_would_cost(marketing: Client) -> None:
    account = ChannelAccount(
        code="mail", channel_code="email", provider=ChannelAccount.CONSOLE, sender="s@x.cn", message_cost=cny("0.045")
    )
    await marketing.CreateChannelAccount(CreateChannelAccountRequest(channel_account=account))
    await template(marketing)
    await policy(marketing, "ten_off", {"off": "10.00"})
    await action(marketing, channel_codes=["email"], template_code="gift")
    planned = await create(marketing, draft())
    people = []
    for number in range(10):
        point = email(f"c{number}@example.com")
        people.append(await somebody(marketing, f"客户{number}", point))
        if number < 6:
            await decides(marketing, people[-1], point)
    # A second trace of one of them is nobody else.
    await somebody(marketing, "客户0", party_id=people[0])
    async with marketing.transaction() as tx:
        moment = tx.now() - timedelta(days=3)
        await facts.keep(tx, [Told(new_id(), one, one, "order", moment, "", Decimal(5), "CNY") for one in people[:3]])
    found = await forecast(marketing, planned.id)
    assert (found.population_count, found.sample_count, found.chosen_count) == (10, 10, 6)
    assert (found.chosen_low, found.chosen_high) == (6, 6), "all of them were asked"
    chosen, withheld = strategy_pb.StrategyDecision.CHOSEN, strategy_pb.StrategyDecision.WITHHELD
    assert [(one.outcome, one.reason, one.cause, one.sample_count) for one in found.outcomes] == [
        (chosen, "", "", 6),
        (withheld, "CHANNEL", "NO_CONSENT", 4),
    ]
    assert [one.amount for one in found.benefit_costs] == ["60.00"]
    assert [one.amount for one in found.message_costs] == ["0.27"]
    assert found.baseline_rate == 0.5
    part = await forecast(marketing, planned.id, 5)
    assert (part.population_count, part.sample_count) == (10, 5)
    assert part.chosen_low <= 6 <= part.chosen_high
    assert part.SerializeToString() == (await forecast(marketing, planned.id, 5)).SerializeToString()
    assert not await decisions(marketing)
    assert not (await marketing.ListGrants(ListGrantsRequest())).grants


async def test_what_could_not_be_approved_is_not_forecast_and_nobody_is_an_answer(marketing: Client) -> None:
    await action(marketing)
    planned = await create(marketing, draft())
    empty = await forecast(marketing, planned.id)
    assert (empty.population_count, empty.sample_count, list(empty.outcomes)) == (0, 0, [])
    (version,) = (await marketing.ListPolicyVersions(ListPolicyVersionsRequest())).policy_versions
    await marketing.RetirePolicyVersion(RetirePolicyVersionRequest(id=version.id))
    with refused("POLICY_NOT_IN_FORCE"):
        await forecast(marketing, planned.id)
