"""What all tests share.

Nodes refuse to be changed after construction, no test fails for being slow once, and those that mostly wait come first.
"""

import pytest
from hypothesis import settings
from tensorir.tir import node

node.guard()

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the cluster's tests, whose waiting would leave a worker idle at the end."""
    items.sort(key=lambda item: item.path.name != "test_fleet.py")
