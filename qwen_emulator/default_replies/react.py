"""Prompts that describe tools in text and want Thought / Action / Action Input, as ReAct agents do."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from qwen_emulator.conversation import Conversation, Part, Tool, Turn
from qwen_emulator.default_replies.chat import talk
from qwen_emulator.default_replies.tools import plan, text_with_results
from qwen_emulator.replies import Reply

_LLAMA_TOOL = re.compile(
    r">\s*Tool Name:\s*(?P<name>\S+)\s*\n(?:Tool )?Description:\s*(?P<description>.*?)\n"
    r"Tool Args:\s*(?P<args>\{.*?\})\s*(?=\n|$)",
    re.DOTALL,
)
_CLASSIC_TOOL = re.compile(
    r"^(?P<name>\w+)(?:\([^)\n]*\)(?:\s*->\s*[^:\n]+)?)?\s*[:-]\s*(?P<description>[^\n]+)$", re.MULTILINE
)
_OBSERVATION = re.compile(r"Observation:\s*(.*?)(?=\n(?:Thought|Action|Question|Observation)\s*:|\Z)", re.DOTALL)


def from_react(conversation: Conversation) -> Reply | None:
    """The next step of a ReAct loop, if the prompt is of one."""
    prompt = "\n".join(turn.text for turn in conversation.turns)
    if (
        "Action Input:" not in prompt
        or "Thought:" not in prompt
        or conversation.tools
        or conversation.response_format != "text"
    ):
        return None
    classic = "Final Answer" in prompt
    tools = _tools(prompt, classic)
    question = _question(conversation, prompt, classic)
    observed = _observations(conversation, prompt, classic)
    wanted = list(plan(question, tools))
    if len(observed) < len(wanted):
        call = wanted[len(observed)]
        given = call.arguments
        assert isinstance(given, dict)
        written = json.dumps(given, ensure_ascii=False)
        if classic and len(given) == 1:
            written = str(next(iter(given.values())))
        return Reply(
            f"Thought: I need to use a tool to help me answer the question.\nAction: {call.name}\n"
            f"Action Input: {written}"
        )
    final = "Final Answer:" if classic else "Answer:"
    answer = text_with_results(question, observed) if observed else str(talk(_plain(conversation, question)).text)
    ending = "I now know the final answer" if classic else "I can answer without using any more tools."
    return Reply(f"Thought: {ending}\n{final} {answer}")


def _tools(prompt: str, classic: bool) -> tuple[Tool, ...]:
    if not classic:
        return tuple(
            Tool(found["name"], found["description"].strip(), _arguments(found["args"]))
            for found in _LLAMA_TOOL.finditer(prompt)
        )
    listed = re.search(r"Action:\s*the action to take, should be one of \[([^\]]*)\]", prompt)
    names = [name.strip(" '\"") for name in listed.group(1).split(",")] if listed else []
    one_text = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return tuple(
        Tool(found["name"], found["description"], one_text)
        for found in _CLASSIC_TOOL.finditer(prompt)
        if found["name"] in names
    )


def _arguments(text: str) -> dict[str, object]:
    try:
        loaded = json.loads(text)
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _question(conversation: Conversation, prompt: str, classic: bool) -> str:
    if classic:
        found = re.findall(r"\nQuestion:\s*([^\n]+)", prompt)
        if found:
            return str(found[-1])
    users = [
        turn.text
        for turn in conversation.turns
        if turn.role == "user" and not turn.text.startswith("Observation:")
    ]
    return users[-1] if users else conversation.question


def _observations(conversation: Conversation, prompt: str, classic: bool) -> list[str]:
    if classic:
        begun = prompt.rfind("\nQuestion:")
        return [text.strip() for text in _OBSERVATION.findall(prompt[begun:])]
    found: list[str] = []
    for turn in reversed(conversation.turns):
        if turn.role == "user" and not turn.text.startswith("Observation:"):
            break
        if turn.role in ("user", "tool"):
            found.insert(0, turn.text.removeprefix("Observation:").strip())
    return found


def _plain(conversation: Conversation, question: str) -> Conversation:
    return replace(conversation, turns=(Turn("user", (Part("text", question),)),))
