"""Pieces of the shipped tools' schemas."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def decimal(title: str) -> Schema:
    """An amount or figure as decimal text, not below zero."""
    return {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,4})?$", "title": title}


def whole(title: str, most: int = 1_000_000) -> Schema:
    """A count of at least one."""
    return {"type": "integer", "minimum": 1, "maximum": most, "title": title}


def config_code(title: str) -> Schema:
    """The code of a piece of configuration."""
    return {"type": "string", "minLength": 1, "maxLength": 100, "title": title}


def products(title: str) -> Schema:
    """Codes of products, each once."""
    item = {"type": "string", "minLength": 1, "maxLength": 60}
    return {"type": "array", "items": item, "minItems": 1, "maxItems": 1000, "uniqueItems": True, "title": title}


def numbers(properties: Schema, required: list[str], **more: Any) -> Schema:
    """A tool's whole schema: these properties and no others."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        **more,
    }


SCOPE: Final[Schema] = {
    "products": products("Only these products"),
    "excluded_products": products("Never these products"),
}
_STEP: Final[Schema] = {
    "type": "object",
    "properties": {
        "threshold": decimal("From this amount on"),
        "off": decimal("Amount off"),
        "percent": decimal("Percent off"),
    },
    "required": ["threshold"],
    "additionalProperties": False,
    "minProperties": 2,
    "maxProperties": 2,
}
# 10 off; 500 minus 30, once or for each 500, capped; 10 % off; or steps: 300 minus 20, 500 minus 50.
REDUCTION: Final = numbers(
    {
        "threshold": decimal("From this amount on"),
        "off": decimal("Amount off"),
        "percent": decimal("Percent off"),
        "repeat": {"type": "boolean", "title": "Once for each time the threshold is reached"},
        "times_max": whole("At most so many times", 1000),
        "most": decimal("At most this much off"),
        "steps": {"type": "array", "items": _STEP, "minItems": 1, "maxItems": 20, "title": "The highest step counts"},
        **SCOPE,
    },
    [],
    oneOf=[
        {"required": ["off"]},
        {"required": ["percent"]},
        {"required": ["steps"], "properties": {"threshold": False, "repeat": False, "times_max": False}},
    ],
)
GIFTS: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"product_code": config_code("Product"), "quantity": whole("How many", 1000)},
        "required": ["product_code"],
        "additionalProperties": False,
    },
    "minItems": 1,
    "maxItems": 20,
    "title": "What is given",
}
