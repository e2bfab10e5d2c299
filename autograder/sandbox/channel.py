"""A framed, size-capped channel of plain data over a socket. Both ends of it use it."""

from __future__ import annotations

import socket
import time

from autograder.exercise.wire import (
    FRAME_BEGINS,
    MAX_ARRAY_BYTES,
    MAX_ARRAYS,
    MAX_JSON_BYTES,
    Message,
    NotPlain,
    arrays_in,
    head_size,
    read_head,
)
from autograder.language import _


class ChannelClosed(Exception):
    """The other side is gone."""


class ChannelTimeout(Exception):
    """The other side did not answer in time."""


class Channel:
    """Sends and receives `Message` frames. Not thread-safe; one owner per end."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._frame = bytearray()  # what has come of the frame that is being received

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message, seconds: float | None = None) -> None:
        """Send one frame.

        Raises:
            ChannelClosed, ChannelTimeout.
        """
        self._socket.settimeout(seconds)
        try:
            self._socket.sendall(message.to_bytes())
        except TimeoutError:
            raise ChannelTimeout from None
        except OSError as error:
            raise ChannelClosed from error

    def receive(self, seconds: float | None = None) -> Message:
        """Receive one frame, never more than the caps of `autograder.exercise.wire`, all within `seconds`.

        After `ChannelTimeout` it may be called again, and goes on with the same frame. After `NotPlain` it may
        not: where the next frame begins can no longer be told.

        Raises:
            ChannelClosed, ChannelTimeout; NotPlain: the frame is malformed or larger than it may be.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        self._wait_for(FRAME_BEGINS, deadline)
        length = head_size(self._frame)
        if length > MAX_JSON_BYTES:
            raise NotPlain("The value is too large to look at.")
        begin = FRAME_BEGINS + length
        self._wait_for(begin, deadline)
        tree, sizes = read_head(self._frame[FRAME_BEGINS:begin])
        if len(sizes) > MAX_ARRAYS:
            raise NotPlain("The value has too many arrays.")
        if sum(sizes) > MAX_ARRAY_BYTES + 10_000:
            raise NotPlain(_("The value is larger than {megabytes} MB.", megabytes=MAX_ARRAY_BYTES // 10**6))
        self._wait_for(begin + sum(sizes), deadline)
        arrays = arrays_in(self._frame, begin, sizes)
        self._frame = bytearray()
        return Message(tree, arrays)

    def close(self) -> None:
        self._socket.close()

    def _wait_for(self, count: int, deadline: float | None) -> None:
        """Read on until the frame has `count` bytes, and no further."""
        while len(self._frame) < count:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise ChannelTimeout
            self._socket.settimeout(left)
            try:
                piece = self._socket.recv(min(count - len(self._frame), 1 << 20))
            except TimeoutError:
                raise ChannelTimeout from None
            except OSError as error:
                raise ChannelClosed from error
            if not piece:
                raise ChannelClosed
            self._frame += piece
