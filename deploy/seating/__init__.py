"""`facepose seats`: the seats of a room, drawn or found, as a site-file block and as a drawing."""
