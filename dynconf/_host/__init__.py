"""Where the one async core runs: a thread's loop or the caller's, through forks and the program's exit."""
