"""Run other integrations under the same faults, for docs/comparison.md: ``python -m tests.faults.peers``.

The criteria are milder than in our own matrix, because the others do not have our error classes: any exception
counts as the right error, and so does the complete text, which a peer may have got by a retry. Each
peer has its defaults, and a timeout if it accepts one. Those that are not installed are skipped: the main
environment has LangChain's, that of ``make lowest`` LlamaIndex's.
"""

import argparse
import logging
import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from qwen_core.config.timeouts import Timeout
from qwen_emulator import Emulator
from tests.faults.cases import CASES, TEXT, Case, Expected

Kind = Literal["right", "needless error", "silent loss", "hang"]
KINDS: tuple[Kind, ...] = ("right", "needless error", "silent loss", "hang")

TIMEOUT = 2.0
"""Timeout in seconds given to a peer that accepts one."""
SILENCE = Timeout(read=TIMEOUT)
"""The same for ours: a plain number would limit all attempts together."""
LIMIT = 20.0
"""Seconds after which a call counts as hanging; all peers have finished their retries by then."""
MORE = 20
"""Replies beyond those that our number of attempts needs."""
MODEL = "qwen-plus"
KEY = "sk-of-the-peers"


def chat_qwen(url: str) -> Any:
    from langchain_qwen import ChatQwen

    return ChatQwen(model=MODEL, api_key=KEY, base_url=url, protocol="openai", timeout=SILENCE)


def chat_qwen_native(url: str) -> Any:
    from langchain_qwen import ChatQwen

    return ChatQwen(model=MODEL, api_key=KEY, base_url=url, protocol="dashscope", timeout=SILENCE)


def qwen(url: str) -> Any:
    from llama_index_qwen import Qwen

    return Qwen(model=MODEL, api_key=KEY, base_url=url, protocol="openai", timeout=SILENCE)


def qwen_native(url: str) -> Any:
    from llama_index_qwen import Qwen

    return Qwen(model=MODEL, api_key=KEY, base_url=url, protocol="dashscope", timeout=SILENCE)


def chat_openai(url: str) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL, api_key=KEY, base_url=f"{url}/compatible-mode/v1", timeout=TIMEOUT)


def langchain_qwq(url: str) -> Any:
    from langchain_qwq import ChatQwen

    return ChatQwen(model=MODEL, api_key=KEY, base_url=f"{url}/compatible-mode/v1", timeout=TIMEOUT)


def chat_tongyi(url: str) -> Any:
    import dashscope
    from langchain_community.chat_models import ChatTongyi

    dashscope.base_http_api_url = f"{url}/api/v1"
    return ChatTongyi(model=MODEL, api_key=KEY)


def openai_like(url: str) -> Any:
    from llama_index.llms.openai_like import OpenAILike

    address = f"{url}/compatible-mode/v1"
    return OpenAILike(model=MODEL, api_key=KEY, api_base=address, is_chat_model=True, timeout=TIMEOUT)


def dashscope_of_llama_index(url: str) -> Any:
    import dashscope
    from llama_index.llms.dashscope import DashScope

    dashscope.base_http_api_url = f"{url}/api/v1"
    return DashScope(model_name=MODEL, api_key=KEY)


PEERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ChatQwen": ("openai", chat_qwen),
    "ChatQwen, native": ("dashscope", chat_qwen_native),
    "Qwen": ("openai", qwen),
    "Qwen, native": ("dashscope", qwen_native),
    "ChatOpenAI": ("openai", chat_openai),
    "langchain-qwq": ("openai", langchain_qwq),
    "ChatTongyi": ("dashscope", chat_tongyi),
    "OpenAILike": ("openai", openai_like),
    "DashScope (LlamaIndex)": ("dashscope", dashscope_of_llama_index),
}


def ask(model: Any, mode: str) -> str:
    """Ask one question, complete or streamed, and return the text."""
    if hasattr(model, "invoke"):
        if mode == "whole":
            return str(model.invoke("Tell a story.").text)
        streaming = {"streaming": True} if "streaming" in type(model).model_fields else {}
        told = model.model_copy(update=streaming) if streaming else model
        return "".join(str(piece.text) for piece in told.stream("Tell a story."))
    if mode == "whole":
        return str(model.complete("Tell a story.").text)
    return "".join(piece.delta or "" for piece in model.stream_complete("Tell a story."))


def run(case: Case, mode: str, expected: Expected, make: Callable[[str], Any]) -> Kind:
    """Make one call and classify its outcome."""
    found: list[str | Exception] = []

    def work(url: str) -> None:
        try:
            found.append(ask(make(url), mode))
        except Exception as error:
            found.append(error)

    with Emulator() as emulator:
        emulator.reply(*case.replies, *[case.replies[-1]] * MORE)
        thread = threading.Thread(target=work, args=(emulator.base_url,), daemon=True)
        thread.start()
        thread.join(LIMIT)
        if not found:
            return "hang"
    if isinstance(found[0], Exception):
        return "right" if expected.text is None else "needless error"
    return "right" if found[0] == (expected.text or TEXT) else "silent loss"


def main() -> int:
    """Run all cells of all installed peers and print one line per peer."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.peers")
    parser.add_argument("--cells", action="store_true", help="name each cell that is not right")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    print("| integration | cases |", *(f"{kind} |" for kind in KINDS))
    print("| --- |", *("---: |" for _ in range(len(KINDS) + 1)))
    for peer in arguments.peer or PEERS:
        protocol, make = PEERS[peer]
        try:
            with Emulator() as emulator:
                ask(make(emulator.base_url), "whole")  # so that no case is charged for imports
        except ImportError:
            continue
        counts: Counter[Kind] = Counter()
        for case in CASES:
            for mode in ("whole", "stream"):
                expected = case.expected(protocol, mode) if case.everywhere else None
                if expected is None:
                    continue
                kind = run(case, mode, expected, make)
                counts[kind] += 1
                if arguments.cells and kind != "right":
                    print(f"  {case.name}, {mode}: {kind}", file=sys.stderr)
        print(f"| {peer} | {counts.total()} |", *(f"{counts[kind]} |" for kind in KINDS), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
