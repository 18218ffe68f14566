"""Refusals of roles."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, PermissionDenied


class RoleUnknown(FailedPrecondition):
    """A role code that no role has."""

    text = "There is no role {role_code}; create it first or name an existing one."
    field = "role_code"


class RoleBeyondOwn(PermissionDenied):
    """A role would give more than the giver holds."""

    text = "This would allow {permission} ({scope}), which you do not hold yourself; ask somebody who does."


class MasksBeyondOwn(PermissionDenied):
    """A role would show personal data that the giver sees shortened."""

    text = "This would show {masks}, which you see shortened yourself; keep these masks or ask somebody without them."


class RoleIsBuiltin(FailedPrecondition):
    """The built-in role stays as it is."""

    text = "The role {code} is built in and stays as it is; create another one."
    field = "id"


class RoleInUse(FailedPrecondition):
    """Something has the role."""

    text = "The role {code} cannot be deleted while {users} have it; give them another one first."
    field = "id"
