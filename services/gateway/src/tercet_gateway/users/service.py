"""Users and employees: what the free methods cannot know."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from tercet.gateway.v1 import events_pb2 as events
from tercet.gateway.v1.employee_service_pb2 import CreateEmployeeRequest, UpdateEmployeeRequest
from tercet.gateway.v1.user_service_pb2 import (
    ChangePasswordRequest,
    CreateUserRequest,
    DeleteUserRequest,
    DisableUserRequest,
    EnableUserRequest,
    GetMeRequest,
    Me,
    UpdateMeRequest,
    UpdateUserRequest,
)
from tercet.options.v1 import options_pb2
from tercet_chassis import Handlers, Tx
from tercet_chassis.errors import Violation
from tercet_gateway.units import store as units
from tercet_gateway.units.errors import UnitUnknown
from tercet_gateway.units.reach import check_reach
from tercet_gateway.users import store
from tercet_gateway.users.errors import (
    FieldNotYours,
    NotSignedInAsUser,
    PasswordWrong,
    UserInUse,
    UserIsSelf,
    UserUnknown,
)
from tercet_gateway.users.giving import check_outranks, check_roles
from tercet_gateway.users.model import Employee, User
from tercet_gateway.users.passwords import password_fits, set_password

_OWN_FIELDS = ("display_name", "locale", "zone")


class UserService(Handlers):
    """Serves tercet.gateway.v1.UserService."""

    async def CreateUser(self, request: CreateUserRequest, tx: Tx) -> User:
        """Makes a user. Refuses a taken address, a weak password, and roles beyond the caller's own."""
        user = await tx.create(User, request.user)
        user.unit_id = user.unit_id or tx.principal.unit_id
        user.check()
        await tx.flush()
        await check_reach(tx, user.unit_id)
        await check_roles(tx, user)
        await set_password(tx, user, request.user.password)
        tx.emit(events.UserCreated, user)
        return user

    async def UpdateUser(self, request: UpdateUserRequest, tx: Tx) -> User:
        """Changes a user. Refuses as CreateUser does, and a user who holds more than the caller."""
        user = await tx.get(User, request.user.id, etag=request.user.etag)
        await check_outranks(tx, user)
        unit_before = user.unit_id
        paths = [path for path in request.update_mask.paths if path != "password"]
        if paths or not request.update_mask.paths:
            await tx.patch(user, request.user, FieldMask(paths=paths))
        user.check()
        changed = tx.session.is_modified(user)
        await tx.flush()
        if user.unit_id != unit_before:
            await check_reach(tx, user.unit_id)
        await check_roles(tx, user)
        if request.user.HasField("password"):
            await set_password(tx, user, request.user.password)
        if changed:
            tx.emit(events.UserUpdated, user)
        return user

    async def DeleteUser(self, request: DeleteUserRequest, tx: Tx) -> Empty:
        """Removes a user. Refuses oneself, an employee's user, and one who holds more than the caller."""
        user = await self._other(tx, request.id, request.etag)
        if await store.is_employee(tx, user.id):
            raise UserInUse(user_id=user.id)
        credential = await store.credential_of(tx, user.id)
        if credential is not None:
            await tx.delete(credential)
        tx.emit(events.UserDeleted, user)
        await tx.delete(user)
        return Empty()

    async def DisableUser(self, request: DisableUserRequest, tx: Tx) -> User:
        """Shuts a user out. Refuses oneself and one who holds more than the caller."""
        user = await self._other(tx, request.id, request.etag)
        user.disable()
        return self._told(tx, user)

    async def EnableUser(self, request: EnableUserRequest, tx: Tx) -> User:
        """Lets a user in again. Refuses as DisableUser does."""
        user = await self._other(tx, request.id, request.etag)
        user.enable()
        return self._told(tx, user)

    async def GetMe(self, _request: GetMeRequest, tx: Tx) -> Me:
        """The caller's own user with what the roles allow. Refuses API keys and services."""
        user = await self._me(tx)
        me = Me(tenant_id=str(tx.tenant_id), locale=tx.principal.locale, zone=tx.principal.zone)
        me.user.CopyFrom(tx.render(user))  # type: ignore[arg-type]
        me.unit_ids.extend(str(unit) for unit in tx.principal.unit_ids)
        for permission, scope in tx.principal.grants:
            me.permissions.add(permission=permission, scope=scope)
        me.masks.extend(options_pb2.PersonalData.Value(mask) for mask in sorted(tx.principal.masks))  # type: ignore[misc]
        return me

    async def UpdateMe(self, request: UpdateMeRequest, tx: Tx) -> User:
        """Changes the caller's name, language or zone. Refuses API keys and every other field."""
        user = await self._me(tx)
        paths = list(request.update_mask.paths) or [
            field.name for field, _ in request.user.ListFields() if field.name in _OWN_FIELDS
        ]
        foreign = [path for path in paths if path not in _OWN_FIELDS]
        if foreign:
            wrong = [
                Violation(path, "FIELD_NOT_YOURS", f"{path} is set by an administrator; leave it out.")
                for path in foreign
            ]
            raise FieldNotYours(fields=", ".join(foreign), violations=wrong)
        if paths:
            await tx.patch(user, request.user, FieldMask(paths=paths))
            user.check()
        return self._told(tx, user)

    async def ChangePassword(self, request: ChangePasswordRequest, tx: Tx) -> Empty:
        """Replaces the caller's password and ends all sessions. Refuses a wrong current one and a weak new one."""
        user = await self._me(tx)
        if not await password_fits(tx, user, request.current_password):
            raise PasswordWrong
        await set_password(tx, user, request.new_password)
        return Empty()

    async def _me(self, tx: Tx) -> User:
        id = tx.principal.user_id
        user = await store.find(tx, id) if tx.principal.kind == "user" and id is not None else None
        if user is None:
            raise NotSignedInAsUser
        return user

    async def _other(self, tx: Tx, id: str, etag: str) -> User:
        user = await tx.get(User, id, etag=etag)
        if user.id == tx.principal.user_id:
            raise UserIsSelf
        await check_outranks(tx, user)
        return user

    def _told(self, tx: Tx, user: User) -> User:
        if tx.session.is_modified(user):
            tx.emit(events.UserUpdated, user)
        return user


class EmployeeService(Handlers):
    """Serves tercet.gateway.v1.EmployeeService."""

    async def CreateEmployee(self, request: CreateEmployeeRequest, tx: Tx) -> Employee:
        """Makes an employee. Refuses a unit or user that does not exist, and a user who works in that unit already."""
        employee = await tx.create(Employee, request.employee)
        employee.check()
        await tx.flush()
        await self._check(tx, employee)
        tx.emit(events.EmployeeCreated, employee)
        return employee

    async def UpdateEmployee(self, request: UpdateEmployeeRequest, tx: Tx) -> Employee:
        """Changes an employee. Refuses as CreateEmployee does."""
        employee = await tx.get(Employee, request.employee.id, etag=request.employee.etag)
        unit_before = employee.unit_id
        await tx.patch(employee, request.employee, request.update_mask)
        employee.check()
        changed = tx.session.is_modified(employee)
        await tx.flush()
        await self._check(tx, employee, unit_before)
        if changed:
            tx.emit(events.EmployeeUpdated, employee)
        return employee

    async def _check(self, tx: Tx, employee: Employee, unit_before: UUID | None = None) -> None:
        if employee.unit_id is None or await units.find(tx, employee.unit_id) is None:
            raise UnitUnknown(unit_id=employee.unit_id or "(none)")
        if employee.unit_id != unit_before:
            await check_reach(tx, employee.unit_id)
        if employee.user_id is not None and await store.find(tx, employee.user_id) is None:
            raise UserUnknown(user_id=employee.user_id)
