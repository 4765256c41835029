"""Vision-language models: SmolVLM and Idefics3."""
