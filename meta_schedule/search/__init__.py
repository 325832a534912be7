"""Searching a design space: strategies that propose candidates and learn from their measurements."""
