"""Measures what a choice costs: precisions, and ONNX Runtime's memory arena."""
