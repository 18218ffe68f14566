"""A tenant of the gateway as it is made for real: company, root unit, sample roles, first user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from tercet.gateway.v1.principal_service_pb2 import ResolvePrincipalRequest, ResolvePrincipalResponse
from tercet.gateway.v1.session_service_pb2 import CreateSessionRequest, SessionTokens
from tercet.gateway.v1.tenant_service_pb2 import CreateTenantRequest, Tenant
from tercet.gateway.v1.user_service_pb2 import CreateUserRequest, User
from tercet_chassis.ids import new_id
from tercet_chassis.principal import Principal
from tercet_chassis.testing import Client

PASSWORD = "correct-horse-8"


@dataclass
class Company:
    """A tenant with its administrator signed in through the front door, and services' own way in."""

    admin: Client
    system: Client
    code: str
    root_id: str
    admin_id: str
    email: str

    @property
    def tenant_id(self) -> UUID:
        """The tenant."""
        return self.admin.tenant_id

    async def user(self, email: str, *roles: str, unit_id: str = "", **values: Any) -> User:
        """A new user with these roles for the unit; the root when none is named."""
        user = User(
            email=email, display_name=email.split("@")[0], password=PASSWORD, unit_id=unit_id or self.root_id, **values
        )
        for role in roles:
            user.roles.add(role_code=role)
        created: User = await self.admin.CreateUser(CreateUserRequest(user=user))
        return created

    async def sign_in(self, email: str, password: str = PASSWORD) -> SessionTokens:
        """Signs in as somebody whom nobody knows yet."""
        tokens: SessionTokens = await self.nobody().CreateSession(
            CreateSessionRequest(tenant=self.code, email=email, password=password, client="tests")
        )
        return tokens

    def nobody(self) -> Client:
        """A caller who has not signed in and is in no tenant."""
        return Client(self.system.running, Principal(tenant_id=None, subject="anonymous", kind="anonymous"))

    async def resolve(self, **credential: str) -> ResolvePrincipalResponse:
        """What the edge learns from a credential."""
        answer: ResolvePrincipalResponse = await self.system.ResolvePrincipal(ResolvePrincipalRequest(**credential))
        return answer

    async def as_principal(self, **credential: str) -> Client:
        """A client with just the rights that the credential gives."""
        answer = await self.resolve(**credential)
        return Client(self.system.running, self.system.running.runtime.verifier.principal(answer.internal_token))

    async def signed_in(self, email: str) -> Client:
        """A client with just the rights of a signed-in user."""
        return await self.as_principal(access_token=(await self.sign_in(email)).access_token)


async def found_company(client: Client, *, code: str = "", **values: Any) -> Company:
    """Makes a tenant the way the first start does."""
    tenant_id = new_id()
    code = code or f"t{str(tenant_id).replace('-', '')[-20:]}"
    system = Client(client.running, Principal.system("test", tenant_id))
    tenant = {
        "name": "尚祈汽车",
        "locale": "zh-CN",
        "zone": "Asia/Shanghai",
        "reporting_currency": "CNY",
        "region": "CN",
        **values,
    }
    email = f"admin@{code}.example"
    made = await system.CreateTenant(
        CreateTenantRequest(
            tenant=Tenant(code=code, **tenant), admin=User(email=email, display_name="王管理", password=PASSWORD)
        )
    )
    nowhere = Client(client.running, replace(system.principal, tenant_id=None))
    company = Company(system, nowhere, code, made.root_unit.id, made.admin.id, email)
    company.admin = await company.signed_in(email)
    return company
