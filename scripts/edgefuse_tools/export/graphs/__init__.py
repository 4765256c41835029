"""Builds ONNX graphs node by node, with their weights in fp32, fp16, int8 or q8."""
