"""The stages of the pipeline, each run as `python -m stages.NAME`."""

import os

# Threads that wait for each other by spinning long make training many times slower while any other program runs; not
# spinning at all costs a fifth on a quiet machine. A short spin loses little either way (tokens/s on two cores, quiet
# and beside another program: default 200 and 8-60, none 148 and 110, this 183 and 83).
# Read by OpenMP when torch is first imported, so it is set before any stage is.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
