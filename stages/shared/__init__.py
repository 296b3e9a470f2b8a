"""What two or more stages need, in modules named for a thing."""
