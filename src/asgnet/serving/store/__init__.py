"""What the server keeps, in one folder: an SQLite index, and files that are written whole or not at all."""
