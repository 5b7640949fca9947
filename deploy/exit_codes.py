"""Exit statuses of the `facepose` command (sysexits.h where it has a word for it)."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1  # it ran, and something did not work (an unreadable picture, a failed check)
USAGE: Final = 2  # wrong command line
UNAVAILABLE: Final = 69  # a server, a port, a folder or a disk cannot be had
CONFIG: Final = 78  # a setting or the site file is wrong: starting again would not help
