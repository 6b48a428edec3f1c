"""Plain values: trees, merging them, limits, secrets, and what travels from a source to a subscriber."""
