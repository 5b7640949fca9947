"""Reports as files: HTML for screens, PDF for paper, charts as SVG in both."""

from aggregator.reports.rendering.files import Format, ReportFile, render

__all__ = ["Format", "ReportFile", "render"]
