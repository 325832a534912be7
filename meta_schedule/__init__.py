"""Tuning: design spaces made by rules, candidates finished by postprocs, ranked by cost models, found by search."""
