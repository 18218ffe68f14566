"""What marketing's till is asked about a document, in its words, and what it answers."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

from tercet.marketing.v1.benefit_service_pb2 import Basket, EvaluateBenefitsRequest
from tercet_chassis import Calls, Refusal
from tercet_sales.pricing import benefits
from tercet_sales.pricing.benefits import Given, Wishes
from tercet_sales.pricing.errors import BenefitsUnreachable

SERVICE = "marketing"


def basket_of(identity_id: Any, currency: str, lines: list[Any], wishes: Wishes) -> Basket:
    """The document as the till sees it."""
    shown = {
        "identity_id": str(identity_id),
        "currency_code": currency,
        "lines": benefits.basket_lines(lines, currency),
        "codes": list(wishes.codes),
        "grant_ids": list(wishes.grant_ids),
        "named_grants_only": not wishes.auto,
    }
    return json_format.ParseDict(shown, Basket())


async def evaluated(calls: Calls, basket: Basket, key: str = "") -> Given:
    """What the document would get now. Refuses with BENEFITS_UNREACHABLE when nobody answers."""
    try:
        answer = await calls(SERVICE, "EvaluateBenefits", EvaluateBenefitsRequest(basket=basket, key=key))
    except Refusal as refusal:
        raise unreachable(refusal) from refusal
    return given_of(answer, basket.currency_code)


def given_of(answer: Any, currency: str) -> Given:
    """Reads an evaluation or a reservation."""
    return benefits.given(json_format.MessageToDict(answer, preserving_proto_field_name=True), currency)


def unreachable(refusal: Refusal) -> Refusal:
    """What a till that does not answer now is told as; what it refuses stays as it is."""
    return BenefitsUnreachable(cause=refusal.message) if refusal.passing else refusal
