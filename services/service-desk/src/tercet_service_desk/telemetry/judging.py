"""Readings are kept and judged in one transaction: each counts once, and an asset has one open alarm a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from tercet.servicedesk.v1 import events_pb2 as events
from tercet_chassis import Tx, new_id
from tercet_chassis.conditions import own_fields
from tercet_conditions import judging_at
from tercet_service_desk.assets import store as asset_store
from tercet_service_desk.assets.model import Asset
from tercet_service_desk.telemetry import store
from tercet_service_desk.telemetry.facts import ASSETS, facts_of
from tercet_service_desk.telemetry.model import ENDED, OPEN, RECOVERED, Alarm, AlarmRule
from tercet_service_desk.telemetry.rules import Measured, Passed, Standing, passed
from tercet_service_desk.telemetry.store import Row

log = structlog.get_logger(__name__)
_Pair = tuple[UUID, UUID]
_Series = tuple[UUID, str]


@dataclass(slots=True)
class _Case:
    """One asset and rule in one batch: where they stood, where they stand, and what that changes."""

    watch: Any
    rule: AlarmRule
    asset: Asset
    fresh: list[Measured]
    before: Standing
    after: Standing
    muted: bool
    over: Passed | None = None
    alarm_id: UUID | None = None
    alarm: Alarm | None = field(default=None)


async def record(tx: Tx, rows: Sequence[Row]) -> int:
    """Keeps readings and judges those that are new; gives how many are."""
    rules = await store.rules_of(tx, {row.metric_code for row in rows})
    series = sorted({(row.asset_id, row.metric_code) for row in rows if row.asset_id is not None})
    pairs = await _pairs(tx, rules, series)
    # Locked before the readings are kept: whoever waits here finds what the other kept, and judges by it.
    watches = await store.watches(tx, pairs) if pairs else []
    fresh = await store.keep(tx, rows)
    by_series: dict[_Series, list[Measured]] = {}
    # A key twice in one batch is one reading, the first of them.
    for row in {row.key: row for row in reversed(rows) if row.key in fresh}.values():
        if row.asset_id is not None:
            by_series.setdefault((row.asset_id, row.metric_code), []).append(Measured(row.time, row.value))
    cases = []
    for watch in watches:
        rule, asset = pairs[watch["asset_id"], watch["alarm_rule_id"]]
        news = by_series.get((asset.id, rule.metric_code), [])
        if news:
            cases.append(await _case(tx, watch, rule, asset, news))
    await _settle(tx, cases)
    return len(fresh)


async def _pairs(
    tx: Tx, rules: Sequence[AlarmRule], series: Sequence[_Series]
) -> Mapping[_Pair, tuple[AlarmRule, Asset]]:
    """The assets of a batch with the rules that are for them."""
    if not rules or not series:
        return {}
    judging_at(tx.now())
    metrics = {rule.metric_code for rule in rules}
    assets = {asset.id: asset for asset in await asset_store.by_ids(tx, {id for id, code in series if code in metrics})}
    custom = await own_fields(tx, "assets")
    facts = {id: facts_of(asset) for id, asset in assets.items()}
    found: dict[_Pair, tuple[AlarmRule, Asset]] = {}
    for rule in rules:
        try:
            asked = ASSETS.condition(rule.condition or "", custom)
        except ValueError as broken:
            # A rule may name a custom field that was deleted since; the others still hold.
            log.warning("alarm_rule.broken", code=rule.code, cause=str(broken))
            continue
        for asset_id, metric_code in series:
            if metric_code == rule.metric_code and asset_id in assets and asked.holds(facts[asset_id]):
                found[asset_id, rule.id] = (rule, assets[asset_id])
    return found


async def _case(tx: Tx, watch: Any, rule: AlarmRule, asset: Asset, fresh: list[Measured]) -> _Case:
    limits = rule.limits
    before = Standing(watch["cleared_time"], watch["since_time"], watch["last_time"], watch["beyond_count"])
    known = watch["rule_version"] == rule.row_version
    after = before.advance(fresh, limits) if known else None
    if after is None:
        after = await store.whole(tx, asset.id, rule.metric_code, limits)
    # What was ended by hand may come again once values have cleared.
    muted = watch["muted"] and known and after.cleared == before.cleared
    case = _Case(watch, rule, asset, fresh, before, after, muted, alarm_id=watch["alarm_id"])
    if known and case.alarm_id is None and not muted and not after.alarms(limits) and not before.alarms(limits):
        case.over = passed(before, fresh, limits)
    return case


async def _settle(tx: Tx, cases: Sequence[_Case]) -> None:
    """Opens, counts and ends alarms, and writes down where everything stands."""
    held = {case.alarm_id for case in cases if case.alarm_id is not None}
    alarms = await store.alarms(tx, held) if held else {}
    begin: list[_Case] = []
    for case in cases:
        case.alarm = alarms.get(case.alarm_id) if case.alarm_id is not None else None
        if case.alarm is None:
            if case.over is not None or (case.after.alarms(case.rule.limits) and not case.muted):
                begin.append(case)
            continue
        _count(case)
        if not case.after.alarms(case.rule.limits):
            case.alarm.over(RECOVERED, case.after.cleared or tx.now())
            tx.emit(events.AlarmRecovered, case.alarm, occur_time=case.alarm.recover_time)
            case.alarm_id = None
    await _begin(tx, begin)
    stands = [
        (
            case.watch["id"],
            case.rule.row_version,
            case.after.cleared,
            case.after.since,
            case.after.last,
            case.after.count,
            case.alarm_id,
            case.muted,
        )
        for case in cases
    ]
    await tx.flush()
    await store.stand(tx, stands)


def _count(case: _Case) -> None:
    assert case.alarm is not None
    limits = case.rule.limits
    if case.after.since is not None:
        # A late reading may show that it began before anybody knew.
        case.alarm.start_time = min(case.alarm.start_time, case.after.since)
    values = [each.value for each in case.fresh if limits.beyond(each.value) and each.time >= case.alarm.start_time]
    case.alarm.occurrence_count += len(values)
    case.alarm.peak_value = limits.worst([case.alarm.peak_value, *values])


async def _begin(tx: Tx, cases: Sequence[_Case]) -> None:
    """New alarms, each of whoever used the asset when it began."""
    moments = {}
    for case in cases:
        since = case.over.since if case.over is not None else case.after.since
        assert since is not None
        moments[case.asset.id, case.rule.id] = since
    users = await asset_store.users_at(tx, [(asset_id, at) for (asset_id, _), at in moments.items()]) if moments else {}
    for case in cases:
        since = moments[case.asset.id, case.rule.id]
        known = users.get((case.asset.id, since))
        identity_id = known[0] if known is not None else new_id()
        alarm = _alarm(tx, case, since)
        alarm.identity_id, alarm.party_id = identity_id, known[1] if known is not None else identity_id
        tx.session.add(alarm)
        if case.over is not None:
            # Over before anybody could look: it is on record, and nobody is called.
            alarm.over(RECOVERED, case.over.recovered)
            tx.emit(events.AlarmRecovered, alarm, occur_time=case.over.recovered)
            continue
        if case.rule.channel_codes:
            alarm.notice = "WAITING" if known is not None else "REFUSED"
            alarm.notice_reason_code = "" if known is not None else "HOLDER_UNKNOWN"
        case.alarm_id = alarm.id
        tx.emit(events.AlarmOpened, alarm, occur_time=since)


def _alarm(tx: Tx, case: _Case, since: Any) -> Alarm:
    rule, asset, limits = case.rule, case.asset, case.rule.limits
    values = [each.value for each in case.fresh if limits.beyond(each.value)]
    return Alarm(
        asset_id=asset.id,
        alarm_rule_id=rule.id,
        rule_code=rule.code,
        rule_name=rule.display_name,
        metric_code=rule.metric_code,
        state=OPEN,
        start_time=since,
        open_time=tx.now(),
        occurrence_count=case.over.count if case.over is not None else case.after.count,
        peak_value=case.over.peak if case.over is not None else limits.worst(values or [limits.threshold]),
        owner_id=asset.owner_id,
        unit_id=asset.unit_id,
        partner_party_id=asset.partner_party_id,
    )


async def end(tx: Tx, alarm: Alarm, *, muted: bool) -> None:
    """Ends an alarm otherwise than by its values. Refuses one that is over."""
    watch = await store.watch_of(tx, alarm.asset_id, alarm.alarm_rule_id)
    await store.alarms(tx, [alarm.id])
    alarm.over(ENDED, tx.now())
    if watch is not None:
        watch.alarm_id, watch.muted = None, muted
    tx.emit(events.AlarmEnded, alarm)
