"""What drops and empties, and what guards it."""
