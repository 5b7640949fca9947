"""One connection to a camera, from its url to sampled frames with their times."""
