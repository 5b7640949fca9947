"""Looking for a data set's files, and saying what is there instead."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as ET

from workers.evaluation.errors import DataFormatError, LabelError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
MAX_TEXT_BYTES = 512 * 1024 * 1024
_LOOKED_AT = 20_000


def folder_of(data: Path) -> Path:
    """Return the folder itself, or the folder of a label file."""
    return data if data.is_dir() else data.parent


def matching(data: Path, pattern: str) -> Iterator[Path]:
    """Yield the files of that name pattern below a folder, sorted; of a file, itself if it fits."""
    if data.is_dir():
        yield from sorted(path for path in data.rglob(pattern) if path.is_file())
    elif data.match(pattern):
        yield data


def first_matching(data: Path, pattern: str) -> Path | None:
    """Return any one such file, without listing them all."""
    if not data.is_dir():
        return data if data.match(pattern) else None
    return next((path for path in data.rglob(pattern) if path.is_file()), None)


def picture_beside(path: Path, stem: str | None = None) -> Path | None:
    """Return the picture with a label file's name (or another stem) in its folder, if any."""
    for suffix in PICTURES:
        for written in (suffix, suffix.upper()):
            picture = path.with_name((stem or path.stem) + written)
            if picture.exists():
                return picture
    return None


def read_text(path: Path) -> str:
    """Return a label file's text.

    Raises:
        LabelError: not readable, not text, or too large to be one.
    """
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise LabelError(f"{path}: larger than {MAX_TEXT_BYTES // 2**20} MiB: no label file")
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as exc:
        raise LabelError(f"{path}: cannot be read: {exc.strerror or exc}") from exc


def read_xml(path: Path) -> ET.Element:
    """Return the root of an XML file without a document type (entities could grow without end).

    Raises:
        LabelError: not XML, or with a document type.
    """
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise LabelError(f"{path}: has a document type or entities, which label files do without")
    # The text is already decoded, so a declared encoding would be a contradiction.
    body = text.split("?>", 1)[1] if text.lstrip().startswith("<?xml") and "?>" in text else text
    try:
        return ET.fromstring(body)  # noqa: S314  without a document type nothing is expanded
    except ET.ParseError as exc:
        raise LabelError(f"{path}: not XML: {exc}") from exc


def xml_root_name(path: Path) -> str:
    """Return the name of the root element; empty for what is no XML."""
    try:
        return read_xml(path).tag
    except LabelError:
        return ""


def what_is_there(data: Path) -> str:
    """Return a sentence about what lies at a path, for errors."""
    if not data.exists():
        return "there is no such file or folder"
    if not data.is_dir():
        return f"it is a file of {data.stat().st_size} bytes"
    paths = list(islice(data.rglob("*"), _LOOKED_AT))
    suffixes = Counter(path.suffix.lower() or "no suffix" for path in paths if path.is_file())
    folders = sorted(path.name for path in paths if path.is_dir() and path.parent == data)
    if not suffixes and not folders:
        return "the folder is empty"
    most = sorted(suffixes.items(), key=lambda kind: (-kind[1], kind[0]))[:6]
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in most) or "no files"
    named = f"; folders {', '.join(folders[:6])}{', …' if len(folders) > 6 else ''}"
    return f"found {kinds}{named if folders else ''}"


def need(found: list[Path], data: Path, expected: str) -> list[Path]:
    """Return the paths, or raise DataFormatError where there are none."""
    if not found:
        raise DataFormatError(f"{data}: expected {expected}; {what_is_there(data)}")
    return found
