"""What is needed: read from each way of saying it."""
