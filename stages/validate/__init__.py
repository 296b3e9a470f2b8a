"""The gate: the rules that every scene must keep, and what a person decided about scenes."""
