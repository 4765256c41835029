"""What scripts/test_processors.sh and scripts/test_aarch64.sh need besides their own lines."""
