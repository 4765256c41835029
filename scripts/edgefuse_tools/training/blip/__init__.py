"""Training of the small BLIP on easy-VQA: vision encoder first, then captioning and answering together."""
