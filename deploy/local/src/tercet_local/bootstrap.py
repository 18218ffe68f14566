"""A tenant is made by whoever operates the installation: with the gateway's own key, over gRPC, before anybody can
sign in.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import grpc

from tercet.gateway.v1.tenant_service_pb2 import CreateTenantRequest, CreateTenantResponse, Tenant
from tercet.gateway.v1.unit_service_pb2 import Unit
from tercet.gateway.v1.user_service_pb2 import User
from tercet_chassis.principal import Principal
from tercet_chassis.status import remote_refusal
from tercet_chassis.tokens import Signer
from tercet_local.errors import LocalError

_METHOD = "/tercet.gateway.v1.TenantService/CreateTenant"


class TenantRefused(LocalError):
    """The gateway's own refusal; `exists` when there is such a tenant already."""

    def __init__(self, text: str, *, exists: bool = False) -> None:
        super().__init__(text)
        self.exists = exists


async def create_tenant(
    keys: Path, address: str, tenant_id: UUID, tenant: Tenant, admin: User, root: Unit, *, request_id: str = ""
) -> CreateTenantResponse:
    """Makes a tenant with its root unit, roles and first user. Refused when the code is taken or the gateway does not
    answer.
    """
    token = Signer("gateway", keys).token(Principal.system("gateway", tenant_id))
    request = CreateTenantRequest(tenant=tenant, admin=admin, root_unit=root)
    metadata = (("authorization", f"Bearer {token}"), ("tercet-request-id", request_id or str(tenant_id)))
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(
            _METHOD,
            request_serializer=CreateTenantRequest.SerializeToString,
            response_deserializer=CreateTenantResponse.FromString,
        )
        try:
            answer: CreateTenantResponse = await call(request, metadata=metadata, timeout=30)
            return answer
        except grpc.aio.AioRpcError as error:
            refusal = remote_refusal(error)
            details = refusal.message if refusal is not None else f"the gateway does not answer: {error.details()}"
            raise TenantRefused(details, exists=error.code() == grpc.StatusCode.ALREADY_EXISTS) from error
