"""Clients that others wrote, against `edgefuse serve`: what scripts/test_serve.py runs."""
