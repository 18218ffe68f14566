"""Writes the OpenAPI snapshot: `python -m tercet_gateway.edge.schema docs/openapi.json`."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.schema import document


def snapshot() -> bytes:
    """The document as it is kept in the repository, so that reviewers see it change."""
    return orjson.dumps(document(Contract.of_tercet()), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(snapshot())
