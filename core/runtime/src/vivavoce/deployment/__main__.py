"""Serve the agent that `VIVAVOCE_AGENT` names, on all interfaces, at `PORT` (8000); see `Containerfile`."""

import os
import sys

from vivavoce.deployment.container import application, log_to_standard_error
from vivavoce.deployment.serving import serve_to_the_end
from vivavoce_api import VivavoceError


def main() -> None:
    """Serve until a signal comes; exit with 1 and words on an error."""
    log_to_standard_error()
    try:
        serve_to_the_end(application(), "0.0.0.0", int(os.environ.get("PORT", "8000")))
    except VivavoceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


main()
