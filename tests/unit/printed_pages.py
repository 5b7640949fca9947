"""What stands in a PDF, read back with PDFium: text, tags, language."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium


class Tag(NamedTuple):
    """An element of a page's structure: its kind and what stands for a picture in it."""

    kind: str
    alt: str


class Printed:
    """A PDF's pages.

    Attributes:
        texts: of each page, without any space: a line's end is no difference.
        tags: of each page, in reading order.
    """

    def __init__(self, content: bytes) -> None:
        document = pypdfium2.PdfDocument(content)
        self.title: str = document.get_metadata_dict()["Title"]
        self.made: str = document.get_metadata_dict()["CreationDate"]
        self.tagged = bool(pdfium.FPDFCatalog_IsTagged(document.raw))
        self.language = _string(pdfium.FPDFCatalog_GetLanguage, document.raw)
        self.sizes = [document[i].get_size() for i in range(len(document))]
        self.texts = [
            bare(document[i].get_textpage().get_text_range()) for i in range(len(document))
        ]
        self.tags = [list(_tags(document[i])) for i in range(len(document))]
        self.text = "".join(self.texts)
        document.close()


def bare(text: str) -> str:
    """Text without white space and marks that no reader sees."""
    return "".join(c for c in text if not c.isspace() and c not in "\u200b\u00ad\ufffe")


def _tags(page: pypdfium2.PdfPage) -> Iterator[Tag]:
    tree = pdfium.FPDF_StructTree_GetForPage(page.raw)
    for i in range(pdfium.FPDF_StructTree_CountChildren(tree)):
        yield from _below(pdfium.FPDF_StructTree_GetChildAtIndex(tree, i))
    pdfium.FPDF_StructTree_Close(tree)


def _below(element: object) -> Iterator[Tag]:
    yield Tag(
        _string(pdfium.FPDF_StructElement_GetType, element),
        _string(pdfium.FPDF_StructElement_GetAltText, element),
    )
    for i in range(pdfium.FPDF_StructElement_CountChildren(element)):
        child = pdfium.FPDF_StructElement_GetChildAtIndex(element, i)
        if child:
            yield from _below(child)


def _string(function: object, of: object) -> str:
    """A string as PDFium gives it: its size first, then UTF-16."""
    size = function(of, None, 0)  # type: ignore[operator]
    room = ctypes.create_string_buffer(size)
    function(of, ctypes.cast(room, ctypes.POINTER(ctypes.c_ushort)), size)  # type: ignore[operator]
    return room.raw.decode("utf-16-le").rstrip("\0")
