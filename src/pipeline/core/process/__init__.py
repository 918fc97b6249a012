"""A stage as a process: its lock, how it ends, what it reads from the environment, what a killed one left behind."""
