"""One document, many formats."""
