"""The command line's groups, and what is printed for people."""
