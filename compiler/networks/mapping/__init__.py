"""From a scheduled network to slices on cores: stacks, cuts, packing, places, traffic and cost."""
