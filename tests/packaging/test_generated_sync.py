"""The synchronous halves of the async modules are what ``scripts/generate_sync.py`` makes of them."""

from scripts.generate_sync import ROOT, generate_all, stale_files


def test_generated_modules_are_up_to_date() -> None:
    stale = [path.relative_to(ROOT).as_posix() for path in stale_files(generate_all())]
    assert not stale, "run `make sync` (python scripts/generate_sync.py) and commit what it writes"
