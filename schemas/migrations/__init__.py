"""Alembic's migrations; `schemas.database.upgrade` runs them."""
