"""What all tests share: nodes refuse to be changed after construction, and no test fails for being slow once."""

from hypothesis import settings
from tensorir.tir import node

node.guard()

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
