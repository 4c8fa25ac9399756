"""The network: populations over grids of named axes, their synapses, and what the host plays and reads. The same record before and after lowering."""
