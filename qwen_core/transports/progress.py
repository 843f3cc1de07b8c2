"""Show progress bars if a user wants to see them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

OnDone = Callable[[int], object]
"""Called with how many were done since the last call."""


@contextmanager
def progress_bar(
    total: int, show: bool, title: str = "Embedding", unit: str = "text", *, scaled: bool = False
) -> Iterator[OnDone | None]:
    """Yield a function that moves a bar of so many units; None, without an import, if there is nothing to show.

    ``scaled`` writes thousands and millions as k and M.
    """
    if not (show and total):
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=title, unit=unit, unit_scale=scaled) as bar:
        yield bar.update


def upload_bar(size: int, show: bool) -> AbstractContextManager[OnDone | None]:
    """Return a progress bar for the bytes of an upload."""
    return progress_bar(size, show, "Uploading", "B", scaled=True)
