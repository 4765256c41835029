"""BLIP (captions, answers, retrieval): checkpoints to model folder."""
