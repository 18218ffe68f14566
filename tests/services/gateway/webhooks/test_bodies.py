"""What a webhook's body may hold: nothing that its role masks, wherever in the event it stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message

from tercet.leads.v1 import events_pb2 as leads
from tercet.leads.v1.lead_service_pb2 import Finding, Lead
from tercet.marketing.v1.events_pb2 import ConsentChanged
from tercet.marketing.v1.profile_service_pb2 import ConsentDecision, Profile, ProfileContactPoint
from tercet.servicedesk.v1.events_pb2 import TicketReplied
from tercet.servicedesk.v1.ticket_service_pb2 import Ticket, TicketEntry
from tercet_chassis.context import EventMeta
from tercet_chassis.ids import new_id
from tercet_gateway.webhooks.errors import FilterDoesNotFit
from tercet_gateway.webhooks.events import body_of, compiled

NUMBER = "13812345678"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _told(event: Message, *masks: str) -> Any:
    meta = EventMeta(
        new_id(), "tercet.leads.lead.created.v1", new_id(), new_id(), 1, "live", NOW, NOW, "user", str(new_id())
    )
    return json.loads(body_of(event, meta, frozenset(masks)))


def test_the_tenants_own_fields_are_told_only_where_nothing_is_masked() -> None:
    event = leads.LeadCreated(lead=Lead(full_name="王芳"))
    event.lead.custom.update({"second_phone": NUMBER})
    assert _told(event)["data"]["lead"]["custom"] == {"second_phone": NUMBER}
    told = _told(event, "PHONE")
    assert NUMBER not in json.dumps(told)
    assert told["data"]["lead"]["full_name"] == "王芳"


@pytest.mark.parametrize(
    "event",
    [
        leads.LeadCreated(lead=Lead(mobile=NUMBER, findings=[Finding(field="mobile", raw=NUMBER, value=NUMBER)])),
        ConsentChanged(
            profile=Profile(contact_points=[ProfileContactPoint(kind=ProfileContactPoint.PHONE, value=NUMBER)]),
            consent=ConsentDecision(contact_point=ProfileContactPoint(kind=ProfileContactPoint.PHONE, value=NUMBER)),
        ),
    ],
)
def test_a_number_is_shortened_everywhere_in_the_event(event: Message) -> None:
    assert NUMBER in json.dumps(_told(event))
    assert NUMBER not in json.dumps(_told(event, "PHONE"))


def test_what_was_said_in_a_ticket_is_shortened_too() -> None:
    event = TicketReplied(ticket=Ticket(subject=NUMBER, resolution=NUMBER), entry=TicketEntry(body=NUMBER))
    assert NUMBER not in json.dumps(_told(event, "FREE_TEXT"))


def test_a_filter_cannot_ask_for_a_masked_value() -> None:
    masks = frozenset({"FREE_TEXT", "ADDRESS"})
    for asked in ('state_reason = "x"', "longitude > 100", 'mobile = "13812345678"'):
        compiled("leads.lead.created", asked, frozenset(), "UTC")
        with pytest.raises(FilterDoesNotFit):
            compiled("leads.lead.created", asked, masks | {"PHONE"}, "UTC")
