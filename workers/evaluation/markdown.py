"""Reports (`facepose evaluate … --json`) as rows of Markdown tables, for docs/accuracy.md.

facepose evaluate pose --data DIR --json > pose.json
python -m workers.evaluation.markdown pose.json
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

Record = dict[str, Any]


def markdown(record: Record) -> Iterator[str]:
    """Yield the lines of a report: what was run, a table for each kind of group, the confusion."""
    models = " ".join(f"{k} {v}" for k, v in record["models"].items() if k != "networks")
    counts = ", ".join(f"{n} {name}" for name, n in record["counts"].items())
    yield f"{record['task']} on {record['format']}: {models}; {counts}"
    kinds: dict[tuple[str, ...], list[str]] = {}
    for group, measures in record["groups"].items():
        kinds.setdefault(tuple(measures), []).append(group)
    for names, groups in kinds.items():
        rows = [
            [_escaped(group), *(_cell(e) for e in measures.values()), str(_first(measures)["n"])]
            for group in groups
            for measures in [record["groups"][group]]
        ]
        yield from _table(["", *names, "n"], rows)
    if "confusion" in record:
        told = record["confusion"]
        rows = [
            [name, *map(str, row)]
            for name, row in zip(told["labelled"], told["counts"], strict=True)
        ]
        yield from _table(["labelled", *told["answered"]], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    yield "| " + " | ".join(_escaped(name) for name in head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _cell(estimate: Record) -> str:
    """Return `6.0 (4.4 to 7.7)`, three digits below 1, or a dash."""
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    if value is None:
        return "–"
    digits = 3 if abs(value) <= 1 else 1
    if low is None:
        return _number(value, digits)
    return f"{_number(value, digits)} ({_number(low, digits)} to {_number(high, digits)})"


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("0.") else text


def _first(measures: Record) -> Record:
    first: Record = next(iter(measures.values()))
    return first


def _escaped(name: str) -> str:
    return name.replace("|", "\\|")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        typer.echo("\n".join(markdown(json.loads(Path(path).read_text(encoding="utf-8")))) + "\n")
