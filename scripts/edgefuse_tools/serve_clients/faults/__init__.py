"""Overload, attack, kills and a soak of `edgefuse serve`: scripts/test_serve_faults.sh. Standard library only, and only
addresses of this machine."""
