"""Fixtures that any test may ask for: real servers, real weights."""

pytest_plugins = ["tests.fixtures_servers", "tests.fixtures_weights"]
