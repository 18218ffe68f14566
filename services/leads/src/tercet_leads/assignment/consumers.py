"""The gateway announces employees; assignment must know who may get leads."""

from __future__ import annotations

from uuid import UUID

from tercet.gateway.v1.events_pb2 import EmployeeCreated, EmployeeDeleted, EmployeeUpdated
from tercet_chassis import Tx, projection
from tercet_leads.assignment.model import Seller


@projection(EmployeeCreated, EmployeeUpdated, EmployeeDeleted)
async def remember_seller(event: EmployeeCreated | EmployeeUpdated | EmployeeDeleted, tx: Tx) -> None:
    """Keeps an employee as a seller; one who left stays, inactive, because leads name them."""
    employee = event.employee
    seller = await tx.find(Seller, employee.id, lock=True)
    if seller is None:
        seller = Seller(id=UUID(employee.id), display_name=employee.display_name, away=False)
        tx.add(seller)
    seller.display_name = employee.display_name
    seller.owner_id = UUID(employee.user_id) if employee.user_id else None
    seller.unit_id = UUID(employee.unit_id) if employee.unit_id else None
    seller.skills, seller.territories = list(employee.skills), list(employee.territories)
    seller.capacity = employee.capacity
    seller.active = employee.active and not isinstance(event, EmployeeDeleted)
