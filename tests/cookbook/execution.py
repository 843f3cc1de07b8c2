"""Runs a notebook in this process as Jupyter does: in a loop that runs already, so that cells may await.

A kernel of its own costs six seconds of CPU a notebook, most of them for imports that a worker of pytest has made.
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
    """Keeps the value of a cell."""

    def __call__(self, result: Any = None) -> None:
        if result is None or self.quiet():
            return
        data, _ = self.shell.display_formatter.format(result)
        self.shell.show("execute_result", data)


class Publisher(DisplayPublisher):
    """Keeps what a cell displays."""

    def publish(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        self.shell.show("display_data", data)


class Printed(io.TextIOBase):
    """Keeps what a cell prints."""

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
        """One output of the cell that runs. Of a picture in two forms the first is enough."""
        forms = {name: value for name, value in data.items() if name != "image/jpeg" or "image/png" not in data}
        self.shown.append(new_output(kind, data={name: _text(value) for name, value in forms.items()}))

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the error itself is raised."""


async def execute(notebook: Any) -> None:
    """Runs all cells, and puts what they show into the notebook. An error of a cell is raised."""
    with _shell() as shell:
        for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
            cell.outputs, cell.execution_count = await _run(shell, cell.source), number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number


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
    """A shell that is the process's own for a while, as `display` wants it."""
    main = sys.modules["__main__"]
    shell = NotebookShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        NotebookShell.clear_instance()
        sys.modules["__main__"] = main
