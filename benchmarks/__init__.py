"""Benchmarks: what this project costs beside the tools people would otherwise use; `make bench` runs them all."""
