"""A frozen encoder's features on disk, so that a restarted learner need not make them again."""

from __future__ import annotations

import hashlib
import math
import os
import zlib
from pathlib import Path

import numpy as np

MARK = 4  # bytes of a record that say of which pictures it is


class FeatureFile:
    """Features in the order in which the pictures came, in one file of equal records.

    It is no memory of its own: whatever is missing, torn, or of other pictures is made again from them.

    Args:
        path: of the file; it is begun anew if it was made for another ``identity`` or shape.
        identity: what the features depend on beside the pictures (encoder, seed, sizes).
        shape: of one record's features, float16.
    """

    def __init__(self, path: Path, identity: str, shape: tuple[int, ...]) -> None:
        self.path = path
        self.failed = ""  # why no more are kept, in a sentence
        self._shape = shape
        self._size = MARK + 2 * math.prod(shape)
        header = hashlib.sha256(f"{identity} {shape}".encode()).digest()
        self._start = len(header)
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if os.pread(self._file, self._start, 0) != header:
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, header, 0)
            self._count = (os.fstat(self._file).st_size - self._start) // self._size
        except OSError as error:
            self._fail(error)
        self._next = 0

    def read(self, pictures: np.ndarray) -> np.ndarray | None:
        """The next record, if there is one of these very ``pictures`` (uint8); None: make it, then ``append``."""
        if self.failed or self._next >= self._count:
            return None
        record = os.pread(self._file, self._size, self._start + self._next * self._size)
        if record[:MARK] != _mark(pictures):
            self._count = self._next  # what follows is of other pictures too
            return None
        self._next += 1
        return np.frombuffer(record, np.float16, offset=MARK).reshape(self._shape)

    def append(self, pictures: np.ndarray, features: np.ndarray) -> None:
        """Keep what was made where ``read`` had nothing; a disk that refuses ends the keeping, not the learning."""
        if self.failed:
            return
        record = _mark(pictures) + features.tobytes()
        try:
            if os.pwrite(self._file, record, self._start + self._next * self._size) < len(record):
                raise OSError("no space left on device")
        except OSError as error:
            self._fail(error)
            return
        self._next = self._count = self._next + 1

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _fail(self, error: OSError) -> None:
        self.failed = f"{self.path} cannot be written ({error.strerror or error}): a restart makes the features again"


def _mark(pictures: np.ndarray) -> bytes:
    return zlib.crc32(np.ascontiguousarray(pictures)).to_bytes(MARK, "little")
