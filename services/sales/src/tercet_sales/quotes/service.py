"""Quotes: priced when written, sent, answered, revised."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from tercet.sales.v1 import events_pb2 as events
from tercet.sales.v1.pricing_pb2 import BenefitPreview
from tercet.sales.v1.quote_service_pb2 import (
    AcceptQuoteRequest,
    CreateQuoteRequest,
    DeleteQuoteRequest,
    PreviewQuoteBenefitsRequest,
    RejectQuoteRequest,
    ReviseQuoteRequest,
    SendQuoteRequest,
    UpdateQuoteRequest,
)
from tercet_chassis import Calls, Handlers, Tx, new_id
from tercet_chassis.errors import Violation
from tercet_sales.customers import store as customers
from tercet_sales.days import day_of, zone_of
from tercet_sales.numbering.store import next_number
from tercet_sales.pricing import store as pricing
from tercet_sales.pricing.benefits import Wishes, with_benefits
from tercet_sales.pricing.errors import violations_of
from tercet_sales.pricing.rules import money_json
from tercet_sales.pricing.till import basket_of, evaluated
from tercet_sales.quotes import rules
from tercet_sales.quotes.errors import QuoteHasNoLines, QuoteInvalid
from tercet_sales.quotes.jobs import expire_quote
from tercet_sales.quotes.model import Quote


def refuse(faults: list[Violation]) -> None:
    """Refuses with everything that is wrong, if anything is."""
    if faults:
        raise QuoteInvalid(count=len(faults), violations=violations_of(faults, "quote."))


class QuoteService(Handlers):
    """Serves tercet.sales.v1.QuoteService."""

    async def CreateQuote(self, request: CreateQuoteRequest, tx: Tx) -> Quote:
        """Makes the first version as a draft.

        Refuses with QUOTE_INVALID when a line or party is wrong, naming all of them.
        """
        prepared = await pricing.prepare(tx, request.quote)
        message = prepared.message
        priced = await pricing.priced(
            tx,
            pricing.lines_of(message.lines),
            pricing.lines_of(message.adjustments),
            currency=message.currency_code,
            include_tax=message.prices_include_tax,
            open_lines=True,
            customer=prepared.customer,
            unit_id=UUID(message.seller_unit_id) if message.seller_unit_id else None,
            day=prepared.unit.day(tx.now()),
        )
        refuse([*prepared.faults, *priced.faults])
        if prepared.customer is not None:
            await customers.mark_used(tx, prepared.customer.id)
        message.id = message.id or str(new_id())
        number = await next_number(tx, "Q", UUID(message.seller_unit_id), prepared.unit.day(tx.now()).year)
        quote = await tx.create(Quote, message)
        quote.number, quote.series_id = number, quote.id
        quote.take_prices(priced)
        tx.emit(events.QuoteCreated, quote)
        return quote

    async def UpdateQuote(self, request: UpdateQuoteRequest, tx: Tx) -> Quote:
        """Changes a draft and prices it anew. Refuses once it is sent."""
        quote = await tx.get(Quote, request.quote.id, etag=request.quote.etag, lock=True)
        quote.must_be_draft()
        await tx.patch(quote, request.quote, request.update_mask if request.HasField("update_mask") else None)
        zone_of(quote.time_zone, "quote.time_zone")
        await _price(quote, tx)
        tx.emit(events.QuoteUpdated, quote)
        return quote

    async def DeleteQuote(self, request: DeleteQuoteRequest, tx: Tx) -> Empty:
        """Removes a draft. Refuses once it is sent."""
        quote = await tx.get(Quote, request.id, etag=request.etag, lock=True)
        quote.must_be_draft()
        tx.emit(events.QuoteDeleted, quote)
        await tx.delete(quote)
        return Empty()

    async def SendQuote(self, request: SendQuoteRequest, tx: Tx) -> Quote:
        """Goes to the customer; ends by itself after its last day."""
        quote = await tx.get(Quote, request.id, etag=request.etag, lock=True)
        quote.send(tx.now())
        if quote.valid_until_date is not None:
            due = rules.end_of(quote.valid_until_date, quote.time_zone)
            tx.schedule(expire_quote, due=due, key=f"expire:{quote.id}", quote_id=str(quote.id))
        tx.emit(events.QuoteSent, quote)
        return quote

    async def AcceptQuote(self, request: AcceptQuoteRequest, tx: Tx) -> Quote:
        """The customer said yes. Refuses after its last day."""
        quote = await tx.get(Quote, request.id, etag=request.etag, lock=True)
        quote.accept(tx.now())
        tx.emit(events.QuoteAccepted, quote)
        return quote

    async def RejectQuote(self, request: RejectQuoteRequest, tx: Tx) -> Quote:
        """The customer said no."""
        quote = await tx.get(Quote, request.id, etag=request.etag, lock=True)
        quote.reject(tx.now(), request.reason)
        tx.emit(events.QuoteRejected, quote)
        return quote

    async def ReviseQuote(self, request: ReviseQuoteRequest, tx: Tx) -> Quote:
        """Makes the next version as a draft. Refuses for an accepted and for an old version."""
        old = await tx.get(Quote, request.id, etag=request.etag, lock=True)
        old.supersede()
        valid_until = day_of(request.valid_until_date, "valid_until_date") if request.valid_until_date else None
        new = tx.add(Quote(**old.next_version(valid_until)))
        tx.emit(events.QuoteRevised, new, superseded_id=str(old.id))
        return new

    async def PreviewQuoteBenefits(self, request: PreviewQuoteBenefitsRequest, calls: Calls) -> BenefitPreview:
        """Asks the till what the quote would get; keeps nothing. Refuses with BENEFITS_UNREACHABLE."""
        async with calls.runtime.transaction(calls.context) as tx:
            quote = await tx.get(Quote, request.id)
        if not quote.lines:
            raise QuoteHasNoLines(number=quote.number)
        wishes = Wishes(request.benefit_codes, request.grant_ids, request.auto_benefits)
        currency = quote.currency_code
        given = await evaluated(calls, basket_of(quote.identity_id, currency, quote.lines, wishes))
        priced = with_benefits(quote.lines, given, currency, include_tax=bool(quote.prices_include_tax))
        sums = {name: money_json(getattr(priced, name)) for name in ("reduction", "net", "tax", "total")}
        shown = {
            "lines": priced.lines,
            "benefits": given.benefits,
            "withheld_benefits": given.withheld,
            "benefit_reduction": money_json(given.reduction),
        }
        return json_format.ParseDict(shown | sums, BenefitPreview())


async def _price(quote: Quote, tx: Tx) -> None:
    facts = await pricing.unit_facts(tx, quote.seller_unit_id)
    customer = None if quote.customer_id is None else await customers.reachable(tx, quote.customer_id)
    lines: list[dict[str, Any]] = [dict(line) for line in quote.lines]
    priced = await pricing.priced(
        tx,
        lines,
        [dict(item) for item in quote.adjustments],
        currency=quote.currency_code,
        include_tax=quote.prices_include_tax,
        open_lines=True,
        customer=customer,
        unit_id=quote.seller_unit_id,
        day=facts.day(tx.now()),
    )
    refuse(priced.faults)
    quote.take_prices(priced)
