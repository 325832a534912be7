"""How fast the built kernels run; each file in cases/kernels is one kernel, with every peer's way of doing it."""

import harness

if __name__ == "__main__":
    harness.main(__doc__, "kernels")
