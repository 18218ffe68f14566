"""Benefits given: the one way to a grant, for strategies, codes, promotions, rewards and people alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tercet.marketing.v1 import events_pb2 as events
from tercet_chassis import Refusal, Tx, derived_id
from tercet_chassis.entity import untracked
from tercet_marketing.grants import funds, limits, rules, store
from tercet_marketing.grants.drawing import at_issue
from tercet_marketing.grants.errors import GrantKeyReused, LimitReached
from tercet_marketing.grants.facts import Facts
from tercet_marketing.grants.funds import Spending
from tercet_marketing.grants.limits import Use
from tercet_marketing.grants.model import BenefitCode, Grant
from tercet_marketing.policies.model import PolicyVersion
from tercet_marketing.policies.rules import Json, Limits, Standing
from tercet_marketing.tools import registry
from tercet_marketing.tools.contract import Act

# A grant before it is a row: many are made at once, and written in one go.
_Fresh = untracked(Grant)


@dataclass(frozen=True, slots=True)
class Ask:
    """A benefit to be given. `key` follows from what happened; `version` 0 is the one in force."""

    key: str
    identity_id: UUID
    tool_code: str
    policy_code: str = ""
    version: int = 0
    origin: str = "DIRECT"
    campaign_id: UUID | None = None
    strategy_code: str = ""
    promotion_code: str = ""
    code: str = ""
    zone: str = ""
    with_code: bool = False
    # The budget of the strategy that gives it, and what else must be paid with it.
    budget_code: str = ""
    together_with: Spending | None = None


@dataclass(slots=True)
class Prepared:
    """A grant that is not written yet, with what it will use up."""

    ask: Ask
    grant: Grant
    version: PolicyVersion | None
    standing: Standing

    @property
    def use(self) -> Use:
        """Its issue, to be counted."""
        limits_ = self.version.limits("ISSUE") if self.version is not None else Limits()
        grant = self.grant
        return Use(f"{grant.id}:ISSUE", grant.policy_code, "ISSUE", grant.identity_id, grant.party_id, limits_)

    @property
    def spendings(self) -> list[Spending]:
        """What it takes from budgets when it is issued."""
        together = self.ask.together_with
        return [*at_issue(self.grant), *([together] if together is not None else [])]


async def issue(tx: Tx, ask: Ask) -> Grant:
    """Gives one benefit, once by its key; a repetition is answered with the grant that stands. Refuses with
    LIMIT_REACHED, BUDGET_SPENT and what is wrong with tool and policy.
    """
    (given,) = await issue_all(tx, [ask])
    if isinstance(given, Refusal):
        raise given
    return given


async def issue_all(tx: Tx, asks: Sequence[Ask]) -> list[Grant | Refusal]:
    """Gives several benefits, each for itself: a grant, or the refusal of a limit, a budget, or what is wrong with its
    tool, policy or key, in the order of the asks.
    """
    await tx.hold("grant-key", (ask.key for ask in asks))
    standing = await store.by_keys(tx, (ask.key for ask in asks))
    facts = Facts(tx)
    await facts.expect(ask for ask in asks if ask.key not in standing)
    prepared: dict[str, Prepared] = {}
    wrong: dict[str, Refusal] = {}
    for ask in asks:
        if ask.key in standing or ask.key in prepared:
            continue
        try:
            prepared[ask.key] = await prepare(tx, ask, facts)
        except Refusal as refusal:
            if refusal.passing:
                raise
            wrong[ask.key] = refusal
    refused = wrong | await write(tx, list(prepared.values()))
    done = {**standing, **{key: one.grant for key, one in prepared.items()}}
    return [refused.get(ask.key) or _same(done[ask.key], ask) for ask in asks]


def _same(known: Grant, ask: Ask) -> Grant | Refusal:
    if (known.identity_id, known.tool_code, known.policy_code) != (ask.identity_id, ask.tool_code, ask.policy_code):
        return GrantKeyReused(key=ask.key)
    return known


async def prepare(tx: Tx, ask: Ask, facts: Facts) -> Prepared:
    """The grant as it would be, not written. Refuses what is wrong with tool and policy."""
    known = registry.tool(ask.tool_code)
    version = await facts.version(ask)
    party_id, standing = await facts.person(ask.identity_id)
    zone = await facts.zone(ask.zone)
    numbers: Json = {} if version is None else version.numbers_for(standing)
    currency = "" if version is None else version.currency_code
    id = derived_id("grant", tx.tenant_id, ask.key)
    drawn = known.tool.draw(id, numbers, currency)
    start, end = (None, None) if version is None else version.period(tx.now(), zone)
    grant: Grant = _Fresh(
        id=id,
        key=ask.key,
        identity_id=ask.identity_id,
        party_id=party_id,
        tool_code=ask.tool_code,
        policy_code=ask.policy_code,
        version=0 if version is None else version.version,
        state="ISSUED",
        origin=ask.origin,
        numbers=dict(drawn.numbers or numbers),
        currency_code=currency,
        face=drawn.face,
        amount=None,
        returned=None,
        funded_by="" if version is None else version.funded_by,
        budget_code="" if version is None else version.budget_code,
        strategy_budget_code=ask.budget_code,
        start_time=start,
        end_time=end,
        zone=zone,
        code=ask.code,
        campaign_id=ask.campaign_id,
        strategy_code=ask.strategy_code,
        promotion_code=ask.promotion_code,
        issue_time=tx.now(),
        reference="",
        redeem_key="",
        use_count=0,
        turn=0,
        for_order=False,
    )
    return Prepared(ask, grant, version, standing)


async def write(tx: Tx, prepared: Sequence[Prepared]) -> dict[str, Refusal]:
    """Writes grants with what they use up, in one order of locks: limits, budgets, then the tools' own. Gives the
    refusals by key; what is refused has used nothing up.
    """
    room = await limits.room_for(tx, [one.use for one in prepared], hold=True)
    refused: dict[str, Refusal] = {}
    reached = {over.use.key: over for over in room.reached}
    for one in prepared:
        over = reached.get(one.use.key)
        if over is not None:
            refused[one.ask.key] = LimitReached(policy_code=one.ask.policy_code, most=over.most, what=over.what)
    open_ = [one for one in prepared if one.ask.key not in refused]
    for key, spent in (await funds.short_of(tx, {one.ask.key: one.spendings for one in open_}, hold=True)).items():
        refused[key] = spent
    good = [one for one in open_ if one.ask.key not in refused]
    await limits.count(tx, [one.use for one in good], room)
    await funds.spend(tx, [spending for one in good for spending in one.spendings])
    await _write(tx, good)
    return refused


async def _write(tx: Tx, prepared: Sequence[Prepared]) -> None:
    codes = []
    for one in prepared:
        grant, tool = one.grant, registry.tool(one.grant.tool_code).tool
        if await tool.issue(act_of(tx, grant)):
            grant.settle(tx.now())
        if one.ask.with_code or tool.redeemed_by_others:
            codes.append(_code(grant, shared=tool.redeemed_by_others))
    grants = [one.grant for one in prepared]
    for grant, row in zip(
        grants, await tx.bulk_insert(Grant, [vars(one) for one in grants], audited=True), strict=True
    ):
        vars(grant).update(row)
    await tx.bulk_insert(BenefitCode, codes, audited=True)
    for grant in grants:
        tx.emit(events.GrantIssued, grant)
        if grant.state == "ISSUED" and registry.tool(grant.tool_code).tool.paid_by(grant.numbers):
            tx.emit(events.GrantPayoutRequested, grant)


def _code(grant: Grant, *, shared: bool) -> Json:
    grant.code = rules.drawn()
    return {
        "code": grant.code,
        "tool_code": grant.tool_code,
        "policy_code": grant.policy_code,
        "version": grant.version,
        "shared": shared,
        "state": "OPEN" if shared else "CLAIMED",
        "grant_id": grant.id,
        "campaign_id": grant.campaign_id,
    }


def act_of(tx: Tx, grant: Grant) -> Act:
    """A grant as its tool sees it."""
    return Act(
        tx=tx,
        key=f"grant:{grant.id}",
        grant_id=grant.id,
        identity_id=grant.identity_id,
        party_id=grant.party_id,
        numbers=grant.numbers,
        currency=grant.currency_code,
        face=grant.face,
    )
