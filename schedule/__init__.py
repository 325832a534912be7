"""Schedules: programs transformed step by step by primitives that refuse to break them."""
