"""Search by vectors: edgefuse beside usearch and sqlite-vec."""
