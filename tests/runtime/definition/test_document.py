"""YAML in, plain values with their lines out; nothing dangerous gets through."""

from __future__ import annotations

import pytest

from vivavoce.definition.document import MAX_BYTES, MAX_DEPTH, plain_value, read_document
from vivavoce_api import ConfigurationError


def test_every_key_and_item_knows_its_line(write):
    document = read_document(write(whole="a:\n  b: 1\n  c:\n    - x\n    - d: 2\n"))
    assert document.data == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    assert document.lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
    }
    assert document.line(("a", "c", 1, "missing")) == 5
    assert document.line(("nothing",)) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_mean_what_editors_take_them_for(text, value):
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


def test_quoted_scalars_are_text(write):
    assert read_document(write(whole="a: \"12\"\nb: 'true'\nc: |\n  5\n")).data == {"a": "12", "b": "true", "c": "5\n"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\nb: 2", "x.yaml:2:2: is not valid YAML:"),
        ("a: {b: ${C}}", "x.yaml:1:9: put quotes around ${...} where it stands between braces"),
        ("a: &x [1]\nb: [*x, *x]", "x.yaml:1: anchors (&) and aliases (*) are not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "x.yaml:1: tags (tag:yaml.org,2002:python/object/apply:os.system)"),
        ("a: !!set {b}", "x.yaml:1: tags"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: is not valid YAML"),
        ("- 1", "x.yaml: must hold keys and values"),
        ("", "x.yaml: must hold keys and values"),
        ("a: \x01", "x.yaml: is not valid YAML: special characters are not allowed"),
        ("a: " + "[" * 5000, f"x.yaml:1: is nested more than {MAX_DEPTH} levels deep"),
        ("a: " + "x" * MAX_BYTES, f"x.yaml: is larger than {MAX_BYTES // 1024} KiB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(write, text, words):
    with pytest.raises(ConfigurationError) as caught:
        read_document(write(whole=text))
    assert caught.value.message.startswith(words)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 text \(byte 6\)"):
        read_document(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"x\.yaml: there is no such file"):
        read_document(tmp_path / "x.yaml")
    with pytest.raises(ConfigurationError, match="can't be read: Is a directory"):
        read_document(tmp_path)


def test_a_duplicate_key_is_a_problem_that_names_both_lines(write):
    document = read_document(write(whole="a:\n  b: 1\n  b: 2\n"))
    assert [str(problem) for problem in document.problems.values()] == [
        "x.yaml:3: a.b: is here a second time; the first is on line 2"
    ]


def test_a_key_that_is_no_word(write):
    document = read_document(write(whole="a: 1\n? [x, y]\n: 2\n"))
    assert [str(problem) for problem in document.problems.values()] == ["x.yaml:2: a key must be a word"]
