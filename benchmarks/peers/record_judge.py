"""Ask the reader of an agent's simulated judge about its script, and write the answers into it. Takes half a minute.

    python -m benchmarks.peers.record_judge agents/simulated.yaml

Each word gets `over`: how likely the utterance is over after it. The numbers are a real model's; what a simulated judge
simulates is the time that they take.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from vivavoce.bench.rehearsal import asked
from vivavoce.definition import load_agent
from vivavoce_api import Catalog


def main() -> None:
    """Write the script anew."""
    definition = load_agent(Path(sys.argv[1]), Catalog.installed())
    options: Any = getattr(definition.completeness, "options", None)
    script = json.loads(options.script.read_text())
    texts = {
        (number, count): " ".join(word["word"] for word in turn[: count + 1])
        for number, turn in enumerate(script)
        for count in range(len(turn))
    }
    answers = asyncio.run(asked(options.reader, definition.instructions, texts, tell))
    for (number, count), over in answers.items():
        script[number][count]["over"] = over
    save(options.script, script)


def save(path: Path, script: list[list[dict[str, Any]]]) -> None:
    """Write a script, a word a line."""
    turns = [",\n".join(f"    {json.dumps(word, ensure_ascii=False)}" for word in turn) for turn in script]
    path.write_text("[\n" + ",\n".join(f"  [\n{turn}\n  ]" for turn in turns) + "\n]\n")


def tell(step: str, done: int, total: int) -> None:
    """Print how far it is."""
    print(f"\r{step}: {done} of {total} ", end="" if done < total else "\n", file=sys.stderr)


if __name__ == "__main__":
    main()
