"""Figures of reports, a subject a module: each asks the views and fills sections."""
