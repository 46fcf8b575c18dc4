"""Voices that take over from each other in the middle of a reply: what was not said is said, and nothing twice."""

from dataclasses import replace

import pytest

from vivavoce_api import EngineError


@pytest.mark.parametrize("chunks_before", [1, 2, 3, 4])
@pytest.mark.parametrize("second", ["words", "clauses"])
def test_in_the_middle_the_next_goes_on_with_what_was_not_said(kit, chunks_before, second):
    one = kit.voice("one", [(chunks_before, kit.broken)])
    other = kit.voice("other", spans=second)
    (chunks,), engine = kit.replies(one, other)
    assert kit.spoken(chunks) == "One two, three four five six."
    whole_words = chunks_before // 2
    assert "".join(other.heard).split() == "".join(kit.text).split()[whole_words:]
    # A word that was cut off is said again.
    assert kit.duration_ms(chunks) == 1200 + 100 * (chunks_before % 2)
    spans = [span for chunk in chunks for span in chunk.spans]
    assert [span.start_ms for span in spans] == sorted(span.start_ms for span in spans)
    assert spans[-1].end_ms == kit.duration_ms(chunks)
    assert engine.members.takeovers[0]["reason"] == "error"


def test_a_clause_that_was_cut_off_is_begun_again(kit):
    one, other = kit.voice("one", [(9, kit.broken)], spans="clauses"), kit.voice("other", spans="clauses")
    (chunks,), _ = kit.replies(one, other)
    assert "".join(other.heard) == " three four five six."  # of which the first had said 500 of 800 ms
    assert kit.duration_ms(chunks) == 900 + 800
    assert kit.spoken(chunks) == "One two, three four five six."


def test_spans_that_do_not_spell_the_text_tell_nothing(kit):
    one, other = kit.voice("one", [(2, kit.broken)]), kit.voice("other")

    async def spell_otherwise(text):
        async for chunk in speak(text):
            spans = tuple(replace(span, text=span.text.upper()) for span in chunk.spans)
            yield replace(chunk, spans=spans)

    speak, one.speak = one.speak, spell_otherwise
    with pytest.raises(EngineError, match="it broke"):
        kit.replies(one, other)
    assert other.calls == []


def test_the_rest_comes_at_the_sample_rate_of_the_beginning(kit):
    one, other = kit.voice("one", [(4, kit.broken)], rate_hz=24_000), kit.voice("other", rate_hz=16_000)
    (chunks,), _ = kit.replies(one, other)
    assert {chunk.audio.sample_rate_hz for chunk in chunks} == {24_000}
    assert kit.duration_ms(chunks) == pytest.approx(1200, abs=1)
    assert all(chunk.audio.samples for chunk in chunks)
    assert kit.spoken(chunks) == "One two, three four five six."


def test_another_sample_rate_from_the_start_is_left_as_it_is(kit):
    (chunks,), _ = kit.replies(kit.voice("one", [kit.broken], rate_hz=24_000), kit.voice("other", rate_hz=16_000))
    assert {chunk.audio.sample_rate_hz for chunk in chunks} == {16_000}


@pytest.mark.parametrize("spans", [("none", "words"), ("words", "none")])
def test_in_the_middle_without_spans_the_failure_comes_through(kit, spans):
    one, other = kit.voice("one", [(2, kit.broken)], spans=spans[0]), kit.voice("other", spans=spans[1])
    with pytest.raises(EngineError, match="it broke"):
        kit.replies(one, other)
    assert other.calls == []


def test_a_text_that_was_too_long_to_keep_cannot_be_taken_over(kit, monkeypatch):
    monkeypatch.setattr("vivavoce.fallback.text_to_speech.MAX_TEXT_CHARS", 10)
    one, other = kit.voice("one", [(8, kit.broken)]), kit.voice("other")
    with pytest.raises(EngineError, match="it broke"):
        kit.replies(one, other)
    assert other.calls == []
