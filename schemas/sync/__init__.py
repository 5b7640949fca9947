"""Site file → reference tables: upsert by slug, disable what left, never delete."""

from schemas.sync.report import SyncError, SyncReport
from schemas.sync.site import mask_bits, sync_site

__all__ = ["SyncError", "SyncReport", "mask_bits", "sync_site"]
