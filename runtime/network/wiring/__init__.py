"""How one population reaches another, as rules instead of lists of synapses: `Dense`, `Join`, `Sparse`."""

from tritspike.runtime.network.wiring.dense import Dense
from tritspike.runtime.network.wiring.join import Join
from tritspike.runtime.network.wiring.sparse import Sparse

Wiring = Dense | Join | Sparse

__all__ = ["Dense", "Join", "Sparse", "Wiring"]
