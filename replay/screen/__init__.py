"""What a terminal showed: screens, by libghostty-vt in a child process, from recorded bytes."""
