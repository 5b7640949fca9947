"""`${NAME}` in a site file: a secret that stands in the environment and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from schemas.errors import SettingsError

PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def placeholder_names(text: str) -> tuple[str, ...]:
    """Names of the environment variables that `text` needs, each once."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


def filled(text: str, environ: Mapping[str, str], whose: str) -> str:
    """`text` with its placeholders filled. A secret: never log it, never store it.

    Raises:
        SettingsError: a named environment variable is not set.
    """
    missing = [name for name in placeholder_names(text) if name not in environ]
    if missing:
        raise SettingsError(f"{whose} needs the environment variable {', '.join(missing)}")
    return PLACEHOLDER.sub(lambda match: environ[match[1]], text)
