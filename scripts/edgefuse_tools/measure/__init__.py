"""Measures the cost of precisions and of ONNX Runtime's memory arena."""
