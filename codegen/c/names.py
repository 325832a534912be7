"""Names in C: each variable keeps its own where C allows it and nothing else is called that."""

from __future__ import annotations

_WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof main
bool true false NULL INFINITY NAN lane linux unix errno free malloc abs memcpy signgam y0 y1 yn j0 j1 jn I
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh drem erf erfc exp exp10 exp2 expm1 fabs fdim
floor fma fmax fmin fmod frexp gamma hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround
modf nan nearbyint nextafter pow remainder remquo rint round scalb scalbn significand sin sinh sqrt tan tanh tgamma
trunc isnan isinf isfinite signbit
"""

RESERVED = frozenset(_WORDS.split())
"""What no variable may be called: keywords, and names of the headers that the text includes."""


def identifier(name: str) -> str:
    """`name` with what C does not allow replaced by underscores; never a name C reserves for itself."""
    text = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name).lstrip("_") or "v"
    return f"v{text}" if text[0].isdigit() else text


class Names:
    """The names given out in one function."""

    def __init__(self, taken: frozenset[str]) -> None:
        self.taken = set(RESERVED | taken)
        self.next: dict[str, int] = {}

    def fresh(self, hint: str) -> str:
        """A name not in use that resembles `hint`."""
        base = identifier(hint)
        if base.startswith(("tir_", "int", "uint", "float", "double", "INT", "UINT", "boolx")) or base.endswith("_t"):
            base += "_"
        name = base
        while name in self.taken:
            self.next[base] = self.next.get(base, 0) + 1
            name = f"{base}_{self.next[base]}"
        self.taken.add(name)
        return name
