"""From a program to cores: slices under every limit of the profile, cores for slices, places for cores, and what it all costs."""
