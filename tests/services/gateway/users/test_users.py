"""Users and employees: one address a person, no power out of nothing, everybody in an existing unit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from support.gateway import PASSWORD, Company, found_company
from tercet.gateway.v1.employee_service_pb2 import (
    CreateEmployeeRequest,
    DeleteEmployeeRequest,
    Employee,
    GetEmployeeRequest,
    ListEmployeesRequest,
    UpdateEmployeeRequest,
)
from tercet.gateway.v1.role_service_pb2 import CreateRoleRequest, Role
from tercet.gateway.v1.unit_service_pb2 import CreateUnitRequest, ListUnitsRequest, MoveUnitRequest, Unit
from tercet.gateway.v1.user_service_pb2 import (
    CreateUserRequest,
    DeleteUserRequest,
    DisableUserRequest,
    GetMeRequest,
    GetUserRequest,
    ListUsersRequest,
    UpdateMeRequest,
    UpdateUserRequest,
    User,
)
from tercet.options.v1.options_pb2 import PHONE
from tercet_chassis.ids import new_id
from tercet_chassis.testing import Client, refused
from tercet_gateway.users.rules import password_weakness


def _with_role(user: User, *codes: str, unit_id: str = "") -> User:
    for code in codes:
        user.roles.add(role_code=code, **({"unit_id": unit_id} if unit_id else {}))
    return user


@pytest.mark.parametrize(
    ("password", "easy"),
    [
        ("correct-horse-8", False),
        ("王芳的密码是很长的一句话", False),
        ("short-1", True),
        ("aaaaaaaaaaaa", True),
        ("Password123", True),
        ("5201314520", True),
        ("liming2026", True),
        ("li.ming@x.example", False),
        ("liming@x.example", True),
    ],
)
def test_easy_passwords_are_known(password: str, easy: bool) -> None:
    assert (password_weakness(password, "liming@x.example") is not None) is easy


async def test_password_is_never_shown(company: Company) -> None:
    made = await company.user("li@shangqi.example", "seller")
    assert not made.HasField("password")
    assert not (await company.admin.GetUser(GetUserRequest(id=made.id))).HasField("password")


async def test_address_is_unique_whatever_its_case(company: Company) -> None:
    await company.user("li@shangqi.example")
    with refused("RESOURCE_ALREADY_EXISTS", "user.email"):
        await company.user("Li@Shangqi.Example")
    other = await company.user("wang@shangqi.example")
    with refused("RESOURCE_ALREADY_EXISTS", "user.email"):
        await company.admin.UpdateUser(UpdateUserRequest(user=User(id=other.id, email="LI@shangqi.example")))


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"email": "no address"}, "REQUEST_INVALID", "user.email"),
        ({"display_name": ""}, "REQUEST_INVALID", "user.display_name"),
        ({"zone": "Nowhere"}, "ZONE_UNKNOWN", "zone"),
        ({"unit_id": "1"}, "REQUEST_INVALID", "user.unit_id"),
        ({"unit_id": "018f0000-0000-7000-8000-000000000000"}, "UNIT_UNKNOWN", "unit_id"),
        ({"password": "easy"}, "PASSWORD_TOO_WEAK", "password"),
    ],
)
async def test_malformed_user_names_its_field(
    company: Company, values: dict[str, Any], reason: str, field: str
) -> None:
    user = User(**{"email": "li@shangqi.example", "display_name": "李", "unit_id": company.root_id, **values})
    with refused(reason, field):
        await company.admin.CreateUser(CreateUserRequest(user=user))


async def test_unknown_role_is_refused(company: Company) -> None:
    with refused("ROLE_UNKNOWN", "role_code"):
        await company.user("li@shangqi.example", "emperor")


async def test_nobody_gives_roles_beyond_their_own_or_outside_their_branch(company: Company) -> None:
    units = {}
    for code in ("east", "west"):
        unit = Unit(code=code, name=code, type=Unit.REGION, parent_id=company.root_id)
        units[code] = (await company.admin.CreateUnit(CreateUnitRequest(unit=unit))).id
    chief = company.admin.as_(
        permissions={"gateway.user.*": "unit_below", "leads.*": "unit_below", "sales.*": "unit_below",
                     "marketing.*": "unit_below", "service-desk.*": "unit_below", "gateway.*.read": "all",
                     "gateway.employee.*": "unit_below", "*.*.read": "all"},
        unit_id=units["east"],
    )  # fmt: skip
    named = User(email="new@shangqi.example", display_name="新", password=PASSWORD, unit_id=units["east"])
    with refused("ROLE_BEYOND_OWN"):
        await chief.CreateUser(
            CreateUserRequest(user=_with_role(User(email="a@b.example", display_name="甲"), "admin"))
        )
    with refused("ROLE_BEYOND_OWN"):
        west = _with_role(User(email="w@b.example", display_name="西"), "sales_manager", unit_id=units["west"])
        await chief.CreateUser(CreateUserRequest(user=west))
    made = await chief.CreateUser(CreateUserRequest(user=_with_role(named, "sales_manager")))
    assert made.unit_id == units["east"]
    boss = await company.user("boss@shangqi.example", "admin", unit_id=units["east"])
    for call in (
        chief.UpdateUser(UpdateUserRequest(user=User(id=boss.id, password="taken-over-123"))),
        chief.DisableUser(DisableUserRequest(id=boss.id)),
    ):
        with refused("USER_OUTRANKS_CALLER"):
            await call
    with refused("RESOURCE_NOT_FOUND"):
        await chief.DisableUser(DisableUserRequest(id=company.admin_id))


async def test_whoever_reaches_one_branch_keeps_to_it(company: Company) -> None:
    units = {}
    for code in ("east", "west"):
        unit = Unit(code=code, name=code, type=Unit.REGION, parent_id=company.root_id)
        units[code] = (await company.admin.CreateUnit(CreateUnitRequest(unit=unit))).id
        await company.user(f"{code}@shangqi.example", unit_id=units[code])
        employee = Employee(unit_id=units[code], display_name=code)
        await company.admin.CreateEmployee(CreateEmployeeRequest(employee=employee))
    await company.admin.settled()
    chief = company.admin.as_(permissions={"gateway.*": "unit_below"}, unit_id=units["east"])
    assert [user.email for user in (await chief.ListUsers(ListUsersRequest())).users] == ["east@shangqi.example"]
    [own] = (await chief.ListEmployees(ListEmployeesRequest())).employees
    assert own.display_name == "east"
    assert [unit.code for unit in (await chief.ListUnits(ListUnitsRequest())).units] == ["east"]
    below = Unit(code="shop", name="shop", type=Unit.STORE, parent_id=units["east"])
    made = await chief.CreateUnit(CreateUnitRequest(unit=below))
    for call in (
        chief.CreateUnit(CreateUnitRequest(unit=Unit(code="x", name="x", type=Unit.STORE, parent_id=units["west"]))),
        chief.MoveUnit(MoveUnitRequest(id=units["east"], parent_id=company.root_id)),
        chief.CreateUser(CreateUserRequest(user=User(email="a@b.example", display_name="甲", unit_id=units["west"]))),
        chief.CreateEmployee(CreateEmployeeRequest(employee=Employee(unit_id=units["west"], display_name="甲"))),
        chief.UpdateEmployee(UpdateEmployeeRequest(employee=Employee(id=own.id, unit_id=units["west"]))),
    ):
        with refused("UNIT_OUTSIDE_REACH", "unit_id"):
            await call
    await chief.UpdateEmployee(UpdateEmployeeRequest(employee=Employee(id=own.id, unit_id=made.id)))
    self_only = company.admin.as_(permissions={"gateway.user.read": "own"}, user_id=UUID(company.admin_id))
    assert [user.id for user in (await self_only.ListUsers(ListUsersRequest())).users] == [company.admin_id]


async def test_a_role_held_for_one_unit_gives_nothing_in_another(company: Company) -> None:
    units = {}
    for code in ("east", "west"):
        unit = Unit(code=code, name=code, type=Unit.REGION, parent_id=company.root_id)
        units[code] = (await company.admin.CreateUnit(CreateUnitRequest(unit=unit))).id
        employee = Employee(unit_id=units[code], display_name=code)
        await company.admin.CreateEmployee(CreateEmployeeRequest(employee=employee))
        await company.user(f"{code}@shangqi.example", unit_id=units[code])
    for code, permissions in (("people", ["gateway.employee.*"]), ("access", ["gateway.user.*"])):
        role = Role(code=code, name=code)
        for permission in permissions:
            role.grants.add(permission=permission, scope=Role.UNIT_BELOW)
        await company.admin.CreateRole(CreateRoleRequest(role=role))
    await company.admin.settled()
    both = User(email="both@shangqi.example", display_name="both", password=PASSWORD, unit_id=units["east"])
    both = _with_role(_with_role(both, "people", unit_id=units["east"]), "access", unit_id=units["west"])
    await company.admin.CreateUser(CreateUserRequest(user=both))
    caller = await company.signed_in("both@shangqi.example")
    assert set(caller.principal.unit_ids) == {UUID(units["east"]), UUID(units["west"])}
    assert [one.display_name for one in (await caller.ListEmployees(ListEmployeesRequest())).employees] == ["east"]
    # West's, and one's own account, as everybody reaches what is their own; nobody else's of east.
    listed = (await caller.ListUsers(ListUsersRequest())).users
    assert {one.email for one in listed} == {"west@shangqi.example", "both@shangqi.example"}
    with refused("UNIT_OUTSIDE_REACH", "unit_id"):
        await caller.CreateEmployee(CreateEmployeeRequest(employee=Employee(unit_id=units["west"], display_name="甲")))
    with refused("ROLE_BEYOND_OWN"):
        friend = User(email="friend@shangqi.example", display_name="friend", unit_id=units["west"])
        await caller.CreateUser(CreateUserRequest(user=_with_role(friend, "people", unit_id=units["west"])))


async def test_nobody_shuts_themselves_out(company: Company) -> None:
    for call in (
        company.admin.DisableUser(DisableUserRequest(id=company.admin_id)),
        company.admin.DeleteUser(DeleteUserRequest(id=company.admin_id)),
    ):
        with refused("USER_IS_SELF", "id"):
            await call


async def test_own_profile_shows_rights_and_changes_name_language_and_zone_only(company: Company) -> None:
    user = await company.user("li@shangqi.example", "marketer")
    li = await company.signed_in("li@shangqi.example")
    me = await li.GetMe(GetMeRequest())
    assert (me.user.id, me.tenant_id, me.zone) == (user.id, str(company.tenant_id), "Asia/Shanghai")
    assert ("marketing.*", "all") in [(held.permission, held.scope) for held in me.permissions]
    assert PHONE in me.masks
    changed = await li.UpdateMe(UpdateMeRequest(user=User(display_name="李明", zone="Asia/Tokyo")))
    assert (changed.display_name, changed.zone, changed.email) == ("李明", "Asia/Tokyo", "li@shangqi.example")
    request = UpdateMeRequest(user=_with_role(User(), "admin"))
    request.update_mask.paths.append("roles")
    with refused("FIELD_NOT_YOURS", "roles"):
        await li.UpdateMe(request)
    await li.UpdateMe(UpdateMeRequest(user=_with_role(User(display_name="李"), "admin")))
    assert [role.role_code for role in (await company.admin.GetUser(GetUserRequest(id=user.id))).roles] == ["marketer"]


async def test_state_moves_only_by_its_methods(company: Company) -> None:
    user = await company.user("li@shangqi.example")
    request = UpdateUserRequest(user=User(id=user.id, state=User.DISABLED))
    request.update_mask.paths.append("state")
    with refused("FIELD_NOT_WRITABLE", "state"):
        await company.admin.UpdateUser(request)


async def test_users_are_found_by_name_and_filter(company: Company) -> None:
    await company.user("li@shangqi.example", "seller")
    await company.admin.CreateUser(CreateUserRequest(user=User(email="w@x.example", display_name="王小芳")))
    assert [user.email for user in (await company.admin.ListUsers(ListUsersRequest(q="小芳"))).users] == ["w@x.example"]
    found = await company.admin.ListUsers(ListUsersRequest(filter="state = ACTIVE", order_by="email", count=True))
    assert (found.total_size, len(found.users)) == (3, 3)


async def test_another_tenant_s_user_is_not_found(gateway: Client, company: Company) -> None:
    other = await found_company(gateway)
    for call in (
        other.admin.GetUser(GetUserRequest(id=company.admin_id)),
        other.admin.UpdateUser(UpdateUserRequest(user=User(id=company.admin_id, password="taken-over-123"))),
        other.admin.DisableUser(DisableUserRequest(id=company.admin_id)),
        other.admin.DeleteUser(DeleteUserRequest(id=company.admin_id)),
    ):
        with refused("RESOURCE_NOT_FOUND"):
            await call


async def test_employee_lives_in_an_existing_unit_once(company: Company) -> None:
    user = await company.user("li@shangqi.example", "seller")
    employee = Employee(
        unit_id=company.root_id,
        user_id=user.id,
        display_name="李明",
        position="seller",
        skills=["english"],
        number="007",
        territories=["上海市"],
        capacity=20,
        active=True,
        languages=["zh-CN", "en"],
    )
    made = await company.admin.CreateEmployee(CreateEmployeeRequest(employee=employee))
    assert (await company.admin.GetEmployee(GetEmployeeRequest(id=made.id))).capacity == 20
    with refused("RESOURCE_ALREADY_EXISTS", "employee.user_id"):
        again = Employee(unit_id=company.root_id, user_id=user.id, display_name="李明")
        await company.admin.CreateEmployee(CreateEmployeeRequest(employee=again))
    with refused("UNIT_UNKNOWN", "unit_id"):
        await company.admin.UpdateEmployee(UpdateEmployeeRequest(employee=Employee(id=made.id, unit_id=str(new_id()))))
    with refused("USER_UNKNOWN", "employee.user_id"):
        lost = Employee(unit_id=company.root_id, user_id=str(new_id()), display_name="无")
        await company.admin.CreateEmployee(CreateEmployeeRequest(employee=lost))
    with refused("USER_IN_USE", "id"):
        await company.admin.DeleteUser(DeleteUserRequest(id=user.id))
    away = UpdateEmployeeRequest(employee=Employee(id=made.id, active=False))
    away.update_mask.paths.append("active")
    await company.admin.UpdateEmployee(away)
    assert not (await company.admin.ListEmployees(ListEmployeesRequest(filter="active = true"))).employees
    await company.admin.DeleteEmployee(DeleteEmployeeRequest(id=made.id))
    await company.admin.DeleteUser(DeleteUserRequest(id=user.id))
    with refused("RESOURCE_NOT_FOUND"):
        await company.admin.GetUser(GetUserRequest(id=user.id))
