"""The stages of the pipeline, each run as `python -m stages.NAME`."""

import os

# Threads that wait for each other by spinning make training five times slower while any other program runs.
# Read by OpenMP when torch is first imported, so it is set before any stage is.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
