"""One thing that happened."""

from __future__ import annotations

from datetime import datetime

from tercet_chassis.entity import Entity, Linked, Mapped, OfParty, column, index, money
from tercet_chassis.money import Money

_WORTH = ("amount_amount", "amount_currency")


class Fact(Linked, OfParty, Entity):
    """What an event told of a party. Its id follows from what it is about, so that it is kept once."""

    __tablename__ = "facts"
    __table_args__ = (
        index("facts_of_party", "party_id", "kind", "fact_time"),
        # All that counting over everybody needs, in the words in which it asks: read without the rows themselves, what
        # is in a short window by the first, what is summed by party over a long one by the second.
        index("facts_by_time", "kind", "fact_time", "party_id", include=_WORTH, where="voided IS FALSE"),
        index("facts_by_kind", "kind", "party_id", "fact_time", include=_WORTH, where="voided IS FALSE"),
        index("facts_of_identity", "identity_id"),
    )

    kind: Mapped[str]
    fact_time: Mapped[datetime]
    code: Mapped[str] = column(default="")
    amount: Mapped[Money | None] = money("amount")
    product_codes: Mapped[list[str]] = column(default=list)
    voided: Mapped[bool] = column(default=False)
