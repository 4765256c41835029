"""Encoders (pictures, texts and sounds to vectors): checkpoints to model folder."""
