"""Where the next voice goes on, and how its spans fit in."""

import pytest

from vivavoce.fallback.continuation import Continuation, SpansOfTheRest, continuation
from vivavoce_api import SpokenSpan

TEXT = "Take a deep breath.  And then\nlet go."


def words(text, ms=100.0):
    return [SpokenSpan(word, i * ms, (i + 1) * ms) for i, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("given_ms", "rest", "repeated"),
    [
        (0, TEXT, "Takeadeepbreath."),
        (200, " deep breath.  And then\nlet go.", "deepbreath."),
        (270, " breath.  And then\nlet go.", "breath."),  # all but 30 ms of "deep" was given
        (250, " deep breath.  And then\nlet go.", "deepbreath."),
        (400, "  And then\nlet go.", ""),
    ],
)
def test_it_goes_on_after_the_last_word_that_was_given_whole(given_ms, rest, repeated):
    found = continuation(TEXT, words("Take a deep breath."), given_ms)
    assert found is not None
    assert TEXT[found.text_from :] == rest
    assert found.repeated == len(repeated)


def test_a_clause_that_was_cut_off_is_said_again():
    spans = [SpokenSpan("Take a deep breath.", 0, 400), SpokenSpan("And then\nlet go.", 400, 700)]
    assert continuation(TEXT, spans, 600) == Continuation(TEXT.index("  And"), len("Andthenletgo."))


def test_spans_that_are_not_the_text_tell_nothing():
    assert continuation(TEXT, words("Take the deep"), 300) is None
    assert continuation(TEXT, [], 300) is None


def test_spans_of_the_rest_begin_later_and_without_what_was_announced():
    rest = SpansOfTheRest(1000, repeated=len("deep"))
    assert rest.fit(words("deep breath. And")) == (SpokenSpan("breath.", 1100, 1200), SpokenSpan("And", 1200, 1300))


def test_a_clause_of_the_rest_loses_the_words_that_were_announced():
    rest = SpansOfTheRest(1000, repeated=len("deep"))
    (span,) = rest.fit([SpokenSpan("deep breath.", 0, 1100)])
    assert (span.text, span.start_ms, span.end_ms) == ("breath.", 1400, 2100)


@pytest.mark.parametrize("given_ms", range(0, 1000, 50))
@pytest.mark.parametrize("second", ["words", "clause"])
def test_all_spans_together_are_the_text(given_ms, second):
    first = [span for span in words(TEXT) if span.start_ms < given_ms]
    found = continuation(TEXT, first, given_ms)
    if found is None:
        assert given_ms == 0
        return
    unsaid = TEXT[found.text_from :]
    spans = words(unsaid) if second == "words" or not unsaid.strip() else [SpokenSpan(unsaid.strip(), 0, 900)]
    joined = [*first, *SpansOfTheRest(given_ms, found.repeated).fit(spans)]
    assert " ".join(" ".join(span.text for span in joined).split()) == " ".join(TEXT.split())
