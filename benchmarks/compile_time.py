"""How long everything around the kernels takes: import, parse, schedule, build, a call, a parallel loop's fork."""

import harness

if __name__ == "__main__":
    harness.main(__doc__, "compile_time")
