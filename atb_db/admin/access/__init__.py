"""Who may do what: the three roles and their privileges."""
