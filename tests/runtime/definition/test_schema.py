"""The JSON Schema says the same as the loader, through the validator that editors use."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ConfigDict

from vivavoce.definition import agent_schema, check_agent
from vivavoce_api import Catalog, Kind, Offer, Options


@pytest.fixture
def validator(catalog) -> jsonschema.Draft202012Validator:
    schema = agent_schema(catalog)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("rest", "valid"),
    [
        ("tts: {plugin: speak}", True),
        ("tts: {plugin: speak, speed: 1.5, colour: bright, voice: {pitch: 0.9}, chunks: 3}", True),
        ('tts: {plugin: speak, speed: "${SPEED}", colour: "${C:-warm}", api_key: "${K}", chunks: "${N}"}', True),
        ('tts: {plugin: "${TTS:-speak}", speed: 1}', True),
        ("tts: {plugin: voxtream, voice: voices/anna.wav}", True),
        ("tts: {plugin: speak}\nturn_detector: null", True),
        ("tts: {plugin: speak}\ntools: [{plugin: clock}]\nturn: {style: patient}\nlimits: {max_sessions: 2}", True),
        ("tts: [{plugin: speak, speed: 1.5, deadline_ms: 800}, {plugin: mumble}]", True),
        ('tts: [{plugin: speak, deadline_ms: "${SPEED_MS:-900}"}]', True),
        ("tts: [{plugin: voxtream, voice: anna.wav}, {plugin: mumble, deadline_ms: 50}]", True),
        ("tts: {plugin: speak, isolation: process}\nvad: {plugin: silero, isolation: environment}", True),
        ('tts: [{plugin: speak, isolation: "${WHERE:-none}"}, {plugin: mumble, isolation: process}]', True),
        ("tts: {plugin: speak, isolation: container}", False),
        ("tts: {plugin: speak}\ntransport: {plugin: websocket, isolation: process}", False),
        ("tts: []", False),
        ("tts: [{plugin: mumble, speed: 1}]", False),
        ("tts: [{plugin: speak}, {plugin: mumble, deadline_ms: soon}]", False),
        ("tts: [[{plugin: speak}]]", False),
        ("tts: {plugin: speak, deadline_ms: 800}", False),
        ("tts: {plugin: speak}\nvad: [{plugin: silero}]", False),
        ("tts: {plugin: speak}\ncompleteness: {plugin: think, model: tiny}", True),
        ("tts: {plugin: speak}\ncompleteness: {plugin: think, model: tiny, deadline_ms: 100}", False),
        ("tts: {plugin: speak}\ncompleteness: [{plugin: think, model: tiny}]", False),
        ("tts: {plugin: speak, sped: 1}", False),
        ("tts: {plugin: mumble, speed: 1}", False),
        ("tts: {plugin: speak, speed: 9}", False),
        ("tts: {plugin: speak, speed: fast}", False),
        ("tts: {plugin: speak, voice: {pich: 1}}", False),
        ("tts: {plugin: parrot}", False),
        ("tts: {speed: 1}", False),
        ("tts: {plugin: speak}\nvad: null", False),
        ("tts: {plugin: speak}\ntools: [{plugin: clok}]", False),
        ("tts: {plugin: speak}\nturn: {stile: eager}", False),
        ("tts: {plugin: speak}\ngreting: hi", False),
        ("greeting: hi", False),
    ],
)
def test_it_accepts_and_rejects_what_the_loader_does(write, catalog, validator, rest, valid):
    path = write(rest)
    report = check_agent(path, catalog, {"SPEED": "1.5", "K": "x", "N": "2"})
    assert (not report.problems) is valid
    assert validator.is_valid(yaml.safe_load(path.read_text())) is valid


def test_the_words_for_a_misspelt_option_name_it(write, validator):
    errors = list(validator.iter_errors(yaml.safe_load(write("tts: {plugin: speak, sped: 1}").read_text())))
    assert ["sped" in error.message for error in errors] == [True]
    assert list(errors[0].absolute_path) == ["tts"]
    listed = write("tts: [{plugin: mumble}, {plugin: speak, sped: 1}]")
    errors = list(validator.iter_errors(yaml.safe_load(listed.read_text())))
    assert [(list(error.absolute_path), "sped" in error.message) for error in errors] == [(["tts", 1], True)]


def test_editors_get_descriptions(catalog):
    schema = agent_schema(catalog)
    speak = schema["$defs"]["tts-speak"]
    assert speak["properties"]["speed"]["description"] == "How fast it speaks."
    assert speak["description"].startswith("the speak engine (test 0,")
    names = schema["$defs"]["tts"]["properties"]["plugin"]["anyOf"][0]
    described = dict(zip(names["enum"], names["enumDescriptions"], strict=True))
    assert described["speak"] == "the speak engine"
    assert described["voxtream"] == "not installed: pip install vivavoce-voxtream"
    assert schema["properties"]["greeting"]["description"].startswith("What the agent says first")


def test_options_that_no_schema_can_describe_leave_the_rest_working(write):
    class Strange(Options):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        thing: object = None
        call: type[Any] | None = None
        odd: memoryview | None = None

    offer = Offer(kind=Kind.TEXT_TO_SPEECH, name="strange", summary="", options=Strange, load=lambda o, p: None)
    schema = agent_schema(Catalog.of([offer]))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$defs"]["tts-strange"]["additionalProperties"] is True
