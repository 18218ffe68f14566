"""Queries over devices, readings, rules and alarms. What runs for every batch is in PostgreSQL's own words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from tercet_chassis import Tx
from tercet_chassis.entity import view
from tercet_chassis.scopes import reach
from tercet_service_desk.telemetry.model import OPEN, Alarm, AlarmRule, AlarmWatch, Device, DeviceMounting
from tercet_service_desk.telemetry.rules import ABOVE, Standing, Threshold

# In one order everywhere, so that two batches do not wait for each other; who comes second finds what the first wrote.
_KEEP = (
    "INSERT INTO device_readings (tenant_id, id, device_id, asset_id, metric_code, reading_time, value,"
    " create_time, update_time, row_version)"
    " SELECT $1, uuidv7(), r.device, r.asset, r.metric, r.at, r.value, $7, $7, 1"
    " FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::float8[]) AS r(device, asset, metric, at,"
    " value) ORDER BY r.device, r.metric, r.at"
    " ON CONFLICT (tenant_id, device_id, metric_code, reading_time) DO NOTHING"
    " RETURNING device_id, metric_code, reading_time"
)
_WATCH = (
    "INSERT INTO alarm_watches (tenant_id, id, asset_id, alarm_rule_id, create_time, update_time, row_version)"
    " SELECT $1, uuidv7(), w.asset, w.rule, $4, $4, 1 FROM unnest($2::uuid[], $3::uuid[]) AS w(asset, rule)"
    " ORDER BY w.asset, w.rule ON CONFLICT (tenant_id, asset_id, alarm_rule_id) DO NOTHING"
)
_LOCK = (
    "SELECT w.* FROM alarm_watches w JOIN unnest($1::uuid[], $2::uuid[]) AS k(asset, rule)"
    " ON w.asset_id = k.asset AND w.alarm_rule_id = k.rule ORDER BY w.asset_id, w.alarm_rule_id FOR UPDATE OF w"
)
_STAND = (
    "UPDATE alarm_watches w SET rule_version = k.version, cleared_time = k.cleared, since_time = k.since,"
    " last_time = k.last, beyond_count = k.beyond, alarm_id = k.alarm, muted = k.muted, update_time = $9,"
    " row_version = row_version + 1"
    " FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::int[],"
    " $7::uuid[], $8::bool[]) AS k(id, version, cleared, since, last, beyond, alarm, muted) WHERE w.id = k.id"
)
_WHOLE = (
    "WITH series AS (SELECT reading_time AS at, value FROM fenced.device_readings"
    " WHERE asset_id = $1 AND metric_code = $2),"
    " edge AS (SELECT max(at) FILTER (WHERE value {clears} $4) AS cleared, max(at) AS last FROM series)"
    " SELECT edge.cleared, edge.last, min(at) AS since, count(at) AS beyond FROM edge LEFT JOIN series"
    " ON value {beyond} $3 AND (edge.cleared IS NULL OR at > edge.cleared) GROUP BY edge.cleared, edge.last"
)
_WHOLE_ABOVE = _WHOLE.format(clears="<=", beyond=">")
_WHOLE_BELOW = _WHOLE.format(clears=">=", beyond="<")
_FORGET = (
    "DELETE FROM device_readings WHERE (tenant_id, id) IN"
    " (SELECT tenant_id, id FROM device_readings WHERE reading_time < $1 ORDER BY reading_time LIMIT $2) RETURNING 1"
)


class Row(NamedTuple):
    """A reading as it is kept."""

    device_id: UUID
    asset_id: UUID | None
    metric_code: str
    time: datetime
    value: float

    @property
    def key(self) -> tuple[UUID, str, datetime]:
        """By which it counts once."""
        return self.device_id, self.metric_code, self.time


async def devices_by_code(tx: Tx, codes: Collection[str]) -> dict[str, UUID]:
    """The devices of the caller's reach that are not disabled, by their codes."""
    v = view(Device)
    seen = reach(Device, v.c, tx.principal, tx.context.permission)
    query = select(v.c.code, v.c.id).where(v.c.code.in_(codes), v.c.disabled.is_(False), seen)
    return {row.code: row.id for row in (await tx.session.execute(query)).all()}


async def mountings(tx: Tx, device_ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    """Where devices measured and measure, the latest first."""
    rows = await tx.fetch(
        "SELECT device_id, asset_id, start_time, end_time FROM fenced.device_mountings"
        " WHERE device_id = ANY($1::uuid[]) ORDER BY start_time DESC",
        list(device_ids),
    )
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["device_id"], []).append(row)
    return found


async def latest_mounting(tx: Tx, device_id: UUID) -> DeviceMounting | None:
    """Where a device was mounted last."""
    query = select(DeviceMounting).where(DeviceMounting.device_id == device_id)
    return (await tx.session.scalars(query.order_by(DeviceMounting.start_time.desc()).limit(1))).one_or_none()


async def keep(tx: Tx, rows: Sequence[Row]) -> set[tuple[UUID, str, datetime]]:
    """Keeps readings; gives the keys of those that were not known."""
    columns: list[list[Any]] = [list(values) for values in zip(*rows, strict=True)] if rows else [[]] * 5
    kept = await tx.fetch(_KEEP, tx.tenant_id, *columns, tx.now())
    return {(row["device_id"], row["metric_code"], row["reading_time"]) for row in kept}


async def rules_of(tx: Tx, metric_codes: Collection[str]) -> Sequence[AlarmRule]:
    """The rules that hold for these metrics."""
    query = select(AlarmRule).where(AlarmRule.metric_code.in_(metric_codes), AlarmRule.enabled)
    return (await tx.session.scalars(query.order_by(AlarmRule.code))).all()


async def watches(tx: Tx, pairs: Collection[tuple[UUID, UUID]]) -> list[Any]:
    """Where assets stand by rules, each held until the end of the transaction; those not there yet are made."""
    wanted = sorted(pairs)
    keys = [asset_id for asset_id, _ in wanted], [rule_id for _, rule_id in wanted]
    found = await tx.fetch(_LOCK, *keys)
    if len(found) < len(wanted):
        await tx.fetch(_WATCH, tx.tenant_id, *keys, tx.now())
        found = await tx.fetch(_LOCK, *keys)
    return found


async def watch_of(tx: Tx, asset_id: UUID, rule_id: UUID) -> AlarmWatch | None:
    """Where an asset stands by a rule, held until the end of the transaction."""
    query = select(AlarmWatch).where(AlarmWatch.asset_id == asset_id, AlarmWatch.alarm_rule_id == rule_id)
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await tx.session.scalars(query)).one_or_none()


async def stand(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes down where assets stand: id, version of the rule, cleared, since, last, count, alarm, muted."""
    if rows:
        await tx.fetch(_STAND, *[list(values) for values in zip(*rows, strict=True)], tx.now())


async def whole(tx: Tx, asset_id: UUID, metric_code: str, threshold: Threshold) -> Standing:
    """Where a metric of an asset stands by all readings that are kept."""
    query = _WHOLE_ABOVE if threshold.direction == ABOVE else _WHOLE_BELOW
    (row,) = await tx.fetch(query, asset_id, metric_code, threshold.threshold, threshold.clear)
    return Standing(row["cleared"], row["since"], row["last"], row["beyond"])


async def alarms(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Alarm]:
    """Alarms by their ids, held until the end of the transaction."""
    query = select(Alarm).where(Alarm.id.in_(ids)).order_by(Alarm.id).with_for_update()
    rows = await tx.session.scalars(query.execution_options(populate_existing=True))
    return {alarm.id: alarm for alarm in rows}


async def open_of_rule(tx: Tx, rule_id: UUID, most: int) -> Sequence[Alarm]:
    """Some open alarms of a rule."""
    query = select(Alarm).where(Alarm.alarm_rule_id == rule_id, Alarm.state == OPEN)
    return (await tx.session.scalars(query.order_by(Alarm.id).limit(most))).all()


async def to_tell(tx: Tx, most: int) -> Sequence[UUID]:
    """Alarms with a ticket of which the customer has not been told."""
    v = view(Alarm).c
    query = select(v.id).where(v.notice == "WAITING", v.ticket_id.is_not(None)).order_by(v.open_time).limit(most)
    return (await tx.session.scalars(query)).all()


async def readings(
    tx: Tx, asset_id: UUID, metric_code: str, since: datetime | None, until: datetime, most: int
) -> list[Any]:
    """Readings of an asset's metric, newest first."""
    return await tx.fetch(
        "SELECT d.code, r.reading_time, r.value FROM fenced.device_readings r JOIN fenced.devices d"
        " ON d.id = r.device_id WHERE r.asset_id = $1 AND r.metric_code = $2 AND r.reading_time < $4"
        " AND ($3::timestamptz IS NULL OR r.reading_time >= $3) ORDER BY r.reading_time DESC LIMIT $5",
        asset_id,
        metric_code,
        since,
        until,
        most,
    )


async def forget(tx: Tx, before: datetime, most: int) -> int:
    """Deletes the oldest readings from before a moment; gives how many."""
    return len(await tx.fetch(_FORGET, before, most))


async def astray(tx: Tx) -> tuple[int, list[str]]:
    """How many alarms there are, assets with two open ones of a rule, and open ones that nobody watches."""
    total = await tx.session.scalar(select(func.count()).select_from(view(Alarm)))
    rows = await tx.fetch(
        "SELECT a.asset_id, a.rule_code, count(*) AS open, count(w.id) AS watched FROM fenced.alarms a"
        " LEFT JOIN fenced.alarm_watches w ON w.alarm_id = a.id WHERE a.state = 'OPEN'"
        " GROUP BY a.asset_id, a.alarm_rule_id, a.rule_code HAVING count(*) > 1 OR count(w.id) <> 1 LIMIT 20"
    )
    return int(total or 0), [
        f"asset {row['asset_id']}, rule {row['rule_code']}: {row['open']} open, {row['watched']} watched"
        for row in rows
    ]
