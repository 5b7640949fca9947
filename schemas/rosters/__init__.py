"""Rosters as files: OneRoster CSV sets and seating plans, read and checked, not yet stored."""
