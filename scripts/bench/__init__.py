"""The benchmark of edgefuse against other engines: scripts/bench_peers.py."""
