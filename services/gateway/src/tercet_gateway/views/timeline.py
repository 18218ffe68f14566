"""The timeline without transport: which lists it is woven from, how they merge, and what a page token remembers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from typing import Any

import orjson

from tercet_chassis.errors import PageTokenInvalid


@dataclass(frozen=True, slots=True)
class Source:
    """One list as a stream of happenings: each resource happens at the instant in `time`."""

    kind: str
    service: str
    rpc: str
    time: str
    resource: str
    titles: tuple[str, ...]
    amount: str = ""
    # Where the resource says how it stands.
    state: str = "state"
    # What else holds of the rows.
    condition: str = ""
    # The list's own field that takes the party, where its filter does not.
    party: str = ""

    def asked(self, party_id: str, since: datetime | None, until: datetime) -> dict[str, str]:
        """What its list is asked for: what happened with the party from one moment to another."""
        terms = [] if self.party else [f'party_id = "{party_id}"']
        terms.append(f'{self.time} <= "{until.isoformat()}"')
        if since is not None:
            terms.append(f'{self.time} >= "{since.isoformat()}"')
        if self.condition:
            terms.append(self.condition)
        given = {self.party: party_id} if self.party else {}
        return {"filter": " AND ".join(terms), "order_by": f"{self.time} desc", **given}


# One line each; what a caller may not list is missing, and says so.
# fmt: off
SOURCES = (
    Source("touch.received", "leads", "ListTouches", "occur_time", "touch", ("source_code",)),
    Source("lead.created", "leads", "ListLeads", "occur_time", "lead", ("full_name", "company_name")),
    Source("lead.qualified", "leads", "ListLeads", "qualify_time", "lead", ("full_name", "company_name")),
    Source("lead.converted", "leads", "ListLeads", "convert_time", "lead", ("full_name", "company_name")),
    Source("customer.created", "sales", "ListCustomers", "create_time", "customer", ("display_name",)),
    Source("activity.done", "sales", "ListActivities", "done_time", "activity", ("title",)),
    Source("opportunity.created", "sales", "ListOpportunities", "create_time", "opportunity", ("title",),
           "expected_amount"),
    Source("opportunity.closed", "sales", "ListOpportunities", "close_time", "opportunity", ("title",),
           "expected_amount"),
    Source("quote.created", "sales", "ListQuotes", "create_time", "quote", ("number",), "total"),
    Source("order.confirmed", "sales", "ListOrders", "confirm_time", "order", ("number",), "total"),
    Source("order.cancelled", "sales", "ListOrders", "cancel_time", "order", ("number",), "total"),
    Source("contract.signed", "sales", "ListContracts", "sign_time", "contract", ("title", "number"), "value"),
    Source("contract.ended", "sales", "ListContracts", "end_time", "contract", ("title", "number"), "value"),
    Source("promise.made", "sales", "ListPromises", "create_time", "promise", ("text",)),
    Source("promise.ended", "sales", "ListPromises", "end_time", "promise", ("text",)),
    Source("payment.received", "sales", "ListPayments", "paid_time", "payment", ("method_code",), "amount"),
    Source("transaction.recorded", "sales", "ListTransactions", "occur_time", "transaction", (), "amount"),
    Source("message.sent", "marketing", "ListSends", "send_time", "send", ("subject", "template_code", "channel_code")),
    Source("message.withheld", "marketing", "ListSends", "update_time", "send",
           ("state_code", "template_code", "channel_code"), condition='state = "WITHHELD"'),
    Source("message.received", "marketing", "ListReceivedMessages", "write_time", "received_message",
           ("subject", "channel_code")),
    Source("consent.decided", "marketing", "ListConsentProofs", "decide_time", "consent_proof", ("channel_code",)),
    Source("benefit.issued", "marketing", "ListGrants", "issue_time", "grant", ("policy_code", "tool_code"), "face"),
    Source("benefit.redeemed", "marketing", "ListGrants", "redeem_time", "grant", ("policy_code", "tool_code"),
           "amount"),
    Source("benefit.expired", "marketing", "ListGrants", "finish_time", "grant", ("policy_code", "tool_code"), "face",
           condition='state = "EXPIRED"'),
    Source("membership.joined", "marketing", "ListMemberships", "join_time", "membership", ("programme_code",)),
    Source("points.booked", "marketing", "ListPointsEntries", "occur_time", "points_entry",
           ("points", "programme_code"), state="kind", party="party_id"),
    Source("segment.entered", "marketing", "ListSegmentMembers", "enter_time", "segment_member", ("segment_code",),
           party="party_id"),
    Source("segment.left", "marketing", "ListSegmentMembers", "leave_time", "segment_member", ("segment_code",),
           party="party_id"),
    Source("stage.changed", "marketing", "ListLifecycleChanges", "change_time", "lifecycle_change",
           ("to_stage_code", "lifecycle_code"), state="cause"),
    Source("strategy.decided", "marketing", "ListStrategyDecisions", "decide_time", "strategy_decision",
           ("strategy_code",), state="outcome"),
    Source("ticket.opened", "service-desk", "ListTickets", "create_time", "ticket", ("subject", "number")),
    Source("ticket.solved", "service-desk", "ListTickets", "solve_time", "ticket", ("subject", "number")),
    Source("ticket.entry", "service-desk", "ListTicketEntries", "entry_time", "ticket_entry", ("body",), state="kind",
           party="party_id"),
    Source("alarm.started", "service-desk", "ListAlarms", "start_time", "alarm", ("rule_name",)),
    Source("survey.answered", "service-desk", "ListSurveys", "answer_time", "survey", ("ticket_number",)),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reading of one list stands: a page of it, and how many of that page have been shown."""

    token: str = ""
    shown: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a timeline stands. Nothing after `start` is shown, so that what happens meanwhile moves no page."""

    party_id: str
    start: datetime
    places: Mapping[str, Place]
    since: datetime | None = None

    @classmethod
    def begin(cls, party_id: str, now: datetime, kinds: Sequence[str], since: datetime | None = None) -> Position:
        """The newest page."""
        return cls(party_id, now, {kind: Place() for kind in kinds}, since)

    def token(self) -> str:
        """As a page token; empty when every list has ended."""
        if all(place.ended for place in self.places.values()):
            return ""
        places = {kind: [p.token, p.shown] for kind, p in self.places.items() if not p.ended}
        since = self.since.isoformat() if self.since else None
        body = orjson.dumps([self.party_id, self.start.isoformat(), since, places])
        return base64.urlsafe_b64encode(body).decode().rstrip("=")

    @classmethod
    def read(cls, token: str, party_id: str) -> Position:
        """From a page token. Refuses one that is damaged or of another party."""
        try:
            body = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            known, start, begin, places = orjson.loads(body)
            moment = datetime.fromisoformat(start)
            since = datetime.fromisoformat(begin) if begin is not None else None
            read = {str(kind): Place(str(page), int(shown)) for kind, (page, shown) in places.items()}
        except (ValueError, TypeError, AttributeError, binascii.Error) as damaged:
            raise PageTokenInvalid from damaged
        known_kinds = {source.kind for source in SOURCES}
        if (
            known != party_id
            or moment.tzinfo is None
            or (since is not None and since.tzinfo is None)
            or not read.keys() <= known_kinds
            or any(p.shown < 0 for p in read.values())
        ):
            raise PageTokenInvalid
        return cls(party_id, moment, read, since)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of one list: the rows, and the token of the next."""

    rows: Sequence[Any]
    next_token: str


def moment_of(source: Source, row: Any) -> datetime:
    """When the row happened."""
    moment: datetime = getattr(row, source.time).ToDatetime(tzinfo=UTC)
    return moment


def woven(position: Position, pages: Mapping[str, Page], size: int) -> tuple[list[tuple[Source, Any]], Position]:
    """The next happenings over all lists, newest first, at most `size`, and where the reading stands after them.

    A list without a page (its service did not answer) keeps its place. Behind the last row of a page that has a next
    one nothing is taken: what stands there may be newer than what the other lists hold.
    """
    streams = []
    for order, source in enumerate(SOURCES):
        if source.kind in pages:
            rows, shown = pages[source.kind].rows, position.places[source.kind].shown
            streams.append(
                [
                    (-moment_of(source, row).timestamp(), order, at, source, row)
                    for at, row in enumerate(rows)
                    if at >= shown
                ]
            )
    taken: list[tuple[Source, Any]] = []
    shown_of = {kind: place.shown for kind, place in position.places.items()}
    for _, _, at, source, row in islice(merge(*streams, key=lambda item: item[:3]), size):
        taken.append((source, row))
        shown_of[source.kind] = at + 1
        page = pages[source.kind]
        if at + 1 == len(page.rows) and page.next_token:
            break
    places = {
        kind: _after(place, shown_of[kind], pages[kind]) if kind in pages else place
        for kind, place in position.places.items()
    }
    return taken, replace(position, places=places)


def _after(place: Place, shown: int, page: Page) -> Place:
    if shown < len(page.rows):
        return Place(place.token, shown)
    return Place(page.next_token, 0, ended=not page.next_token)
