"""Policies and their versions: written, checked against the tools, put into force and taken out of it."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from tercet.marketing.v1 import policy_service_pb2 as pb
from tercet_chassis import Handlers, Tx
from tercet_marketing.budgets.store import account_of as budget_of
from tercet_marketing.policies import matching, store
from tercet_marketing.policies.model import Policy, PolicyVersion
from tercet_marketing.tools import registry


class PolicyService(Handlers):
    """Serves tercet.marketing.v1.PolicyService."""

    async def DeletePolicy(self, request: pb.DeletePolicyRequest, tx: Tx) -> Empty:
        """Removes a policy with its drafts. Refuses once a version was in force."""
        policy = await tx.get(Policy, request.id, etag=request.etag, lock=True)
        policy.check_unused()
        await store.delete_drafts(tx, policy.code)
        await tx.delete(policy)
        return Empty()

    async def CreatePolicyVersion(self, request: pb.CreatePolicyVersionRequest, tx: Tx) -> PolicyVersion:
        """Writes the next version. Refuses numbers that the tools cannot work with."""
        policy = await store.by_code(tx, request.policy_version.policy_code, lock=True)
        version = await tx.create(PolicyVersion, request.policy_version)
        version.version = policy.next_version()
        await _check(version, tx)
        return version

    async def UpdatePolicyVersion(self, request: pb.UpdatePolicyVersionRequest, tx: Tx) -> PolicyVersion:
        """Changes a draft, with the same refusals. Refuses what was published."""
        given = request.policy_version
        version = await tx.get(PolicyVersion, given.id, etag=given.etag, lock=True)
        version.must_be_draft()
        await tx.patch(version, given, request.update_mask if request.HasField("update_mask") else None)
        await _check(version, tx)
        return version

    async def DeletePolicyVersion(self, request: pb.DeletePolicyVersionRequest, tx: Tx) -> Empty:
        """Removes a draft. Refuses what was published."""
        version = await tx.get(PolicyVersion, request.id, etag=request.etag, lock=True)
        version.must_be_draft()
        await tx.delete(version)
        return Empty()

    async def PublishPolicyVersion(self, request: pb.PublishPolicyVersionRequest, tx: Tx) -> PolicyVersion:
        """Puts a draft into force and retires the version that was. Refuses what was published before."""
        seen = await tx.get(PolicyVersion, request.id)
        policy = await store.by_code(tx, seen.policy_code, lock=True)
        version = await tx.get(PolicyVersion, request.id, etag=request.etag, lock=True)
        version.must_be_draft()
        # A plugin may have changed since the draft was written.
        await _check(version, tx)
        for before in await store.published_of(tx, policy.code):
            before.retire(tx.now())
        await tx.flush()
        version.publish(tx.now())
        policy.published_version, policy.ever_published = version.version, True
        return version

    async def RetirePolicyVersion(self, request: pb.RetirePolicyVersionRequest, tx: Tx) -> PolicyVersion:
        """Takes a version out of force. Refuses one that is not in force."""
        seen = await tx.get(PolicyVersion, request.id)
        policy = await store.by_code(tx, seen.policy_code, lock=True)
        version = await tx.get(PolicyVersion, request.id, etag=request.etag, lock=True)
        version.retire(tx.now())
        policy.published_version = 0
        return version

    async def ListCompatibleTools(
        self, request: pb.ListCompatibleToolsRequest, tx: Tx
    ) -> pb.ListCompatibleToolsResponse:
        """Each tool with what hinders it."""
        version = await tx.get(PolicyVersion, request.id)
        response = pb.ListCompatibleToolsResponse()
        for code in registry.installed():
            wrong = matching.faults_for(code, version)
            shown = response.compatibilities.add(tool_code=code, compatible=not wrong)
            for fault in wrong:
                shown.faults.add(field=fault.path, reason=fault.reason, message=fault.text)
        return response

    async def GetCompatibilityMatrix(self, request: pb.GetCompatibilityMatrixRequest, tx: Tx) -> pb.CompatibilityMatrix:
        """Every policy in force against every tool."""
        matrix = pb.CompatibilityMatrix(tool_codes=list(registry.installed()), without_policy=matching.without_policy())
        for code, version in (await store.all_in_force(tx)).items():
            tools = matching.compatible_tools(version)
            matrix.rows.add(policy_code=code, version=version.version, tool_codes=tools)
        return matrix


async def _check(version: PolicyVersion, tx: Tx) -> None:
    version.check_validity()
    if version.budget_code:
        await budget_of(tx, version.budget_code)
    matching.check_version(version)
