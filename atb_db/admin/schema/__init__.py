"""What the database is, compared with what it should be."""
