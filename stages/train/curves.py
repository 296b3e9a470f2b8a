"""Curves of loss and learning rate while a reading is trained, written by dvclive."""

import os
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

Rows = Sequence[tuple[float, float, float, float]]


class Curves:
    """The live curves of one reading in a folder: plots/metrics/loss.tsv and rate.tsv, a row per step.

    They are for watching; what is kept and versioned is steps.csv beside each adapter. A thread writes them, so that
    training waits neither for dvclive to be imported nor for its files; what it fails with is raised by `close`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown = folder, 0
        self.rows: SimpleQueue[tuple[bool, Rows] | None] = SimpleQueue()
        self.error: Exception | None = None
        self.thread = Thread(target=self.write, daemon=True)
        self.thread.start()

    def show(self, log: Rows) -> None:
        """Add the rows that are not there yet; begin anew where the log went back to a checkpoint."""
        anew = len(log) <= self.shown
        self.rows.put((anew, log[0 if anew else self.shown :]))
        self.shown = len(log)

    def close(self) -> None:
        """Wait until all is written; raises what writing has failed with."""
        self.rows.put(None)
        self.thread.join()
        if self.error:
            raise self.error

    def write(self) -> None:
        """The life of the thread: write what is shown until the end."""
        live: Any = None
        try:
            live = self.open()
            while (shown := self.rows.get()) is not None:
                if shown[0]:
                    live.end()
                    live = self.open()
                add(live, shown[1])
            live.end()
        except Exception as error:
            self.error = error

    def open(self) -> Any:
        """Begin with empty files."""
        os.environ.setdefault("DVC_STUDIO_OFFLINE", "true")
        from dvclive import Live

        return Live(str(self.folder), save_dvc_exp=False, dvcyaml=None)


def add(live: Any, rows: Rows) -> None:
    """Write some steps."""
    for step, tokens, rate, loss in rows:
        live.step = int(step)
        for name, value in (("loss", loss), ("rate", rate), ("tokens", tokens)):
            live.log_metric(name, value)
    live.make_summary()
