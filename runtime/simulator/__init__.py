"""Compiled kernels, what they may be called with, where they are kept, and their twins in numpy."""
