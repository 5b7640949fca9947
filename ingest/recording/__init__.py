"""Films of lessons that are over, through the same pipeline as a run of their own."""
