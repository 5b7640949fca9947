"""Faces to windows to meetings to people."""
