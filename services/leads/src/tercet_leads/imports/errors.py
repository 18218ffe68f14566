"""Refusals of imports."""

from __future__ import annotations

from tercet_chassis.errors import FailedPrecondition, InvalidArgument


class FileNotReadable(InvalidArgument):
    """The file is no table."""

    text = "The file {name} cannot be read as a table: {cause}. Save it as CSV (UTF-8) or XLSX and upload it again."
    field = "lead_import.file_id"


class FileEncodingUnknown(InvalidArgument):
    """The text is in no encoding that we know, or not in the one given."""

    text = "The file {name} is not in {encoding}; save it as UTF-8 or name its encoding."
    field = "lead_import.encoding"


class FileHasNoHeader(InvalidArgument):
    """The first row holds data."""

    text = "The first row of {name} looks like data, not like names of columns; put a row of names above it."
    field = "lead_import.file_id"


class SheetNotFound(InvalidArgument):
    """The workbook has no such sheet."""

    text = "The workbook has no sheet {sheet_name}; choose one of {known}."
    field = "lead_import.sheet_name"


class MappingInvalid(InvalidArgument):
    """Columns are not those of the file, or fill what a lead has not."""

    text = "The columns cannot be used: {detail}"


class TimeZoneUnknown(InvalidArgument):
    """There is no such time zone."""

    text = "There is no time zone {time_zone}; write it like Asia/Shanghai."
    field = "lead_import.time_zone"


class ImportNotReady(FailedPrecondition):
    """It was run already."""

    text = "The import is {state}; only one that is READY can be changed or run."
    field = "id"


class ImportNotDone(FailedPrecondition):
    """It cannot be taken back now."""

    text = "The import is {state}; only one that is DONE can be taken back."
    field = "id"
