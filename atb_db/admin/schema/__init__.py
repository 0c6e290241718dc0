"""The schema of a database, compared with what it should be."""
