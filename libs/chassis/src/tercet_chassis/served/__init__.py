"""The RPCs of `tercet.chassis.v1`, which every service serves."""

from tercet_chassis.handlers import Handlers
from tercet_chassis.served.audit import AuditService
from tercet_chassis.served.custom_fields import CustomFieldService
from tercet_chassis.served.dead_letters import DeadLetterService
from tercet_chassis.served.files import FileService
from tercet_chassis.served.maintenance import MaintenanceService
from tercet_chassis.served.operations import OperationService
from tercet_chassis.served.reconciliation import ReconciliationService
from tercet_chassis.served.shares import ShareService

CHASSIS_HANDLERS: dict[str, Handlers] = {
    type(handlers).__name__: handlers
    for handlers in (
        AuditService(),
        CustomFieldService(),
        DeadLetterService(),
        FileService(),
        MaintenanceService(),
        OperationService(),
        ReconciliationService(),
        ShareService(),
    )
}
