"""The proof of the instrument: synthetic studies with a known truth, and learning curves that others measured."""
