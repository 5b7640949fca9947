"""What a user can set, run or watch is told in README.md or docs/: nothing is forgotten there."""

import re
from pathlib import Path

import pytest
import typer
from prometheus_client import CollectorRegistry

from aggregator.metrics import AggregatorMetrics
from aggregator.reports.metrics import ReportMetrics
from deploy import exit_codes
from deploy.cli import app
from ingest.metrics import IngestMetrics
from schemas import settings as settings_module
from schemas import streams
from schemas.settings import Settings
from workers.metrics import WorkerMetrics
from workers.user_weights import USER_FILES
from workers.weights import CACHE_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TOLD = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
OPERATION = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", TOLD))


def visible_commands(group=None, before="facepose"):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from visible_commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def rows(text: str, pattern: str) -> list[str]:
    """What `pattern` finds in the first column of the tables in `text`."""
    return re.findall(rf"^\| `({pattern})`", text, flags=re.MULTILINE)


def setting_names() -> set[str]:
    names = {str(field.validation_alias) for field in Settings.model_fields.values()}
    return names | {CACHE_VARIABLE, *(file.variable for file in USER_FILES.values())}


def metric_names() -> set[str]:
    """As Prometheus shows them."""
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    AggregatorMetrics(registry)
    IngestMetrics(registry)
    ReportMetrics(registry)
    return {f"{f.name}_total" if f.type == "counter" else f.name for f in registry.collect()}


def stream_names() -> set[str]:
    names = {
        streams.frames_stream("CAMERA"),
        streams.frames_stream("CAMERA", "RUN"),
        streams.faces_stream("ROOM"),
        streams.faces_stream("ROOM", "RUN"),
        streams.dead_stream(),
    }
    return {name.replace(f"{{{streams.DEFAULT_PARTITION}}}", "{p}") for name in names}


def test_there_is_something_to_check():
    assert len(list(visible_commands())) >= 12
    assert len(setting_names()) >= 12
    assert len(metric_names()) >= 20


@pytest.mark.parametrize("command", list(visible_commands()))
def test_every_command_is_told(command):
    assert f"`{command}" in TOLD or f"bin/{command}" in TOLD


def test_the_table_of_commands_names_all_and_no_other():
    told = rows(OPERATION, "facepose [a-z ]+")
    assert sorted(told) == sorted(visible_commands())


@pytest.mark.parametrize("name", sorted(setting_names()))
def test_every_setting_is_told(name):
    assert name in WORDS


def test_the_tables_of_settings_name_all_and_no_other():
    assert set(rows(OPERATION, "[A-Z][A-Z_]+")) == setting_names()
    assert set(rows(settings_module.__doc__, "[A-Z][A-Z_]+")) == setting_names()


def test_the_defaults_of_the_settings_are_the_told_ones():
    told = dict(re.findall(r"^\| `([A-Z_]+)` \|.*\| `?([^|`]+?)`? \|$", OPERATION, re.MULTILINE))
    for field in Settings.model_fields.values():
        if isinstance(field.default, int | float | str):
            default = field.default if isinstance(field.default, str) else f"{field.default:g}"
            assert told[str(field.validation_alias)] == default


@pytest.mark.parametrize("name", sorted(stream_names()))
def test_every_stream_is_told(name):
    assert f"`{name}`" in TOLD


def test_the_table_of_streams_names_all_and_no_other():
    told_in_code = rows(streams.__doc__, "[a-z]+:[^`]+")
    assert rows(OPERATION, "[a-z]+:[^`]+") == told_in_code
    assert stream_names() <= set(told_in_code)


@pytest.mark.parametrize("name", sorted(metric_names()))
def test_every_metric_is_told(name):
    assert name in WORDS


def test_the_table_of_metrics_names_all_and_no_other():
    assert set(rows(OPERATION, "facepose_[a-z_]+")) == metric_names()


def test_every_exit_status_is_told():
    statuses = {v for k, v in vars(exit_codes).items() if k.isupper()}
    told = {int(n) for n in re.findall(r"^\| (\d+) \|", OPERATION, flags=re.MULTILINE)}
    assert statuses | {130} == told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [target for target in targets if not (page.parent / target).exists()] == []
