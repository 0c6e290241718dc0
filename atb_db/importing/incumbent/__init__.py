"""The incumbent's PostgreSQL: read in one snapshot, its times by a zone that the operator names, its books replayed."""
