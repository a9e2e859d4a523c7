import errno
import os

import pytest

from uait.records.errors import TrainingError, is_disk_full


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_a_full_quota_and_a_file_that_may_not_grow_are_no_room(number: int) -> None:
    assert is_disk_full(OSError(number, os.strerror(number)))
    assert is_disk_full(RuntimeError(f"could not write the weights: {os.strerror(number)} (os error)"))
    wrapped = TrainingError("the tuning can't go on")
    wrapped.__cause__ = OSError(number, os.strerror(number))
    assert is_disk_full(wrapped)


def test_what_has_room_is_no_full_disk() -> None:
    assert not is_disk_full(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    assert not is_disk_full(MemoryError())
