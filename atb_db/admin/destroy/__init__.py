"""Commands that drop objects or empty tables, and their guards."""
