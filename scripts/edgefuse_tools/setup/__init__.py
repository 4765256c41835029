"""Fetches and builds what the repository does not hold: Python packages, ONNX Runtime, weights, model folders.

Standard library only: this runs before anything is installed.
"""
