"""The language model beside llama.cpp, on the same GGUF file."""
