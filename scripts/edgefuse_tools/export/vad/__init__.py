"""Silero VAD: weights to model folder."""
