"""Progress bars for work in batches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    total: int, show: bool, title: str = "Embedding", unit: str = "text"
) -> Iterator[Callable[[int], None] | None]:
    """A function to be told how many were done; None, and no import, where there is nothing to show."""
    if not (show and total):
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=title, unit=unit) as bar:
        yield bar.update
