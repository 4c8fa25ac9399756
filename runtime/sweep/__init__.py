"""Trainings of one recipe with some numbers changed, each a process of its own in a folder of its own, here or on a cluster."""
