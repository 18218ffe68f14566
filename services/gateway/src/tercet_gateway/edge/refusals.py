"""What the edge refuses before any service is asked. Malformed requests are 400; a service's checks are 422."""

from __future__ import annotations

from typing import ClassVar

from tercet_chassis.errors import InvalidArgument, NotFound, Refusal, ResourceExhausted, Unauthenticated


class EdgeRefusal(InvalidArgument):
    """A request that is not well formed."""

    http_status: ClassVar[int] = 400


class BodyNotJson(EdgeRefusal):
    """The body does not parse."""

    text = "The body is not valid JSON: {cause}."


class BodyNotRead(EdgeRefusal):
    """The body parses but is not of the shape that the method takes."""

    text = "The request does not have the form that this method takes; see the violations."

    @property
    def reason(self) -> str:
        """The first violation's reason, so that a program need not look deeper."""
        return self.violations[0].reason if self.violations else super().reason


class BodyTooDeep(EdgeRefusal):
    """More nesting than a message can hold."""

    text = "The body is nested more than {limit} levels deep; flatten it."


class BodyUnexpected(EdgeRefusal):
    """A body where the method takes none."""

    text = "This method takes no body; put its arguments into the path or the query."


class TextNotAllowed(EdgeRefusal):
    """A NUL character, which no text column can store."""

    text = "Text must not contain the character U+0000; remove it."


class HeaderInvalid(EdgeRefusal):
    """A header that does not have its form."""

    text = "The header {header} must be {expected}."


class MediaTypeNotSupported(EdgeRefusal):
    """A body that is not JSON by its own words."""

    http_status = 415
    text = "Send the body as application/json, not {given}."


class BodyTooLarge(EdgeRefusal):
    """More bytes than the limit."""

    http_status = 413
    text = "The body is larger than {limit} bytes; send less at once or use an import."


class HeadersTooLarge(EdgeRefusal):
    """More bytes of headers than the limit."""

    http_status = 431
    text = "The headers are larger than {limit} bytes; send fewer or shorter ones."


class PathNotFound(NotFound):
    """No route."""

    text = "There is nothing at {path}; see /docs for all paths."


class MethodNotAllowed(EdgeRefusal):
    """A path that has other methods."""

    http_status = 405
    text = "{path} has no method {method}; it has {allowed}."


class CredentialMissing(Unauthenticated):
    """Nothing shows who is asking."""

    text = "Send an access token or API key as Authorization: Bearer …, or an API key as Tercet-Api-Key."


class CredentialInvalid(Unauthenticated):
    """What was shown is no credential of ours."""

    text = "This access token or API key is not valid; sign in again or ask for a new key."


class TenantUnknown(NotFound):
    """The tenant named in clear does not exist."""

    text = "There is no tenant with the code in the header Tercet-Tenant."


class RateLimited(ResourceExhausted):
    """More calls than the principal may make."""

    text = "More {rate_class} calls than allowed ({per_minute} a minute); wait {seconds} s and repeat."


class ClientGone(Refusal):
    """The caller hung up."""

    http_status = 499
    text = "The caller closed the connection."
