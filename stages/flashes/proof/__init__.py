"""Proof of the stage: truths and junk are planted, and what it finds of them is counted."""
