"""Scheduled networks on stock Lava: a plan of few processes, a job for a child of ours, and what it recorded as a `literal.Outcome`."""
