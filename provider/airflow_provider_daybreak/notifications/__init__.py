"""What to tell whom when a task or Dag ends."""
