"""How log records look on a terminal."""

from __future__ import annotations

import logging

from rich.logging import RichHandler

from vivavoce.cli.output import error_console


def configure_logging(*, debug: bool) -> None:
    """Log to standard error: warnings of all, and what vivavoce itself tells; with tracebacks only for `debug`."""
    handler = RichHandler(console=error_console(), show_path=False, rich_tracebacks=False)
    if not debug:
        handler.addFilter(_without_traceback)
    logging.basicConfig(format="%(message)s", datefmt="[%X]", handlers=[handler])
    logging.getLogger("vivavoce").setLevel(logging.DEBUG if debug else logging.INFO)


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        record.msg = f"{record.getMessage()} ({type(error).__name__}: {error}; --debug shows where)"
        record.args = None
    record.exc_info = record.exc_text = record.stack_info = None
    return True
