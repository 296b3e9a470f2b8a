"""One progress line: live on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from types import TracebackType

from tqdm import tqdm

QUIET_SECONDS = 10.0


class Progress:
    """Counts `total` items; shows done/total, rate and time left on stderr.

    Use as a context manager and call `step()` after each item; `note` is shown behind the count.
    """

    def __init__(self, label: str, total: int, unit: str = "book") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done, self.start, self.told = 0.0, time.monotonic(), time.monotonic()
        self.bar = tqdm(total=total, desc=label, unit=unit, dynamic_ncols=True) if sys.stderr.isatty() else None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.total:
            self.tell("")

    def step(self, count: float = 1, note: str = "") -> None:
        """Count `count` more items."""
        self.done += count
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(count)
        elif time.monotonic() - self.told >= QUIET_SECONDS:
            self.tell(note)

    def tell(self, note: str) -> None:
        """Print the plain line."""
        self.told = time.monotonic()
        seconds = max(self.told - self.start, 1e-9)
        rate = self.done / seconds
        left = (self.total - self.done) / rate if rate else 0.0
        tail = f", {left:.0f} s left" if self.done < self.total else f", {seconds:.0f} s"
        line = f"{self.label} {self.done:.0f}/{self.total} {self.unit}s, {rate:.2f}/s{tail}"
        print(f"{line} {note}".rstrip(), file=sys.stderr, flush=True)
