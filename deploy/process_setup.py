"""What every `facepose` process sets up first: logs and the wish to stop."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType
from typing import Literal, TextIO, cast

import structlog

from deploy.stop_wish import StopWish
from schemas.settings import Settings, load_settings


class _StandardError:
    """Whatever standard error is when a line is written: loggers outlive a redirection."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(log_format: Literal["text", "json"] = "text") -> None:
    """Send structlog's sentences to standard error, as text for people or JSON for machines."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # never the values of variables
        )
    )
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if log_format == "json":
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )


def stop_on_signals() -> StopWish:
    """An event that SIGINT and SIGTERM set; a second SIGINT ends the process the hard way."""
    stop = StopWish()

    def ask_to_stop(signum: int, _frame: FrameType | None) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def process_settings() -> Settings:
    """The settings in force, with the logs set up as they say.

    Raises:
        SettingsError: every wrong variable by its name.
    """
    settings = load_settings()
    configure_logs(settings.log_format)
    return settings
