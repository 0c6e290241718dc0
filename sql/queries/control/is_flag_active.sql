-- Whether a control flag is active now; one that was never set is not.
SELECT EXISTS (SELECT FROM system_control_flags WHERE name = :name AND active) AS is_active
