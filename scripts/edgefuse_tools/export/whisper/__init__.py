"""Whisper: checkpoint to model folder."""
