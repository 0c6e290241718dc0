-- Forget what a migration's file said.
DELETE FROM public._atb_migration
 WHERE id = $1
