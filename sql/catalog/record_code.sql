-- Record which release made the code, and what it made.
INSERT INTO public._atb_code (release, objects)
VALUES ($1, $2)
    ON CONFLICT (singleton) DO UPDATE SET release = excluded.release, objects = excluded.objects, made_at = now()
