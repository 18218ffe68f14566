"""Refusals about customers and contacts."""

from __future__ import annotations

from tercet_chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, PermissionDenied, Violation


class CustomerNameMissing(InvalidArgument):
    """A person without a name or a company without one."""

    text = "A {kind} needs {missing}; give it."

    @staticmethod
    def at(missing: str) -> Violation:
        """The field to fill in."""
        return Violation(f"customer.{missing}", "CUSTOMER_NAME_MISSING", f"Give {missing}.")


class CustomerExists(AlreadyExists):
    """The unit has this party as a customer."""

    text = "This unit has the party as customer {customer_id} already; open that one instead."
    field = "customer.party_id"


class CustomerUnknown(InvalidArgument):
    """The customer is not there or not in the caller's reach."""

    text = "There is no customer {customer_id}, or it is outside your reach; choose another."
    field = "customer_id"


class CustomerMerged(FailedPrecondition):
    """The customer was joined into another one."""

    text = "Customer {customer_id} was joined into {merged_into_id}; work on that one."
    field = "customer_id"


class CustomerInUse(FailedPrecondition):
    """Something hangs on the customer."""

    text = "The customer {customer_id} cannot be deleted because it has {cause}; set its lifecycle instead."
    field = "id"


class CustomerNotCompany(FailedPrecondition):
    """People have no contacts of their own."""

    text = "Customer {customer_id} is a person; contacts belong to companies. Relate the two people instead."
    field = "contact.customer_id"


class ContactExists(AlreadyExists):
    """The person is a contact of this customer."""

    text = "This person is contact {contact_id} of the customer already; change that one instead."
    field = "contact.party_id"


class PrimaryTwice(InvalidArgument):
    """Two entries are marked as the one to try first."""

    text = "Only one of {kind} can be the primary one; unmark the others."


class SellerUnitOutOfReach(PermissionDenied):
    """Somebody sells in the name of a unit that is not theirs."""

    text = "You may not sell for unit {unit_id}; leave it out for the customer's unit, or name one that you work for."
    field = "seller_unit_id"
