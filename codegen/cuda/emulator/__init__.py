"""Runs CUDA text on the CPU and checks it: races, divergent barriers, bounds, reads of shared memory not written.

The text is compiled as it is by the system's C++ compiler against headers that give CUDA's words a meaning on the CPU
(`include/`), and linked with a runtime (`runtime/`) that runs the threads of a block as fibers. In checked mode the
compiler instruments every access, and the runtime follows for each piece of shared memory who touched it last, in
vector clocks: a race is found whichever way the threads happen to run.
"""

from .program import EmulatorError, Program, emulate

__all__ = ["EmulatorError", "Program", "emulate"]
