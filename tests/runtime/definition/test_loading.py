"""A file in; the definition, or every one of its faults in words, out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vivavoce.builtin import WebSocketOptions
from vivavoce.definition import AgentDefinition, Limits, Turn, check_agent, load_agent
from vivavoce_api import (
    BrokenPlugin,
    Catalog,
    ConfigurationError,
    Isolation,
    Kind,
    LanguageModelCapabilities,
    Offer,
    Options,
)


def faults(path, catalog, environ=None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_agent(path, catalog, environ or {})
    return caught.value.message.splitlines()


def test_a_small_file_gets_the_defaults(write, catalog):
    definition = load_agent(write(), catalog, {})
    assert isinstance(definition, AgentDefinition)
    assert definition.path == Path("x.yaml")
    assert (definition.name, definition.instructions, definition.greeting) == ("test", "Be brief.", None)
    assert definition.stt.offer.name == "listen"
    assert definition.llm.options.model == "tiny"  # type: ignore[attr-defined]
    assert definition.tts.options.speed == 1.0  # type: ignore[attr-defined]
    assert definition.vad.offer.name == "silero"
    assert definition.turn_detector is not None
    assert definition.turn_detector.offer.name == "smart-turn"
    assert definition.transport.options == WebSocketOptions()
    assert (definition.tools, definition.turn, definition.limits) == ([], Turn(), Limits())
    assert [choice.offer.name for choice in definition.choices()] == [
        "listen", "think", "speak", "silero", "smart-turn", "websocket",
    ]  # fmt: skip


def test_all_sections(write, catalog):
    rest = """\
    tts: {plugin: speak, speed: "${SPEED}", colour: bright, voice: {pitch: 0.9}}
    greeting: Hello ${NAME:-there}.
    vad: {plugin: silero}
    turn_detector: null
    tools: [{plugin: clock}, {plugin: clock}]
    transport: {plugin: websocket, max_lead_ms: 100}
    turn: {style: patient, min_silence_ms: 300, barge_in: false, backchannels: [aha]}
    limits: {max_sessions: 2, idle_timeout_s: 60}
    """
    definition = load_agent(write(rest), catalog, {"SPEED": "1.5"})
    assert definition.tts.options.speed == 1.5  # type: ignore[attr-defined]
    assert definition.greeting == "Hello there."
    assert definition.turn_detector is None
    assert [tool.offer.name for tool in definition.tools] == ["clock", "clock"]
    assert definition.transport.options.max_lead_ms == 100  # type: ignore[attr-defined]
    assert (definition.turn.style, definition.turn.min_silence_ms, definition.turn.barge_in) == ("patient", 300, False)
    assert definition.turn.backchannels == ["aha"]
    assert (definition.limits.max_sessions, definition.limits.idle_timeout_s) == (2, 60)


def test_swapping_the_tts_is_one_line(write, catalog):
    one = load_agent(write("tts: {plugin: speak}"), catalog, {})
    other = load_agent(write("tts: {plugin: mumble}"), catalog, {})
    assert (one.tts.offer.name, other.tts.offer.name) == ("speak", "mumble")
    assert one.model_dump(exclude={"tts"}) == other.model_dump(exclude={"tts"})


def test_isolation_is_what_the_file_says_or_the_offers_default(write, catalog):
    own = catalog.entries[Kind.TEXT_TO_SPEECH, "mumble"]
    isolated = replace(own, offer=replace(own.offer, isolation=Isolation(default="environment")))
    catalog.entries[Kind.TEXT_TO_SPEECH, "mumble"] = isolated
    rest = """\
    tts: [{plugin: mumble}, {plugin: mumble, isolation: none}, {plugin: speak}, {plugin: speak, isolation: process}]
    vad: {plugin: silero, isolation: "${WHERE:-process}"}
    """
    definition = load_agent(write(rest), catalog, {})
    levels = [choice.isolation for choice in definition.tts.listed]
    assert levels == ["environment", "none", "none", "process"]
    assert (definition.vad.isolation, definition.stt.isolation) == ("process", "none")


def test_a_level_of_isolation_that_does_not_exist_is_a_fault(write, catalog):
    words = "must be one of none, process, environment"
    assert faults(write("tts: {plugin: speak, isolation: {a: 1}}"), catalog) == [f"x.yaml:5: tts.isolation: {words}"]


def test_a_list_is_its_first_plugin_with_fallbacks(write, catalog):
    rest = "tts: [{plugin: speak, speed: 2, deadline_ms: 800}, {plugin: mumble}, {plugin: speak}]"
    definition = load_agent(write(rest), catalog, {})
    assert [choice.offer.name for choice in definition.tts.listed] == ["speak", "mumble", "speak"]
    assert [choice.deadline_ms for choice in definition.tts.listed] == [800, None, None]
    assert [choice.offer.name for choice in definition.choices()][2:5] == ["speak", "mumble", "speak"]


def test_a_list_of_one_is_no_list(write, catalog):
    one = load_agent(write("tts: [{plugin: speak, speed: 2}]"), catalog, {})
    assert one.tts == load_agent(write("tts: {plugin: speak, speed: 2}"), catalog, {}).tts


def test_a_list_with_a_plugin_that_is_not_installed_is_valid_but_cannot_run_here(write, catalog):
    report = check_agent(
        write("tts: [{plugin: voxtream, voice: a.wav}, {plugin: speak, deadline_ms: 9000}]"), catalog, {}
    )
    assert (report.problems, report.definition) == ((), None)
    assert [str(missing.problem) for missing in report.missing] == [
        "x.yaml:5: tts[0].plugin: text-to-speech plugin 'voxtream' is not installed; installed: mumble, speak"
    ]


def test_paths_are_relative_to_the_file(write, catalog, tmp_path, monkeypatch):
    path = write("tts: {plugin: speak, prompt: voices/anna.wav}")
    definition = load_agent(path, catalog, {})
    assert definition.tts.options.prompt == tmp_path / "voices" / "anna.wav"  # type: ignore[attr-defined]
    monkeypatch.chdir("/")
    assert load_agent(tmp_path / path, catalog, {}).tts.options == definition.tts.options


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        # an unknown key: file, line, key path, the nearest valid key, all valid keys
        (
            "tts:\n  plugin: speak\n  sped: 1",
            "x.yaml:7: tts.sped: no such option of 'speak'; did you mean 'speed'? "
            "(options: api_key, chunks, colour, prompt, speed, voice)",
        ),
        ("tts: {plugin: mumble, xyz: 1}", "x.yaml:5: tts.xyz: no such option of 'mumble' (options: none)"),
        (
            "tts:\n  plugin: speak\n  voice:\n    pich: 1",
            "x.yaml:8: tts.voice.pich: no such option of 'voice'; did you mean 'pitch'? (options: pitch)",
        ),
        (
            "tts: {plugin: speak}\ngreting: hi",
            "x.yaml:6: greting: no such key of an agent; did you mean 'greeting'? (keys: completeness, greeting, "
            "instructions, limits, llm, name, stt, tools, transport, tts, turn, turn_detector, vad)",
        ),
        (
            "tts: {plugin: speak}\nlimits: {max_sesions: 3}",
            "x.yaml:6: limits.max_sesions: no such key of 'limits'; did you mean 'max_sessions'? (keys: "
            "idle_timeout_s, max_history_messages, max_reply_s, max_session_s, max_sessions, max_turn_s)",
        ),
        # a wrong value: what would be right, and what is there
        ("tts: {plugin: speak, speed: fast}", "x.yaml:5: tts.speed: must be a number from 0.5 to 2, got 'fast'"),
        ("tts: {plugin: speak, speed: 9}", "x.yaml:5: tts.speed: must be a number from 0.5 to 2, got 9"),
        ("tts: {plugin: speak, colour: red}", "x.yaml:5: tts.colour: must be one of warm, bright, got 'red'"),
        (
            "tts: {plugin: speak, chunks: 0}",
            "x.yaml:5: tts.chunks: must be a whole number of at least 1 or null, got 0",
        ),
        (
            "tts: {plugin: speak, voice: {pitch: [1]}}",
            "x.yaml:5: tts.voice.pitch: must be a number from 0.5 to 2, got a list",
        ),
        (
            "tts: {plugin: speak}\nturn: {style: slow}",
            "x.yaml:6: turn.style: must be one of eager, balanced, patient, got 'slow'",
        ),
        (
            "tts: {plugin: speak}\nturn:\n  max_speculations: many",
            "x.yaml:7: turn.max_speculations: must be a whole number from 0 to 100, got 'many'",
        ),
        (
            "tts: {plugin: speak}\nturn: {voice_threshold: 1}",
            "x.yaml:6: turn.voice_threshold: must be a number between 0 and 1, got 1",
        ),
        (
            "tts: {plugin: speak}\nturn: {min_silence_ms: 900, max_silence_ms: 500}",
            "x.yaml:6: turn: min_silence_ms (900) must not be above max_silence_ms (500)",
        ),
        (
            "tts: {plugin: speak}\nturn: {backchannels: [12]}",
            "x.yaml:6: turn.backchannels[0]: must be text from 1 to 40 characters, got 12; put it in quotes",
        ),
        (
            "tts: {plugin: speak}\ntransport: {plugin: websocket, max_lead_ms: 5}",
            "x.yaml:6: transport.max_lead_ms: must be a whole number from 20 to 10000, got 5",
        ),
        ("tts: {plugin: speak}\ntools: 3", "x.yaml:6: tools: must be a list of at most 100 items, got 3"),
        # secrets are not shown
        (
            "tts: {plugin: speak, api_key: 123}",
            "x.yaml:5: tts.api_key: must be text or null, got something else; put it in quotes",
        ),
        # a section without a plugin
        ("tts: speak", "x.yaml:5: tts: must be keys and values that name a plugin, such as {plugin: mumble}"),
        ("tts: {speed: 1}", "x.yaml:5: tts: must name its plugin; installed: mumble, speak"),
        ("tts:", "x.yaml:5: tts: must be keys and values that name a plugin, such as {plugin: mumble}"),
        (
            "tts: {plugin: speak}\nvad: null",
            "x.yaml:6: vad: must be keys and values that name a plugin, such as {plugin: silero}",
        ),
        # plugins that are not there
        (
            "tts: {plugin: parrot}",
            "x.yaml:5: tts.plugin: there is no text-to-speech plugin 'parrot'; installed: mumble, speak",
        ),
        (
            "tts: {plugin: think}",
            "x.yaml:5: tts.plugin: there is no text-to-speech plugin 'think' ('think' is a plugin for llm); "
            "installed: mumble, speak",
        ),
        (
            "tts: {plugin: voxtream}",
            "x.yaml:5: tts.plugin: text-to-speech plugin 'voxtream' is not installed; installed: mumble, speak",
        ),
        (
            "tts: {plugin: speak}\ntools: [{plugin: clock}, {plugin: clok}]",
            "x.yaml:6: tools[1].plugin: there is no tool plugin 'clok'; installed: clock",
        ),
        # lists
        ("tts: []", "x.yaml:5: tts: must list from 1 to 8 plugins, lists 0"),
        (
            "tts:\n  - plugin: mumble\n  - plugin: speak\n    voice: {pitch: 9}",
            "x.yaml:8: tts[1].voice.pitch: must be a number from 0.5 to 2, got 9",
        ),
        (
            "tts: [{plugin: mumble}, {plugin: speak, sped: 1}]",
            "x.yaml:5: tts[1].sped: no such option of 'speak'; did you mean 'speed'? "
            "(options: api_key, chunks, colour, prompt, speed, voice)",
        ),
        (
            "tts: [speak]",
            "x.yaml:5: tts[0]: must be keys and values that name a plugin, such as {plugin: mumble}",
        ),
        (
            "tts: [{plugin: mumble}, {plugin: voxtream}]",
            "x.yaml:5: tts[1].plugin: text-to-speech plugin 'voxtream' is not installed; installed: mumble, speak",
        ),
        (
            "tts: [{plugin: mumble, deadline_ms: soon}, {plugin: speak}]",
            "x.yaml:5: tts[0].deadline_ms: must be a whole number from 50 to 60000 or null, got 'soon'",
        ),
        (
            'tts: [{plugin: mumble, deadline_ms: "${SOON:-soon}"}, {plugin: speak}]',
            "x.yaml:5: tts[0].deadline_ms: must be a whole number from 50 to 60000 or null, got what ${SOON:-soon} "
            "stands for",
        ),
        (
            "tts: {plugin: speak, deadline_ms: 500}",
            "x.yaml:5: tts.deadline_ms: belongs to a plugin in a list, and tts is no list",
        ),
        (
            "tts: {plugin: speak}\nvad: [{plugin: silero}]",
            "x.yaml:6: vad: must be keys and values that name a plugin, such as {plugin: silero}",
        ),
        # the environment
        (
            'tts: {plugin: speak, api_key: "${RIME_API_KEY}"}',
            "x.yaml:5: tts.api_key: the environment variable RIME_API_KEY is not set, and ${RIME_API_KEY} has no "
            "default",
        ),
        (
            'tts: {plugin: speak, speed: "${SPEED:-fast}"}',
            "x.yaml:5: tts.speed: must be a number from 0.5 to 2, got what ${SPEED:-fast} stands for",
        ),
        (
            'tts: {plugin: "${TTS}"}',
            "x.yaml:5: tts.plugin: the environment variable TTS is not set, and ${TTS} has no default",
        ),
        # twice
        ("tts: {plugin: speak}\nname: again", "x.yaml:6: name: is here a second time; the first is on line 1"),
        # not there
        ("greeting: hi", "x.yaml: tts: is missing; it must be keys and values"),
    ],
)
def test_each_fault_in_its_words(write, catalog, rest, words):
    assert faults(write(rest), catalog) == [words]


def test_tools_need_a_language_model_that_calls_them(write, catalog):
    def model(name: str, *, tools: bool) -> Offer:
        think = catalog.get(Kind.LANGUAGE_MODEL, "think").offer
        return replace(think, name=name, options=Options, capabilities=LanguageModelCapabilities(tools=tools))

    offers = [model("muse", tools=False), model("act", tools=True), *(entry.offer for entry in catalog)]
    catalog = Catalog.of(offers)
    agent = "name: test\ninstructions: Be brief.\nstt: {plugin: listen}\ntts: {plugin: speak}\n"
    tools = "tools: [{plugin: clock}]\n"
    assert faults(write(whole=f"{agent}llm: {{plugin: muse}}\n{tools}"), catalog) == [
        "x.yaml:5: llm: 'muse' calls no tools, and the agent has some; these do: act"
    ]
    assert faults(write(whole=f"{agent}llm: [{{plugin: act}}, {{plugin: muse}}]\n{tools}"), catalog) == [
        "x.yaml:5: llm[1]: 'muse' calls no tools, and the agent has some; these do: act"
    ]
    for able in (f"llm: {{plugin: act}}\n{tools}", "llm: {plugin: muse}\n"):
        assert load_agent(write(whole=agent + able), catalog, {}).llm.offer.name


def test_a_missing_option_and_a_missing_key(write, catalog):
    whole = "name: x\nstt: {plugin: listen}\nllm:\n  plugin: think\ntts: {plugin: speak}\n"
    assert faults(write(whole=whole), catalog) == [
        "x.yaml: instructions: is missing; it must be text from 1 to 100000 characters",
        "x.yaml:3: llm.model: is missing; it must be text of at most 100 characters",
    ]


def test_all_faults_are_told_together_in_the_order_of_the_file(write, catalog):
    rest = """\
    tts: {plugin: voxtream}
    turn: {styl: eager}
    limits: {max_sessions: 0}
    vad: {plugin: "${VAD}"}
    """
    path = write(rest)
    told = faults(path, catalog)
    assert [line.split(": ")[:2] for line in told] == [
        ["x.yaml:5", "tts.plugin"],
        ["x.yaml:6", "turn.styl"],
        ["x.yaml:7", "limits.max_sessions"],
        ["x.yaml:8", "vad.plugin"],
    ]
    with pytest.raises(ConfigurationError) as caught:
        load_agent(path, catalog, {})
    assert caught.value.fix == "pip install vivavoce-voxtream\n       export VAD=..."


def test_a_secret_of_the_environment_never_shows(write, catalog):
    path = write('tts: {plugin: speak, colour: "${COLOUR}", speed: "${SPEED}"}')
    told = faults(path, catalog, {"COLOUR": "hunter2", "SPEED": "hunter3"})
    assert len(told) == 2
    assert not any("hunter" in line for line in told)


def test_a_check_tells_missing_plugins_from_faults(write, catalog):
    report = check_agent(write("tts: {plugin: voxtream, voice: voices/anna.wav, anything: 1}"), catalog, {})
    assert (report.problems, report.definition) == ((), None)
    assert [(missing.name, missing.package) for missing in report.missing] == [("voxtream", "vivavoce-voxtream")]
    assert report.install_command == "pip install vivavoce-voxtream"


def test_defaults_that_are_not_installed_are_missing_too(write):
    report = check_agent(write(whole="name: x\ninstructions: y\n"), Catalog(), {})
    assert [str(missing.problem) for missing in report.missing] == [
        "x.yaml: vad.plugin: voice activity plugin 'silero' is not installed; installed: none",
        "x.yaml: turn_detector.plugin: turn detector plugin 'smart-turn' is not installed; installed: none",
        "x.yaml: transport.plugin: transport plugin 'websocket' is not installed; installed: none",
    ]
    assert report.install_command == "pip install vivavoce vivavoce-pipecat"


def test_a_plugin_that_is_installed_but_broken(write, catalog):
    catalog.broken.append(BrokenPlugin("vivavoce-voxtream", "ImportError: no torch"))
    assert faults(write("tts: {plugin: voxtream}"), catalog) == [
        "x.yaml:5: tts.plugin: text-to-speech plugin 'voxtream' is installed but does not work: ImportError: no torch"
    ]


def test_a_definition_does_not_change(write, catalog):
    definition = load_agent(write(), catalog, {})
    with pytest.raises(ValueError, match="frozen"):
        definition.name = "other"
    with pytest.raises(ConfigurationError, match="path: no such key of an agent"):
        load_agent(write("tts: {plugin: speak}\npath: /etc"), catalog, {})
