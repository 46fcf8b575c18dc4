"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from vivavoce_api.transport import ErrorNotice, Outgoing, TurnLatency

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_BUCKETS_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Metrics:
    """Counters of one server. Others may add their own collectors to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._open_sessions = Gauge("vivavoce_sessions_open", "Conversations being held now", registry=self.registry)
        self._sessions = Counter(
            "vivavoce_sessions", "Conversations, by how they ended", ["outcome"], registry=self.registry
        )
        self._turns = Counter("vivavoce_turns", "Turns that got an audible reply", registry=self.registry)
        self._latency = Histogram(
            "vivavoce_voice_to_voice_seconds",
            "Last voiced sample of the user to first audible sample of the reply, at the server",
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self._errors = Counter("vivavoce_error_notices", "Errors told to clients", registry=self.registry)
        self._bad_messages = Counter(
            "vivavoce_bad_messages", "Parts of client messages that could not be used", registry=self.registry
        )

    def show_status(self, status: Callable[[], Mapping[str, Any]]) -> None:
        """Show what an agent's `status` counts, too: wasted speculation, and plugins that took over from others."""
        self.registry.register(_StatusCollector(status))

    def session_opened(self) -> None:
        """A client was let in."""
        self._open_sessions.inc()

    def session_closed(self, outcome: str) -> None:
        """It is gone; `outcome` is one of a few fixed words."""
        self._open_sessions.dec()
        self._sessions.labels(outcome).inc()

    def sent(self, item: Outgoing) -> None:
        """`item` went to a client: turns, their latency and errors are counted as they pass."""
        match item:
            case TurnLatency():
                self._turns.inc()
                self._latency.observe(item.voice_to_voice_ms / 1000)
            case ErrorNotice():
                self._errors.inc()

    def bad_message(self) -> None:
        """A client sent something that could not be used."""
        self._bad_messages.inc()

    def exposition(self) -> bytes:
        """All values in Prometheus's text format."""
        return generate_latest(self.registry)


class _StatusCollector(Collector):
    """Reads an agent's status when it is asked; what a status doesn't have is left out."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status

    def describe(self) -> Iterator[Metric]:
        """Nothing: the names are the agent's business, and asking for them would count as a reading."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The current values."""
        status = self._status()
        if waste := status.get("speculation"):
            yield CounterMetricFamily(
                "vivavoce_speculations_wasted", "Replies begun in advance and thrown away", waste["wasted"]
            )
            yield CounterMetricFamily(
                "vivavoce_speculation_wasted_pieces", "Pieces of text in them", waste["wasted_pieces"]
            )
            yield CounterMetricFamily(
                "vivavoce_speculation_wasted_audio_seconds", "Sound in them", waste["wasted_audio_ms"] / 1000
            )
        if lists := status.get("fallbacks"):
            yield _takeovers(lists)
            yield _readiness(lists, status["engines"])


def _takeovers(lists: Mapping[str, Any]) -> Metric:
    family = CounterMetricFamily(
        "vivavoce_fallbacks", "Calls that a plugin took over from another", labels=["section", "from", "to", "reason"]
    )
    for section, takeovers in lists.items():
        for one in takeovers:
            family.add_metric([section, one["from"], one["to"], one["reason"]], one["count"])
    return family


def _readiness(lists: Mapping[str, Any], engines: Mapping[str, Any]) -> Metric:
    family = GaugeMetricFamily(
        "vivavoce_listed_engine_ready", "Whether a plugin of a list can be used now", labels=["section", "engine"]
    )
    for key, engine in engines.items():
        section = key.partition("[")[0]
        if section in lists:
            family.add_metric([section, engine["name"]], engine["state"] == "ready")
    return family
