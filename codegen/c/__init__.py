"""The C backend: lowered programs as C99 text with OpenMP and GCC's vector extensions, compiled by the system."""
