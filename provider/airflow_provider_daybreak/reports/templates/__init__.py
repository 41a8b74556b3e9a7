"""Templates: rendered in a sandbox, and what they may call."""
