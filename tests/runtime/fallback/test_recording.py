"""A stream that can be read again, and what it keeps."""

import asyncio

import pytest

from vivavoce.fallback.recording import Recording


def recording(source, limit=100, notes=None):
    note = (lambda item: None) if notes is None else notes.append
    return Recording(source, limit=limit, weigh=len, on_item=note)


async def given(items, error=None):
    for item in items:
        await asyncio.sleep(0)
        yield item
    if error is not None:
        raise error


async def first(count, stream):
    items = [await anext(stream) for _ in range(count)]
    await stream.aclose()
    return items


def test_a_second_reader_has_it_from_the_start(kit):
    async def read():
        notes = []
        async with recording(given("abc"), notes=notes) as kept:
            assert await first(2, kept.replay()) == ["a", "b"]
            assert [item async for item in kept.replay()] == ["a", "b", "c"]
            assert kept.whole
        return notes

    assert kit.run(read) == ["a", "b", "c", None]


def test_what_the_source_raises_comes_after_what_it_gave(kit):
    async def read():
        async with recording(given("ab", LookupError("gone"))) as kept:
            stream = kept.replay()
            assert [await anext(stream), await anext(stream)] == ["a", "b"]
            with pytest.raises(LookupError, match="gone"):
                await anext(stream)

    kit.run(read)


def test_beyond_its_limit_it_forgets_what_was_read(kit):
    async def read():
        async with recording(given("abcdef"), limit=3) as kept:
            items = [item async for item in kept.replay()]
            return items, kept.whole

    assert kit.run(read) == (list("abcdef"), False)


def test_beyond_its_limit_it_waits_for_a_reader(kit):
    async def read():
        notes = []
        async with recording(given("abcdef"), limit=3, notes=notes) as kept:
            await asyncio.sleep(1)
            before = list(notes)
            assert kept.whole
            assert len([item async for item in kept.replay()]) == 6
        return before

    assert kit.run(read) == ["a", "b", "c"]
