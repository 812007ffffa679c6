"""Pictures of computation graphs: what `Tensor.graph()` returns, from the tape to SVG."""

from weft.autograd.graph.picture import Graph as Graph
from weft.autograd.graph.picture import graph as graph
