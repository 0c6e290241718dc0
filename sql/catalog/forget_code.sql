-- Forget which release made the code.
DELETE FROM public._atb_code
 WHERE singleton
