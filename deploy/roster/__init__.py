"""`facepose roster`: rosters and seating plans into the tables, names into the vault."""
