"""Progress bars, where a user wants to see one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

OnDone = Callable[[int], object]
"""Told how many were done since it was told before."""


@contextmanager
def progress_bar(
    total: int, show: bool, title: str = "Embedding", unit: str = "text", *, scaled: bool = False
) -> Iterator[OnDone | None]:
    """What moves a bar of so many units; None, and no import, where there is nothing to show.

    ``scaled`` writes thousands and millions as k and M.
    """
    if not (show and total):
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=title, unit=unit, unit_scale=scaled) as bar:
        yield bar.update


def upload_bar(size: int, show: bool) -> AbstractContextManager[OnDone | None]:
    """The same for the bytes of an upload."""
    return progress_bar(size, show, "Uploading", "B", scaled=True)
