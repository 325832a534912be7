"""Measuring candidates: each is built, checked and timed in a process of its own, so that none can harm the others.

`LocalRunner` talks to a *warden*, a process with everything loaded, which forks one child for each candidate, watches
its time and memory, and takes its death for an answer. Builds run side by side; measurements one at a time, with
nothing else running.
"""
