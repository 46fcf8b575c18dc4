"""Validation errors in words: what stands there, what would be right, and the nearest valid key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vivavoce.definition.problem import KeyPath

_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}


def explain(
    error: ValidationError, schema: Mapping[str, Any], data: Any, noun: str, originals: Mapping[KeyPath, str]
) -> Iterator[tuple[KeyPath, str]]:
    """The errors of `data`, one for each place in it, as (key path, words).

    `schema` is the model's JSON Schema, `noun` what a key of it is called (`option of 'hibari'`), `originals`
    what the file says where a value came from the environment: it is shown in the value's stead, which may be secret.
    """
    seen: set[KeyPath] = set()
    for detail in error.errors(include_url=False):
        keys = _keys(detail, data)
        if keys not in seen:
            seen.add(keys)
            yield keys, _words(detail, keys, schema, noun, originals)


def unknown_key(key: str, valid: list[str], noun: str) -> str:
    """Words for a key that isn't one, with the nearest that is."""
    near = difflib.get_close_matches(key, valid, n=1, cutoff=0.5)
    guess = f"; did you mean '{near[0]}'?" if near else ""
    return f"no such {noun}{guess} ({noun.split()[0]}s: {', '.join(sorted(valid)) or 'none'})"


def describe(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a JSON Schema asks for, in words; empty where it asks for nothing."""
    schema = _resolved(schema, root)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return f"'{schema['const']}'"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(filter(None, (describe(one, root) for one in schema["anyOf"]))))
    return _TYPES.get(schema.get("type", ""), "") + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    for low, high, unit in (
        ("minimum", "maximum", ""),
        ("exclusiveMinimum", "exclusiveMaximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ):
        if low in schema and high in schema:
            between = "between" if low == "exclusiveMinimum" else "from"
            joint = "and" if low == "exclusiveMinimum" else "to"
            return f" {between} {schema[low]} {joint} {schema[high]}{unit}"
        if low in schema:
            return f" {'above' if low == 'exclusiveMinimum' else 'of at least'} {schema[low]}{unit}"
        if high in schema:
            return f" {'below' if high == 'exclusiveMaximum' else 'of at most'} {schema[high]}{unit}"
    return ""


def _keys(detail: ErrorDetails, data: Any) -> KeyPath:
    """The error's place in `data`; pydantic also names branches of unions, which the file does not have."""
    keys: list[str | int] = []
    for step in detail["loc"]:
        children: Any = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(children, dict) and step in children:
            data = children[step]
        elif not (detail["type"] == "missing" and step == detail["loc"][-1]):
            continue
        keys.append(step)
    return tuple(keys)


def _words(
    detail: ErrorDetails, keys: KeyPath, schema: Mapping[str, Any], noun: str, originals: Mapping[KeyPath, str]
) -> str:
    around = _at(keys[:-1], schema)
    wanted = _at(keys, schema)
    if detail["type"] == "extra_forbidden":
        if keys[:-1]:
            noun = f"{noun.split()[0]} of '{keys[:-1][-1]}'"
        return unknown_key(str(keys[-1]), list((around or {}).get("properties", {})), noun)
    right = describe(wanted, schema) if wanted is not None else ""
    if detail["type"] == "missing":
        return "is missing" + (f"; it must be {right}" if right else "")
    if detail["type"] in ("value_error", "assertion_error") or not right:
        words = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        right = words.removeprefix("Input should be ")
        if right == words:
            return words
    quote = (
        "; put it in quotes" if detail["type"] == "string_type" and isinstance(detail["input"], (int, float)) else ""
    )
    return f"must be {right}, got {_shown(detail['input'], keys, originals)}{quote}"


def _shown(value: Any, keys: KeyPath, originals: Mapping[KeyPath, str]) -> str:
    if keys in originals:
        return f"what {originals[keys]} stands for"
    if isinstance(value, (dict, list)):
        return "keys and values" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if any(isinstance(key, str) and _SECRET.search(key) for key in keys):
        return "something else"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _at(keys: KeyPath, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The part of a JSON Schema that governs `keys`, where that is one part."""
    schema = _resolved(root, root)
    for key in keys:
        inner = schema.get("items") if isinstance(key, int) else schema.get("properties", {}).get(key)
        if not isinstance(inner, dict):
            return None
        schema = _resolved(inner, root)
    return schema


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow `$ref`, and `anyOf` where all branches but one are null and that one is an object or a list."""
    while "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rsplit("/", 1)[-1], {})
    branches = [_resolved(one, root) for one in schema.get("anyOf", []) if one.get("type") != "null"]
    if len(branches) == 1 and branches[0].get("type") in ("object", "array"):
        return branches[0]
    return schema
