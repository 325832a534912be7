"""How long threads of this process waited for a processor that others had, by which disturbed samples are known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

SHARE = 0.02
"""A sample is disturbed if threads waited for more than this part of it in all."""


class Waits:
    """The waiting time of the threads that there are now, as Linux counts it; 0 where it does not.

    Files are kept open: reading one takes a few microseconds.

    Parameters
    ----------
    watched: whether to look; if not, nobody ever waits.
    """

    def __init__(self, watched: bool = True) -> None:
        self._files: list[int] = []
        if not watched:
            return
        with suppress(OSError):
            for thread in os.listdir("/proc/self/task"):
                self._files.append(os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY))

    def ms(self) -> float:
        """Milliseconds that the threads have waited so far, those that wait now not counted."""
        total = 0
        for file in self._files:
            with suppress(OSError, IndexError, ValueError):  # the thread ended, or the kernel counts nothing
                total += int(os.pread(file, 64, 0).split()[1])
        return total * 1e-6

    def __enter__(self) -> Waits:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()


def undisturbed(samples: Sequence[float], waited: Sequence[float]) -> list[float]:
    """The samples during which threads hardly waited.

    Parameters
    ----------
    samples: milliseconds. waited: `Waits.ms` before each sample, and after the last one. A thread's wait counts when it
        ends, which may be in the next sample if the others did the work meanwhile: so that one is looked at, too.
    """
    last = len(samples)
    return [ms for n, ms in enumerate(samples) if waited[min(n + 2, last)] - waited[n] <= SHARE * ms]
