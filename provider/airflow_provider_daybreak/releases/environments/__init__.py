"""Virtual environments: locked, built by uv, verified."""
