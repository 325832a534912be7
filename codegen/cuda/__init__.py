"""CUDA C++ text from lowered programs, and what compiles, launches and describes it."""
