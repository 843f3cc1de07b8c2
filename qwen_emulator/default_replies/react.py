"""Answer prompts that describe tools in text and want Thought / Action / Action Input, as ReAct agents do."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from qwen_emulator.conversation import Conversation, Part, Tool, Turn
from qwen_emulator.default_replies.chat import answer_chat
from qwen_emulator.default_replies.tools import plan_calls, text_with_results
from qwen_emulator.replies import Reply

_TOOL = re.compile(
    r">\s*Tool Name:\s*(?P<name>\S+)\s*\n(?:Tool )?Description:\s*(?P<description>.*?)\n"
    r"Tool Args:\s*(?P<args>\{.*?\})\s*(?=\n|$)",
    re.DOTALL,
)


def answer_react(conversation: Conversation) -> Reply | None:
    """Return the next step of a ReAct loop: one action after the other, then the answer from the results."""
    if "Action Input:" not in conversation.system or conversation.tools or conversation.response_format != "text":
        return None
    question, observed = _read_turns(conversation)
    tools = [
        Tool(found["name"], found["description"].strip(), json.loads(found["args"]))
        for found in _TOOL.finditer(conversation.system)
    ]
    calls = plan_calls(question, tuple(tools))
    if len(observed) < len(calls):
        call = calls[len(observed)]
        thought = "Thought: I need to use a tool to help me answer the question."
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        return Reply(f"{thought}\nAction: {call.name}\nAction Input: {arguments}")
    plain = replace(conversation, turns=(Turn("user", (Part("text", question),)),))
    answer = text_with_results(question, observed) if observed else answer_chat(plain).text
    return Reply(f"Thought: I can answer without using any more tools.\nAnswer: {answer}")


def _read_turns(conversation: Conversation) -> tuple[str, list[str]]:
    """Return the question and what was observed since."""
    observed: list[str] = []
    for turn in reversed(conversation.turns):
        if turn.role == "user" and not turn.text.startswith("Observation:"):
            return turn.text, observed
        if turn.role in ("user", "tool"):
            observed.insert(0, turn.text.removeprefix("Observation:").strip())
    return conversation.question, observed
