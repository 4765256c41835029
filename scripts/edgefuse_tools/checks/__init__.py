"""Programs behind the shell scripts that check the binary (scripts/test_*.sh)."""
