"""Measuring on the machines of a Ray cluster (the extra `fleet`): `FleetRunner` in the place of a `LocalRunner`."""

from .cluster import FleetError
from .runner import FleetRunner

__all__ = ["FleetError", "FleetRunner"]
