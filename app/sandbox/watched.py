"""Something that changes, and that a test or a page can wait for without looking again and again."""

import asyncio
from collections.abc import Callable


class Watched:
    """``changed`` holds callbacks for every change; ``until`` waits for a state."""

    def __init__(self) -> None:
        self.changed: list[Callable[[], None]] = []

    def changes(self) -> None:
        """Say that something has changed."""
        for callback in tuple(self.changed):
            callback()

    async def until(self, true: Callable[[], bool], timeout: float = 30.0) -> None:  # noqa: ASYNC109 (the waiter's patience, in seconds)
        """Wait until ``true()``, looking after each change only. Raises TimeoutError with the story so far."""
        event = asyncio.Event()
        self.changed.append(event.set)
        try:
            async with asyncio.timeout(timeout):
                while not true():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {timeout:g} s; {self.so_far()}") from None
        finally:
            self.changed.remove(event.set)

    def so_far(self) -> str:
        """What happened until now, for whoever waited in vain."""
        return "nothing is known"
