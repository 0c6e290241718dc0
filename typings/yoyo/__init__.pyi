# The part of yoyo-migrations that atb_db uses.
