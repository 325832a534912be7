"""What can be known about a program: what its blocks access, of what kind they are, what depends on what, its cost."""
