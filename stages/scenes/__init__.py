"""Stage `scenes`: the densest passages of each book."""
