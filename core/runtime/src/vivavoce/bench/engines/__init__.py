"""Benchmarks of one engine at a time: the voice, the ear or the language model of an agent, in this process.

All drive an engine through its contract, as a conversation does, without turn taking, network and sound devices.
`measure_voice`, `measure_hearing` and `measure_model` say what each figure means. What is measured is warm: the
engine is loaded, and did the same once, unmeasured. An engine whose weights are random, or that is simulated, is
called so in every table.
"""

from vivavoce.bench.engines.hearing import measure_hearing
from vivavoce.bench.engines.machine import machine
from vivavoce.bench.engines.model import measure_model
from vivavoce.bench.engines.naming import engine_name, pretence
from vivavoce.bench.engines.published import PUBLISHED, published_table
from vivavoce.bench.engines.report import EngineReport, Line
from vivavoce.bench.engines.results import write_results
from vivavoce.bench.engines.table import report_cells, rich_table
from vivavoce.bench.engines.voice import measure_voice
from vivavoce_api.word_errors import WordErrors, count_word_errors

__all__ = [
    "PUBLISHED",
    "EngineReport",
    "Line",
    "WordErrors",
    "count_word_errors",
    "engine_name",
    "machine",
    "measure_hearing",
    "measure_model",
    "measure_voice",
    "pretence",
    "published_table",
    "report_cells",
    "rich_table",
    "write_results",
]
