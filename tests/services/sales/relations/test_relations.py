"""Relations over the real service."""

from __future__ import annotations

import asyncio
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from tercet.sales.v1 import relation_service_pb2 as pb
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused

STORE, DEALER, OTHER, GROUP = (str(new_id()) for _ in range(4))


async def relate(sales: Client, first: str, kind: str, second: str, **values: Any) -> pb.Relation:
    relation = pb.Relation(
        kind_code=kind, from_identity_id=first, from_party_id=first, to_identity_id=second, to_party_id=second, **values
    )
    made: pb.Relation = await sales.CreateRelation(pb.CreateRelationRequest(relation=relation))
    return made


async def as_of(sales: Client, party: str, day: str, **values: Any) -> list[tuple[str, str, str]]:
    answer = await sales.ListRelationsAsOf(pb.ListRelationsAsOfRequest(party_id=party, on_date=day, **values))
    return sorted((relation.from_party_id, relation.kind_code, relation.to_party_id) for relation in answer.relations)


async def test_what_a_store_belonged_to_is_known_for_every_day(sales: Client) -> None:
    await relate(sales, STORE, "store_of", DEALER, start_date="2025-01-01", end_date="2025-12-31")
    await relate(sales, STORE, "store_of", OTHER, start_date="2026-01-01")
    assert await as_of(sales, STORE, "2024-12-31") == []
    assert await as_of(sales, STORE, "2025-12-31") == [(STORE, "store_of", DEALER)]
    assert await as_of(sales, STORE, "2026-01-01") == [(STORE, "store_of", OTHER)]


async def test_both_sides_of_a_party_can_be_asked_for(sales: Client) -> None:
    await relate(sales, STORE, "store_of", DEALER)
    await relate(sales, DEALER, "dealer_of", GROUP)
    side = pb.ListRelationsAsOfRequest
    assert len(await as_of(sales, DEALER, "2026-01-01")) == 2
    assert await as_of(sales, DEALER, "2026-01-01", side=side.FROM) == [(DEALER, "dealer_of", GROUP)]
    assert await as_of(sales, DEALER, "2026-01-01", side=side.TO) == [(STORE, "store_of", DEALER)]
    assert await as_of(sales, DEALER, "2026-01-01", kind_code="dealer_of") == [(DEALER, "dealer_of", GROUP)]


async def test_an_overlap_is_refused_and_a_succession_is_not(sales: Client) -> None:
    await relate(sales, STORE, "store_of", DEALER, start_date="2025-01-01", end_date="2025-12-31")
    with refused("RELATION_OVERLAPS", "relation.start_date"):
        await relate(sales, STORE, "store_of", OTHER, start_date="2025-12-31")
    await relate(sales, STORE, "store_of", OTHER, start_date="2026-01-01")


async def test_of_two_overlapping_relations_at_once_one_is_made(sales: Client) -> None:
    both = await asyncio.gather(
        relate(sales, STORE, "store_of", DEALER), relate(sales, STORE, "store_of", OTHER), return_exceptions=True
    )
    assert sum(isinstance(made, pb.Relation) for made in both) == 1


async def test_a_circle_in_a_hierarchy_is_refused(sales: Client) -> None:
    await relate(sales, STORE, "subsidiary_of", DEALER)
    await relate(sales, DEALER, "subsidiary_of", GROUP)
    with refused("RELATION_CYCLE", "relation.to_party_id"):
        await relate(sales, GROUP, "subsidiary_of", STORE)


async def test_what_makes_no_sense_is_refused(sales: Client) -> None:
    with refused("RELATION_KIND_UNKNOWN", "relation.kind_code"):
        await relate(sales, STORE, "cousin_of", DEALER)
    with refused("RELATION_TO_ITSELF", "relation.to_party_id"):
        await relate(sales, STORE, "dealer_of", STORE)
    with refused("RELATION_DATES_INVALID", "relation.end_date"):
        await relate(sales, STORE, "dealer_of", DEALER, start_date="2026-02-01", end_date="2026-01-01")


async def test_a_tenant_adds_kinds_of_its_own_with_their_rules(sales: Client) -> None:
    kind = pb.RelationKind(code="franchisee_of", name="加盟", exclusive=True)
    await sales.CreateRelationKind(pb.CreateRelationKindRequest(relation_kind=kind))
    await relate(sales, STORE, "franchisee_of", DEALER)
    with refused("RELATION_OVERLAPS"):
        await relate(sales, STORE, "franchisee_of", OTHER)
    listed = await sales.ListRelationKinds(pb.ListRelationKindsRequest())
    with refused("RELATION_KIND_IN_USE", "id"):
        await sales.DeleteRelationKind(pb.DeleteRelationKindRequest(id=listed.relation_kinds[0].id))
    with refused("RESOURCE_ALREADY_EXISTS", "relation_kind.code"):
        await sales.CreateRelationKind(pb.CreateRelationKindRequest(relation_kind=kind))


async def test_a_relation_ends_once_and_not_before_it_began(sales: Client) -> None:
    relation = await relate(sales, STORE, "guide_of", DEALER, start_date="2026-01-10")
    with refused("RELATION_ENDS_TOO_EARLY", "end_date"):
        await sales.EndRelation(pb.EndRelationRequest(id=relation.id, end_date="2026-01-09"))
    with refused("DATE_INVALID", "end_date"):
        await sales.EndRelation(pb.EndRelationRequest(id=relation.id, end_date="2026-02-30"))
    ended = await sales.EndRelation(pb.EndRelationRequest(id=relation.id, end_date="2026-03-01", etag=relation.etag))
    assert ended.end_date == "2026-03-01"
    with refused("RELATION_ENDED", "end_date"):
        await sales.EndRelation(pb.EndRelationRequest(id=relation.id, end_date="2026-04-01"))
    with refused("ETAG_MISMATCH", "etag"):
        await sales.EndRelation(pb.EndRelationRequest(id=relation.id, end_date="2026-02-01", etag=relation.etag))


async def test_a_change_of_days_is_judged_like_a_new_relation(sales: Client) -> None:
    first = await relate(sales, STORE, "store_of", DEALER, end_date="2025-12-31")
    await relate(sales, STORE, "store_of", OTHER, start_date="2026-01-01")
    change = pb.Relation(id=first.id, end_date="2026-01-01")
    with refused("RELATION_OVERLAPS"):
        await sales.UpdateRelation(pb.UpdateRelationRequest(relation=change, update_mask=FieldMask(paths=["end_date"])))


async def test_relations_are_seen_by_scope(sales: Client) -> None:
    mine, others = new_id(), new_id()
    await relate(sales, STORE, "guide_of", DEALER, owner_id=str(mine))
    await relate(sales, STORE, "provider_of", DEALER, owner_id=str(others))
    reader = sales.as_(permissions={"sales.relation.read": "own"}, user_id=mine)
    assert await as_of(reader, STORE, "2026-01-01") == [(STORE, "guide_of", DEALER)]
    with refused("PERMISSION_MISSING"):
        await relate(reader, STORE, "dealer_of", DEALER)
