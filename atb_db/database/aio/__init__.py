"""For asyncio; `atb_db/database/sync` has the twin of each file, with the docstrings."""
