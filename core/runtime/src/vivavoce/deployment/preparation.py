"""Write what `vivavoce prepare` needs of an agent: `python -m vivavoce.deployment.preparation AGENT FOLDER`.

An image is built from that folder before the agent itself is added, so that editing instructions builds nothing anew.
"""

import shutil
import sys
from pathlib import Path

from vivavoce.definition import load_agent
from vivavoce.deployment.agent_service import agent_service
from vivavoce_api import Catalog, VivavoceError


def write_preparation(agent: Path, folder: Path) -> Path:
    """Write the engine sections, and the files that they name; returns the path to prepare. Raises `VivavoceError`."""
    service = agent_service(load_agent(agent, Catalog.installed()), sessions=1)
    for file in service.preparation:
        place = folder / file.place
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.path, place)
    return folder / service.prepared


def main() -> None:
    """The command."""
    try:
        print(write_preparation(Path(sys.argv[1]), Path(sys.argv[2])))
    except VivavoceError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
