"""Locks on files, which the kernel drops when their holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

SHARED, ALONE = fcntl.LOCK_SH, fcntl.LOCK_EX


def open_lock(path: Path) -> int:
    """The descriptor of the file that the lock is on, made when it is missing; closing it gives the lock back."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def try_lock(descriptor: int, kind: int = ALONE) -> bool:
    """Whether the lock is held now; another holder is not waited for."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether somebody alive holds the lock on this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, SHARED)
    finally:
        os.close(descriptor)
