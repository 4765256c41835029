"""Running a command under a limit of memory."""
