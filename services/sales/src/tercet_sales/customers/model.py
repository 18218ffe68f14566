"""Customers of a unit, who has owned them, and the people at companies."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from tercet_chassis.entity import (
    Custom,
    Entity,
    External,
    Linked,
    Mapped,
    Owned,
    Searchable,
    column,
    index,
    money,
    unique,
)
from tercet_chassis.ids import new_id
from tercet_chassis.money import Money
from tercet_sales.amounts import check_amount
from tercet_sales.customers import rules
from tercet_sales.customers.errors import CustomerInUse, CustomerMerged, CustomerNotCompany
from tercet_sales.days import zone_of


def _link(entity: Customer | Contact) -> None:
    """An identity nobody has recognised is its own party; a party that is known already was met by itself."""
    minted = new_id()
    entity.party_id = entity.party_id or entity.identity_id or minted
    entity.identity_id = entity.identity_id or entity.party_id


class Customer(Linked, Owned, Custom, External, Searchable, Entity):
    """A party as one selling unit knows it.

    At most one of a party and unit; `store.lock_pair` guards that, no key could. Parties that become one may leave two:
    the newer is then `duplicate_of_id`, until somebody joins them.
    """

    __tablename__ = "customers"
    __table_args__ = (
        index("customers_by_party", "party_id", "unit_id"),
        index("customers_by_identity", "identity_id"),
        index("customers_by_owner", "owner_id", "create_time"),
        index("customers_by_unit", "unit_id", "create_time"),
        index("customers_by_lead", "lead_id", where="lead_id IS NOT NULL"),
        index("customers_by_duplicate", "duplicate_of_id", where="duplicate_of_id IS NOT NULL"),
        index("customers_by_merge", "merged_into_id", where="merged_into_id IS NOT NULL"),
        unique("customers_by_external", "external_system", "external_id", field="customer.external_ref"),
    )

    kind: Mapped[str]
    full_name: Mapped[str | None]
    company_name: Mapped[str | None]
    display_name: Mapped[str] = column(default="")
    phones: Mapped[list[Any]] = column(default=list)
    emails: Mapped[list[Any]] = column(default=list)
    accounts: Mapped[list[Any]] = column(default=list)
    addresses: Mapped[list[Any]] = column(default=list)
    grade_code: Mapped[str | None]
    lifecycle_code: Mapped[str | None]
    lead_id: Mapped[UUID | None]
    uscc: Mapped[str | None]
    industry_code: Mapped[str | None]
    birth_date: Mapped[date | None]
    time_zone: Mapped[str | None]
    language_code: Mapped[str | None]
    credit_limit: Mapped[Money | None] = money("credit_limit")
    source_code: Mapped[str | None]
    remark: Mapped[str | None]
    used: Mapped[bool] = column(default=False)
    duplicate_of_id: Mapped[UUID | None]
    merged_into_id: Mapped[UUID | None]

    def settle(self, region: str = rules.DEFAULT_REGION) -> None:
        """Puts names and contact points in order. Refuses a missing name, two primary contact points, an unknown zone.

        Phone numbers without a prefix are read as those of `region`.
        """
        if self.time_zone:
            zone_of(self.time_zone, "customer.time_zone")
        if self.credit_limit is not None:
            check_amount(self.credit_limit, "customer.credit_limit")
        _link(self)
        self.display_name = rules.display_name(self.kind, self.full_name, self.company_name)
        self.phones = rules.cleaned_phones(self.phones or [], region)
        self.emails = rules.cleaned_emails(self.emails or [])
        self.accounts = rules.checked_accounts(self.accounts or [])

    def take_in(self, other: Customer) -> bool:
        """Adds what another description of the same party has and this one lacks; True when that is anything."""
        before = (
            len(self.phones),
            len(self.emails),
            len(self.accounts),
            len(self.addresses),
            self.lead_id,
            self.owner_id,
            self.uscc,
        )
        self.phones = rules.joined(self.phones, other.phones, "number")
        self.emails = rules.joined(self.emails, other.emails, "address")
        self.accounts = rules.joined(self.accounts, other.accounts, "platform", "account")
        self.addresses = rules.joined(
            self.addresses, other.addresses, "country_code", "province", "city", "district", "street"
        )
        self.owner_id = self.owner_id or other.owner_id
        self.uscc = self.uscc or other.uscc
        return before != (
            len(self.phones),
            len(self.emails),
            len(self.accounts),
            len(self.addresses),
            self.lead_id,
            self.owner_id,
            self.uscc,
        )

    def check_unused(self, contacts: int, joined: int) -> None:
        """Refuses deletion while contacts, opportunities, documents or other customers hang on it."""
        self.check_not_merged()
        if joined:
            raise CustomerInUse(customer_id=self.id, cause=f"{joined} customers that were joined into it")
        if contacts:
            raise CustomerInUse(customer_id=self.id, cause=f"{contacts} contacts")
        if self.used:
            raise CustomerInUse(customer_id=self.id, cause="opportunities or orders")

    def check_not_merged(self) -> None:
        """Refuses one that was joined into another."""
        if self.merged_into_id is not None:
            raise CustomerMerged(customer_id=self.id, merged_into_id=self.merged_into_id)

    def check_company(self) -> None:
        """Refuses a person where only companies have a say."""
        if self.kind != "COMPANY":
            raise CustomerNotCompany(customer_id=self.id)


class CustomerTransfer(Entity):
    """One change of owner; written once, never changed."""

    __tablename__ = "customer_transfers"
    __table_args__ = (index("customer_transfers_by_customer", "customer_id", "id"),)

    customer_id: Mapped[UUID]
    from_owner_id: Mapped[UUID | None]
    to_owner_id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    reason: Mapped[str]


class Contact(Linked, Owned, Custom, External, Searchable, Entity):
    """A person at a company customer."""

    __tablename__ = "contacts"
    __table_args__ = (
        index("contacts_by_customer", "customer_id", "create_time"),
        index("contacts_by_party", "party_id"),
        index("contacts_by_identity", "identity_id"),
        index("contacts_by_owner", "owner_id", "create_time"),
        unique("contacts_by_external", "external_system", "external_id", field="contact.external_ref"),
    )

    customer_id: Mapped[UUID]
    full_name: Mapped[str]
    job_title: Mapped[str | None]
    department: Mapped[str | None]
    buying_role: Mapped[str | None]
    preferred: Mapped[bool] = column(default=False)
    phones: Mapped[list[Any]] = column(default=list)
    emails: Mapped[list[Any]] = column(default=list)
    accounts: Mapped[list[Any]] = column(default=list)
    birth_date: Mapped[date | None]
    language_code: Mapped[str | None]
    active: Mapped[bool] = column(default=True)
    remark: Mapped[str | None]

    def settle(self, region: str = rules.DEFAULT_REGION) -> None:
        """Puts contact points in order. Refuses two primary ones."""
        _link(self)
        self.active = self.active is not False
        self.phones = rules.cleaned_phones(self.phones or [], region)
        self.emails = rules.cleaned_emails(self.emails or [])
        self.accounts = rules.checked_accounts(self.accounts or [])
