"""Let the transcriber of an agent's simulated speech-to-text hear the clips of its script, and write what it finds.

    python -m benchmarks.peers.record_transcriber agents/simulated.yaml tests/data/speech

Takes two minutes. Each word gets `end_of_turn`: how likely the turn is over after it, null where nothing is found. The
numbers are a real model's, of real sound; what a simulated transcriber simulates is the time that they take.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers.record_judge import save, tell
from vivavoce.bench import load_clips
from vivavoce.bench.listening import heard_after
from vivavoce.definition import load_agent
from vivavoce_api import Catalog


def main() -> None:
    """Write the script anew."""
    options: Any = load_agent(Path(sys.argv[1]), Catalog.installed()).stt.options
    script = json.loads(options.script.read_text())
    clips = load_clips(Path(sys.argv[2]), options.script)
    places = [(number, count) for number, clip in enumerate(clips) for count in range(1, len(clip.words) + 1)]
    heard = asyncio.run(heard_after(options.transcriber, clips, places, tell))
    for number, count in places:
        script[number][count - 1]["end_of_turn"] = heard.get((number, count))
    save(options.script, script)


if __name__ == "__main__":
    main()
