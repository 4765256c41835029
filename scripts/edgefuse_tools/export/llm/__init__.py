"""Decoder-only language models, from Hugging Face folders and GGUF files."""
