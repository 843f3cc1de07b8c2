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


OnStatus = Callable[[int, int, str], object]
"""Called with how many results of a task are finished, how many there will be, and its status."""


@contextmanager
def task_bar(show: bool, title: str = "Task") -> Iterator[OnStatus]:
    """Yield a function that moves the bar of a task at the service. Import nothing if there is nothing to show."""
    if not show:
        yield lambda done, total, status: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=1, desc=title, unit="result") as bar:

        def update(done: int, total: int, status: str) -> None:
            bar.total, bar.n = total, done
            bar.set_postfix_str(status)

        yield update
