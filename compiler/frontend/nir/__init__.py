"""NIR files: read, discretised, lowered."""
