"""A source that is a package: what installing it would make, beside the release instead of in its environment."""
