"""`${VAR}`, its default, its escape, and what is said when it can't be filled in."""

from __future__ import annotations

import pytest

from vivavoce.definition.document import Document
from vivavoce.definition.environment import expand_environment

ENVIRON = {"NAME": "Anna", "EMPTY": "", "PORT": "8001"}


def expanded(value):
    document = Document("x.yaml", {"key": value}, {("key",): 3})
    originals = expand_environment(document, ENVIRON)
    return document.data["key"], [str(problem) for problem in document.problems.values()], originals


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${NAME}", "Anna"),
        ("hello ${NAME}, ${NAME}!", "hello Anna, Anna!"),
        ("${EMPTY}", ""),
        ("${NONE:-http://127.0.0.1:8001/v1}", "http://127.0.0.1:8001/v1"),
        ("${EMPTY:-else}", "else"),
        ("${NONE:-}", ""),
        ("${NAME:-else}", "Anna"),
        ("${PORT}", "8001"),
        ("$${NAME}", "${NAME}"),
        ("it costs $5, $NAME", "it costs $5, $NAME"),
    ],
)
def test_references(text, result):
    assert expanded(text)[:2] == (result, [])


def test_references_in_lists_and_sections():
    value, problems, originals = expanded({"a": ["x", "${NAME}"], "b": 1})
    assert (value, problems) == ({"a": ["x", "Anna"], "b": 1}, [])
    assert originals == {("key", "a", 1): "${NAME}"}


def test_a_missing_variable_is_named_with_its_place():
    _, problems, _ = expanded("${RIME_API_KEY}")
    assert problems == [
        "x.yaml:3: key: the environment variable RIME_API_KEY is not set, and ${RIME_API_KEY} has no default"
    ]


@pytest.mark.parametrize("text", ["${}", "${1X}", "${NAME", "${NAME:-${OTHER}}", "${NAME-x}"])
def test_a_malformed_reference(text):
    assert expanded(text)[1][0].startswith("x.yaml:3: key: `${` opens no environment variable here; write ${NAME}")


def test_values_are_not_expanded_twice():
    document = Document("x.yaml", {"key": "${A}"})
    expand_environment(document, {"A": "${B}", "B": "no"})
    assert document.data == {"key": "${B}"}
