"""Reading checkpoints and building the first graph."""
