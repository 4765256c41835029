"""BLIP-2 with OPT or T5: checkpoint to model folder."""
