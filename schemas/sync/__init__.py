"""Site file → reference tables: upsert by slug, disable what left, never delete."""

from schemas.sync.report import SyncError, SyncReport
from schemas.sync.site import add_classes, add_proposed_seats, mask_bits, sync_site

__all__ = ["SyncError", "SyncReport", "add_classes", "add_proposed_seats", "mask_bits", "sync_site"]
