"""One module an engine, each with `load(options) -> Engine`. Modules are imported in the engine's own process only."""
