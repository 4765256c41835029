"""The benchmark of `edgefuse serve` against other servers: scripts/bench.py serve. Standard library only, but for what
prepares the weights."""
