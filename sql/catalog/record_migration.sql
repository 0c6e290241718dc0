-- Record what a migration's file says.
INSERT INTO public._atb_migration (id, checksum, adopted)
VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET checksum = excluded.checksum, begun_at = now(), adopted = excluded.adopted
