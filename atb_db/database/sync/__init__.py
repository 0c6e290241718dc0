"""For threads; `atb_db/database/aio` has the twin of each file."""
