"""What a preset takes at its real size: work counted, its parts measured or counted, hours and bytes from both."""
