"""The primitives, one file a family; every module of this package is imported, so a new file needs no listing."""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

from .get import find_block  # noqa: E402

__all__ = ["find_block"]
