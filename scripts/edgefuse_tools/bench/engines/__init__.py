"""One module per engine, each with `load(options) -> Engine`, imported only in the engine's own process."""
