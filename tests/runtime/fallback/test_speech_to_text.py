"""Ears that take over from each other: who does gets the whole utterance."""

import asyncio

import pytest

from vivavoce_api import AudioChunk, EngineError, Flush, SessionContext, Transcript

CHUNK = AudioChunk.silence(20, 16_000)


async def spoken(*parts, after=None):
    """Chunks in real time for so many ms, flushes, and pauses (as strings, in ms)."""
    for part in parts:
        if isinstance(part, Flush):
            yield part
        elif isinstance(part, str):
            await asyncio.sleep(float(part) / 1000)
        else:
            for _ in range(part // 20):
                await asyncio.sleep(0.02)
                yield CHUNK
    if after is not None:
        raise after


def text_of(transcript):
    return transcript.text, transcript.final


def listen(kit, engines, *parts, utterances=1, after=None, max_turn_s=60.0, told=text_of):
    """(ms, text, final) of every transcript, or what else is told of it, and the engine's states."""

    async def all_of_it():
        engine = kit.in_a_list(*engines, max_turn_s=max_turn_s)
        await engine.load()
        session = await engine.open_session(SessionContext("s"))
        try:
            for _ in range(utterances):
                heard = [(kit.now_ms(), *told(one)) async for one in session.transcribe(spoken(*parts, after=after))]
            return heard, engine.members.states()
        finally:
            await session.close()
            await engine.close()

    return kit.run(all_of_it)


def test_without_a_fault_only_the_first_listens(kit):
    other = kit.ear("other")
    heard, _ = listen(kit, [kit.ear("one"), other], 400, Flush(), "500")
    assert heard == [(500, "one 400", False), (1000, "one 400", True)]
    assert other.calls == []


def test_one_that_breaks_before_the_flush_is_followed_with_all_audio(kit):
    heard, states = listen(kit, [kit.ear("one", [kit.broken]), kit.ear("other")], 400, Flush(), "500")
    assert heard == [(500, "other 400", False), (1000, "other 400", True)]
    assert states[0]["state"] == "resting"


def test_one_that_breaks_in_mid_utterance_is_followed_with_all_audio(kit):
    engines = [kit.ear("one", [(1, kit.broken)]), kit.ear("other")]
    heard, _ = listen(kit, engines, 400, Flush(), 400, Flush(), "500")
    texts = [text for _, text, _ in heard]
    assert texts[0] == "one 400"
    assert texts[-2:] == ["other 800", "other 800"]
    assert [final for *_, final in heard] == [False] * (len(heard) - 1) + [True]


def test_the_deadline_counts_from_the_flush(kit):
    one, other = kit.ear("one", [kit.hang]), kit.ear("other")
    heard, _ = listen(kit, [kit.member(one, deadline_s=0.5), other], 4000, Flush(), 400, "1000")
    assert other.calls == [4500]
    assert heard[0][:2] == (4600, "other 4000")
    assert heard[-1][1:] == ("other 4400", True)
    assert one.running == 0


def test_the_deadline_counts_from_the_end_of_the_audio(kit):
    other = kit.ear("other", partials=False)
    engines = [kit.member(kit.ear("one", [kit.hang], partials=False), deadline_s=0.5), other]
    heard, _ = listen(kit, engines, 4000)
    assert other.calls == [4500]
    assert heard == [(4600, "other 4000", True)]


def test_one_that_answers_in_time_is_kept_however_long_the_utterance(kit):
    other = kit.ear("other")
    parts = [part for _ in range(20) for part in (400, Flush(), "200")]
    heard, _ = listen(kit, [kit.member(kit.ear("one"), deadline_s=0.15), other], *parts)
    assert other.calls == []
    assert len(heard) == 21


def test_flushes_that_a_later_one_made_idle_are_not_replayed(kit):
    other = kit.ear("other")
    parts = [400, Flush(), 400, Flush(), 400, Flush(), "900"]
    listen(kit, [kit.member(kit.ear("one", [kit.hang]), deadline_s=1.0), other], *parts)
    assert other.flushes == 1


def test_one_without_partials_that_takes_over_answers_flushes_by_whole_passes(kit):
    other = kit.ear("other", partials=False)
    heard, _ = listen(kit, [kit.ear("one", [kit.broken]), other], 400, Flush(), "300", 400, Flush(), "300")
    assert heard == [(500, "other 400", False), (1200, "other 800", False), (1400, "other 800", True)]
    assert len(other.calls) == 2  # the final repeats the answered flush


def test_whole_passes_say_how_likely_the_turn_is_over(kit):
    other = kit.ear("other", partials=False, end_of_turn=0.75)
    engines = [kit.ear("one", [kit.broken]), other]
    heard, _ = listen(kit, engines, 400, Flush(), "300", told=lambda one: (one.final, one.end_of_turn))
    assert [told for _, *told in heard] == [[False, 0.75], [True, 0.75]]


def test_what_comes_after_the_last_flush_is_in_the_final(kit):
    other = kit.ear("other", partials=False)
    heard, _ = listen(kit, [kit.ear("one", [kit.broken]), other], 400, Flush(), 400)
    assert heard[-1][1:] == ("other 800", True)


def test_what_is_known_is_not_taken_back(kit):
    other = kit.ear("other")

    async def listen_eagerly(audio):
        yield Transcript("oth", 20)
        async for item in answer(audio):
            yield item

    answer, other.listen = other.listen, listen_eagerly
    heard, _ = listen(kit, [kit.ear("one", [(1, kit.broken)]), other], 400, Flush(), "500")
    assert [text for _, text, _ in heard] == ["one 400", "other 400", "other 400"]


def test_a_stream_without_a_final_is_a_failure(kit):
    one = kit.ear("one")

    async def nothing(audio):
        async for _ in audio:
            pass
        return
        yield

    one.listen = nothing
    heard, _ = listen(kit, [one, kit.ear("other")], 400)
    assert heard == [(500, "other 400", True)]


def test_an_utterance_longer_than_a_turn_may_be_cannot_be_taken_over(kit):
    one, other = kit.ear("one", [(1, kit.broken)]), kit.ear("other")
    with pytest.raises(EngineError, match="it broke"):
        listen(kit, [one, other], 8000, Flush(), "500", max_turn_s=1)
    assert other.calls == []


def test_an_error_of_the_audio_comes_through(kit):
    other = kit.ear("other")
    with pytest.raises(LookupError, match="line"):
        listen(kit, [kit.ear("one"), other], 400, after=LookupError("the line broke"))
    assert other.calls == []


def test_the_session_is_ready_for_the_next_utterance(kit):
    one, other = kit.ear("one", [kit.broken]), kit.ear("other")
    heard, _ = listen(kit, [one, other], 3000, Flush(), "200", utterances=2)
    assert heard[-1][1:] == ("one 3000", True)
