"""The ways to the angles of a head; one a file, found by name (`workers.choices`)."""
