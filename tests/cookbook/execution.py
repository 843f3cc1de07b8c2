"""Run a notebook in this process as Jupyter does: in a running event loop, so that cells may await.

A separate kernel costs six seconds of CPU per notebook, mostly for imports that the pytest worker has done.
"""

import atexit
import base64
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_output
from traitlets import Type
from traitlets.config import Config


class Hook(DisplayHook):
    """Store the value of a cell."""

    def __call__(self, result: Any = None) -> None:
        if result is None or self.quiet():
            return
        data, _ = self.shell.display_formatter.format(result)
        self.shell.show("execute_result", data)


class Publisher(DisplayPublisher):
    """Store what a cell displays."""

    def publish(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        self.shell.show("display_data", data)


class Printed(io.TextIOBase):
    """Store what a cell prints."""

    def __init__(self, shell: "NotebookShell", name: str) -> None:
        self._shell, self._name = shell, name

    def write(self, text: str) -> int:
        last = self._shell.shown[-1] if self._shell.shown else {}
        if last.get("name") == self._name:
            last["text"] += text
        elif text:
            self._shell.shown.append(new_output("stream", name=self._name, text=text))
        return len(text)


class NotebookShell(InteractiveShell):
    """A shell that collects outputs."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    shown: list[Any]

    def show(self, kind: str, data: dict[str, Any]) -> None:
        """Add an output of the running cell. Keep only the PNG of an image in two formats."""
        forms = {name: value for name, value in data.items() if name != "image/jpeg" or "image/png" not in data}
        self.shown.append(new_output(kind, data={name: _text(value) for name, value in forms.items()}))

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Print nothing: the error itself is raised."""


async def execute(notebook: Any) -> None:
    """Run all cells and store their outputs in the notebook. Raise an error of a cell."""
    with _shell() as shell, _stopped_afterwards(shell):
        for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
            cell.outputs, cell.execution_count = await _run(shell, cell.source), number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number


@contextmanager
def _stopped_afterwards(shell: NotebookShell) -> Iterator[None]:
    """Stop the emulator of a notebook, which else runs until the process ends."""
    try:
        yield
    finally:
        if emulator := shell.user_ns.get("emulator"):
            atexit.unregister(emulator.stop)
            emulator.stop()


async def _run(shell: NotebookShell, source: str) -> list[Any]:
    shell.shown = []
    with redirect_stdout(Printed(shell, "stdout")), redirect_stderr(Printed(shell, "stderr")):
        result = await shell.run_cell_async(source, transformed_cell=shell.transform_cell(source))
        shell.events.trigger("post_execute")
    result.raise_error()
    return list(shell.shown)


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@contextmanager
def _shell() -> Iterator[NotebookShell]:
    """Install a shell as the process's own for a while, as `display` requires."""
    main = sys.modules["__main__"]
    shell = NotebookShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        NotebookShell.clear_instance()
        sys.modules["__main__"] = main
