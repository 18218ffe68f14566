"""What benefits do to a priced document: shares taken off its lines, gifts added, all exact to the smallest unit. Pure.

The document is priced without them first; the till sees what is left of each line, and its shares come off that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tercet_chassis.money import Money
from tercet_sales.pricing.rules import Json, Priced, money_json, money_of, sums_of, taxed

# Something better was used instead: the buyer loses nothing by it.
_BEATEN = "OTHER_IS_BETTER"


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which benefits a document asks for."""

    codes: Sequence[str] = ()
    grant_ids: Sequence[str] = ()
    auto: bool = False

    def __bool__(self) -> bool:
        return bool(self.codes or self.grant_ids or self.auto)


@dataclass(frozen=True, slots=True)
class Given:
    """What the till gives on a document: shares by line, benefits with their gifts, and what it withholds."""

    reduction: Money
    shares: Mapping[int, list[Json]] = field(default_factory=dict)
    benefits: list[Json] = field(default_factory=list)
    withheld: list[Json] = field(default_factory=list)


def basket_lines(lines: Iterable[Json], currency: str) -> list[Json]:
    """The lines as the till sees them: what is left to pay of each, in the terms in which the document is priced."""
    return [
        {
            "line_no": line["line_no"],
            "product_code": line.get("product_code", ""),
            "quantity": line["quantity"],
            "amount": money_json(_amount(line, "gross", currency) - _amount(line, "reduction", currency)),
        }
        for line in lines
    ]


def given(answer: Json, currency: str) -> Given:
    """Reads the till's answer: an evaluation or a reservation as JSON."""
    versions = {one.get("grant_id", ""): one for one in answer.get("applied", ())}
    shares: dict[int, list[Json]] = defaultdict(list)
    for item in answer.get("adjustments", ()):
        kept = {
            name: item[name] for name in ("source", "grant_id", "amount", "funded_by", "campaign_id") if name in item
        }
        policy = versions.get(item.get("grant_id", "")) if item.get("grant_id") else None
        if policy is not None and policy.get("policy_code"):
            kept |= {"policy_code": policy["policy_code"], "policy_version": policy.get("version", 0)}
        shares[int(item["line_no"])].append({**kept, "benefit": True})
    benefits = [_benefit(one) for one in answer.get("applied", ())]
    reduction = money_of(answer.get("total")) or Money.zero(currency)
    return Given(reduction, dict(shares), benefits, [dict(one) for one in answer.get("withheld", ())])


def _benefit(applied: Json) -> Json:
    benefit = {name: value for name, value in applied.items() if name != "version"}
    if applied.get("version"):
        benefit["policy_version"] = applied["version"]
    return benefit


def not_given(wishes: Wishes, withheld: Iterable[Json]) -> list[Json]:
    """What was named and is withheld for another reason than that something better is used."""
    named = set(wishes.grant_ids)
    return [
        one for one in withheld if one.get("hindrance") != _BEATEN and (one.get("code") or one.get("grant_id") in named)
    ]


def with_benefits(lines: Sequence[Json], benefits: Given, currency: str, *, include_tax: bool) -> Priced:
    """The priced lines less what is given, and the gifts that were not ordered as lines of their own for nothing."""
    done = [_less(line, benefits.shares.get(int(line["line_no"]), []), currency, include_tax) for line in lines]
    done += [
        _gift(number, gift, str(benefit.get("grant_id", "")), currency)
        for number, (benefit, gift) in enumerate(_added(benefits.benefits), start=len(done) + 1)
    ]
    return sums_of(done, currency)


def _less(line: Json, shares: Sequence[Json], currency: str, include_tax: bool) -> Json:
    if not shares:
        return dict(line)
    gross, reduction = _amount(line, "gross", currency), _amount(line, "reduction", currency)
    reduction += Money.sum((_amount(share, "amount", currency) for share in shares), currency)
    if gross < reduction:
        raise ValueError(f"line {line['line_no']}: {reduction} is taken off {gross}")
    amounts = taxed(gross - reduction, line.get("tax_percent", "0"), include_tax=include_tax)
    adjustments = [*line.get("adjustments", ()), *shares]
    return {**line, "adjustments": adjustments, "reduction": money_json(reduction), **amounts}


def _added(benefits: Iterable[Json]) -> list[tuple[Json, Json]]:
    return [(one, gift) for one in benefits for gift in one.get("gifts", ()) if gift.get("added_quantity", "0") != "0"]


def _gift(number: int, gift: Json, grant_id: str, currency: str) -> Json:
    nothing = money_json(Money.zero(currency))
    line: dict[str, Any] = {
        "line_no": number,
        "product_code": gift["product_code"],
        "description": gift["product_code"],
        "quantity": gift["added_quantity"],
        "unit_price": nothing,
        "discount_percent": "0",
        "tax_percent": "0",
        "adjustments": [],
        **dict.fromkeys(("gross", "reduction", "net", "tax", "total"), nothing),
    }
    if grant_id:
        line["benefit_grant_id"] = grant_id
    return line


def _amount(item: Json, name: str, currency: str) -> Money:
    return money_of(item.get(name)) or Money.zero(currency)
