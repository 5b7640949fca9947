"""YAML with the line of every value, so that a mistake can be shown where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

Place = tuple[str | int, ...]


class DuplicateKeyError(yaml.YAMLError):
    """The same key stands twice in one mapping; YAML itself would keep the last silently."""


def parse(text: str) -> tuple[Any, dict[Place, int]]:
    """The document in `text` and the line (from 1) of each value in it, by its path.

    Raises:
        yaml.YAMLError: not YAML, or a key stands twice.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    lines: dict[Place, int] = {}
    if node is not None:
        _walk(node, (), lines)
    return yaml.safe_load(text), lines


def line_of(lines: dict[Place, int], place: Sequence[str | int]) -> int:
    """The line of the deepest part of `place` that stands in the file."""
    path = tuple(place)
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _walk(node: yaml.Node, path: Place, lines: dict[Place, int]) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*path, index), lines)
    elif isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            place = (*path, str(key.value))
            if place in lines:
                raise DuplicateKeyError(
                    f"line {key.start_mark.line + 1}: {key.value!r} stands twice"
                )
            _walk(child, place, lines)
            lines[place] = key.start_mark.line + 1
