"""Boxes, crops, the canonical face and the pose fit: pure geometry, numpy only."""
