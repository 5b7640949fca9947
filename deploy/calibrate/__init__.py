"""`facepose calibrate`: the direction of the front, set by hand, and what is in force."""
