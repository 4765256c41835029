"""Parts of `evaluate_easyvqa`: the binary, the spoken test questions, the figures."""
