"""What is kept of lessons that are over: daily curves, retention, and the state of the database."""
