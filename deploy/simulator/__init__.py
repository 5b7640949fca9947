"""Simulated classroom cameras with exact ground truth."""
