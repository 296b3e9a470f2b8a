"""The embedded library: real books out of pinned packages."""
