"""What scripts/test_aarch64.sh needs besides the shell."""
