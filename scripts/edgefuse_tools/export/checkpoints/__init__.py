"""Reads checkpoints: safetensors, PyTorch and CTranslate2 files, and folders on the Hugging Face hub."""
