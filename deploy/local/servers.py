"""The servers that run on one machine without being installed: PostgreSQL and Valkey."""

from __future__ import annotations

from deploy.local.postgres import EmbeddedPostgres
from deploy.local.state_folder import FolderLock
from deploy.local.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "FolderLock"]
