"""Refusals of sends."""

from __future__ import annotations

from tercet_chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class RecipientMissing(InvalidArgument):
    """Nobody is named."""

    text = "Name who gets it: identity_id, or an address."
    field = "identity_id"


class RecipientOutOfReach(NotFound):
    """The caller may not write to this customer."""

    text = "There is no customer {identity_id}, or they are outside your reach."
    field = "identity_id"


class ContentMissing(InvalidArgument):
    """There is nothing to say."""

    text = "Name a template_code, or give text, html or short_text."
    field = "text"


class SendKeyReused(AlreadyExists):
    """The key came with another message."""

    text = "The key {key} was used for another message ({send_id}); use a new key for a new message."
    field = "key"


class SendNotWaiting(FailedPrecondition):
    """It has gone out, or is on its way."""

    text = "The message is {state}; only one that is QUEUED can be taken back."
    field = "id"


class SendNotEnded(FailedPrecondition):
    """It still is on its way, or has arrived."""

    text = "The message is {state}; only one that is FAILED, WITHHELD, CANCELED or UNCERTAIN can be sent again."
    field = "id"


class SendNotUncertain(FailedPrecondition):
    """It is known what became of it."""

    text = "The message is {state}; only of one that is UNCERTAIN somebody must say what became of it."
    field = "id"


class ReportNotGenuine(PermissionDenied):
    """The report is not the provider's."""

    text = "The report for {account_code} is not taken: {cause}."
    field = "body"


class QuietHoursInvalid(InvalidArgument):
    """They begin and end at once."""

    text = "Quiet hours from {start} to {start} are none, or all day; give another end."
    field = "quiet_hours.end"


class MessageFileUnknown(InvalidArgument):
    """A file is not there, or is not the caller's to send."""

    text = "There is no file {file_id} among those that its sender brought; upload it to marketing first, then name it."
    field = "file_ids"


class FilesNotCarried(InvalidArgument):
    """No channel that is named takes files along."""

    text = (
        "None of the channels {channel_codes} carries files; name one that does, such as email, or leave file_ids out."
    )
    field = "file_ids"


class FilesTooLarge(InvalidArgument):
    """Together the files are more than mail servers take."""

    text = "The files are larger than {limit} MiB together; send fewer, or a link."
    field = "file_ids"
