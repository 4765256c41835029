"""Training of the small BLIP on easy-VQA: first the vision encoder, then captioning and answering together."""
