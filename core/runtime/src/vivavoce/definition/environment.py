"""Values from the environment: `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.definition.document import Document
from vivavoce.definition.problem import KeyPath

_REFERENCE = re.compile(
    r"\$\$\{"  # the escape
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<otherwise>:-(?P<default>(?:(?!\$\{)[^}])*))?\}"
    r"|\$\{"  # anything else that opens a reference is malformed
)


def expand_environment(document: Document, environ: Mapping[str, str]) -> dict[KeyPath, str]:
    """Fill in the document's references, in place, and add a problem for each that can't be filled in.

    As in a shell, the default of `${NAME:-default}` also replaces an empty value. What comes from the
    environment stays text; a number or a boolean is read from it where the option asks for one. Returns the
    original text of every value that has a reference, so that messages show that and not a secret.
    """
    originals: dict[KeyPath, str] = {}
    document.data = _expand(document.data, (), document, environ, originals)
    return originals


def _expand(value: Any, keys: KeyPath, document: Document, environ: Mapping[str, str], originals: dict) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, (*keys, key), document, environ, originals) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, (*keys, index), document, environ, originals) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    originals[keys] = value

    def replacement(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match[0] == "$${":
            return "${"
        if name is None:
            text = "`${` opens no environment variable here; write ${NAME}, ${NAME:-default}, or $${ for the characters"
            document.report(keys, text)
            return match[0]
        found = environ.get(name)
        if default is not None:
            return found or default
        if found is None:
            text = f"the environment variable {name} is not set, and ${{{name}}} has no default"
            document.report(keys, text, fix=f"export {name}=...")
            return match[0]
        return found

    return _REFERENCE.sub(replacement, value)
