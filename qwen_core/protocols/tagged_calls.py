"""Parse tool calls in text: ``<tool_call>`` blocks with JSON or with Qwen-Coder's XML in them.

Text may quote a call: a web page, a tool result, an example. The chat templates write calls last, each on a line
of its own. So a call counts only if it begins a line, outside of code fences, and if nothing but white space and
other calls follows it. Every character of a block must be understood: a block with anything else in it stays text.

Parsing takes linear time: tags are found once, each block is parsed once, and the steps are counted.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from qwen_core.protocols.schema_values import ToolSchema
from qwen_core.types.messages import Tool

CALL, CALL_END = "<tool_call>", "</tool_call>"
CALL_STARTS = (CALL, "<function=", "<function =")
"""What a call may begin with: Qwen3-Coder often leaves out the first tag."""
MAX_INDENT = 3
"""Blanks before a call. Four make a block of code in Markdown."""
PARAMETER_END, FUNCTION_END = "</parameter>", "</function>"
BEHIND_PARAMETER = ("<parameter", FUNCTION_END, CALL_END)
BEHIND_FUNCTION = ("<function", CALL, CALL_END)

TAG = re.compile(r"</?tool_call>|<(function|parameter)[ \t]*+=([^<>\n]*+)>|</(?:function|parameter)>")
CALL_START = re.compile(r"^ {0,3}(?=<tool_call>|<function ?=)", re.MULTILINE)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
SPACE = re.compile(r"\s*")

ARGUMENT_KEYS = ("arguments", "parameters", "args", "params", "input")
"""What models call the arguments. Qwen's templates ask for the first."""
EXTRA_KEYS = frozenset({"id", "call_id", "type"})
"""Keys of a call that say nothing of what is to be done."""

ParsedCall = tuple[str, str]
"""The name of a tool, and the JSON text of the arguments."""


class Block(msgspec.Struct, frozen=True):
    """A block of calls, and the position behind it. ``closed`` if its last tag was written."""

    calls: tuple[ParsedCall, ...]
    end: int
    closed: bool


class UnreadableError(Exception):
    """A block has something in it that is not understood."""


def split_calls(
    text: str, tools: Mapping[str, Tool], *, complete: bool = True
) -> tuple[str, tuple[ParsedCall, ...]]:
    """Return the text without its calls, and the calls. ``complete`` if the model ended the response by itself.

    Only then may the last block lack its closing tag. A block with a tool that was not offered stays text.
    """
    blocks = Blocks(text, tools, complete=complete)
    for start in call_starts(text):
        if (chain := blocks.chain(start)) is not None:
            return separate(text, start, chain, tools)
    return text, ()


def separate(
    text: str, start: int, chain: list[Block], tools: Mapping[str, Tool]
) -> tuple[str, tuple[ParsedCall, ...]]:
    """Return the text without the blocks whose tools were offered, and the calls in these."""
    texts = [text[:start]]
    calls: list[ParsedCall] = []
    for block in chain:
        if all(name in tools for name, _ in block.calls):
            calls += block.calls
        else:
            texts.append(text[start : block.end])
        start = block.end
    if not calls:
        return text, ()
    return "".join(part for part in texts if part.strip()), tuple(calls)


def call_begins(line: str, *, inside_block: bool) -> bool:
    """Return whether a line begins with a call's first tag. A function inside a block does not count."""
    match = CALL_START.match(line)
    return match is not None and not (inside_block and not line.startswith(CALL, match.end()))


def leaves_block_open(text: str, open_before: bool) -> bool:
    """Return whether a block is open after this text."""
    begun, ended = text.rfind(CALL), text.rfind(CALL_END)
    return open_before if begun == ended else begun > ended


def call_may_begin(line: str) -> bool:
    """Return whether the beginning of a line may become a call's first tag."""
    start = line.lstrip(" ")
    return len(line) - len(start) <= MAX_INDENT and any(tag.startswith(start) for tag in CALL_STARTS)


def call_starts(text: str) -> Iterator[int]:
    """Yield the positions where a call may begin: at the beginning of a line, outside of code fences."""
    fence = Fence()
    scanned = 0
    for match in CALL_START.finditer(text):
        for line in FENCE.finditer(text, scanned, match.start()):
            fence.add_line(line[0])
        scanned = match.start()
        if not fence.open:
            yield match.end()


class Fence:
    """Tracks whether a line of Markdown is inside a fenced code block."""

    __slots__ = ("_mark",)

    def __init__(self) -> None:
        self._mark = ""

    @property
    def open(self) -> bool:
        """Whether a fence is open."""
        return bool(self._mark)

    def add_line(self, line: str) -> None:
        """Take note of a line, if it begins with three or more backticks or tildes."""
        match = FENCE.match(line)
        if match is None:
            return
        mark, rest = match.groups()
        if not self._mark:
            # A line with a backtick behind the mark is inline code.
            self._mark = "" if mark[0] == "`" and "`" in rest else mark
        elif mark.startswith(self._mark) and not rest.strip():
            self._mark = ""


class Blocks:
    """The blocks of calls in a text. Each is parsed once, however many positions are tried."""

    def __init__(self, text: str, tools: Mapping[str, Tool], *, complete: bool) -> None:
        self._text = text
        self._complete = complete
        self._tools = tools
        self._schemas: dict[str, ToolSchema] = {}
        self._tags = list(TAG.finditer(text))
        self._positions = [tag.start() for tag in self._tags]
        self._begins = [tag.start() for tag in self._tags if tag[0] == CALL]
        self._ends = [tag.start() for tag in self._tags if tag[0] == CALL_END]
        self._starts = [match.end() for match in CALL_START.finditer(text)]
        self._closings = closing_tags(self._tags)
        self._behind: dict[int, int] = {}
        self._parsed: dict[int, Block | None] = {}
        self._dead: set[int] = set()
        # Text that was written as a call takes about one step for each tag.
        self._steps = 8 * len(self._tags) + 1000

    def chain(self, start: int) -> list[Block] | None:
        """Return the blocks from this position on, if there is nothing else up to the end of the text."""
        if self._inside_block(start):
            return None
        visited: list[int] = []
        chain: list[Block] = []
        while start < len(self._text):
            visited.append(start)
            block = None if start in self._dead else self._block(start)
            if block is None:
                self._dead.update(visited)
                return None
            chain.append(block)
            start = self._skip_space(block.end)
        return chain

    def _inside_block(self, position: int) -> bool:
        """Return whether this is the position of a function in a block, which is not read in part."""
        if self._text.startswith(CALL, position):
            return False
        begun, ended = bisect_left(self._begins, position), bisect_left(self._ends, position)
        return begun > 0 and (ended == 0 or self._ends[ended - 1] < self._begins[begun - 1])

    def _skip_space(self, position: int) -> int:
        if position not in self._behind:
            match = SPACE.match(self._text, position)
            self._behind[position] = match.end() if match else position
        return self._behind[position]

    def _block(self, start: int) -> Block | None:
        """Return the block that begins here, or None."""
        if start not in self._parsed:
            try:
                block = self._parse(start)
            except UnreadableError:
                self._parsed[start] = None
            else:
                ends = self._complete and self._skip_space(block.end) == len(self._text)
                self._parsed[start] = block if block.closed or ends else None
        return self._parsed[start]

    def _parse(self, start: int) -> Block:
        if not self._text.startswith(CALL, start):
            call, end = self._xml_call(start)
            behind = self._skip_space(end)
            closed = self._text.startswith(CALL_END, behind)
            return Block((call,), behind + len(CALL_END) if closed else end, closed=True)
        position = self._skip_space(start + len(CALL))
        calls: list[ParsedCall] = []
        if self._text.startswith("{", position):
            call, position = self._json_call(position)
            calls.append(call)
            position = self._skip_space(position)
        while self._text.startswith("<function", position):
            call, position = self._xml_call(position)
            calls.append(call)
            position = self._skip_space(position)
        if not calls:
            raise UnreadableError
        if self._text.startswith(CALL_END, position):
            return Block(tuple(calls), position + len(CALL_END), closed=True)
        # Where another block begins, this one is complete.
        return Block(tuple(calls), position, closed=self._text.startswith(CALL, position))

    def _json_call(self, begin: int) -> tuple[ParsedCall, int]:
        """Return a call written as JSON, and the position behind it."""
        fields, end = self._json_object(begin)
        try:
            raw = msgspec.json.decode(self._text[begin:end], type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, ValueError, RecursionError) as reason:
            raise UnreadableError from reason
        name = fields.pop("name", None)
        keys = [key for key in ARGUMENT_KEYS if key in fields]
        if not isinstance(name, str) or len(keys) > 1 or fields.keys() - EXTRA_KEYS - {*keys}:
            raise UnreadableError
        arguments = "{}"
        if keys and (value := fields[keys[0]]) is not None:
            arguments = value if isinstance(value, str) else bytes(raw[keys[0]]).decode()
        return (name, arguments), end

    def _json_object(self, begin: int) -> tuple[dict[str, Any], int]:
        """Return the object that begins here, and the position behind it.

        Slices are decoded, because an error of the decoder counts lines from the beginning of its text: up to the
        first closing tag, and as that may be inside a string, up to later ones. A string of JSON holds no line
        break, so none holds a call that begins a line.
        """
        following = bisect_right(self._starts, begin)
        limit = self._starts[following] if following < len(self._starts) else len(self._text)
        first, count = bisect_left(self._ends, begin), 1
        while True:
            last = first + count - 1
            stop = min(limit, self._ends[last]) if last < len(self._ends) else limit
            try:
                fields, length = JSON.raw_decode(self._text[begin:stop])
            except RecursionError as reason:
                raise UnreadableError from reason
            except ValueError as reason:
                if stop == limit:
                    raise UnreadableError from reason
                count *= 2
            else:
                return fields, begin + length

    def _xml_call(self, begin: int) -> tuple[ParsedCall, int]:
        """Return a call written as Qwen-Coder does, and the position behind it."""
        index = self._tag_at(begin)
        name = (self._tags[index][2] or "").strip()
        if self._tags[index][1] != "function" or not name:
            raise UnreadableError
        schema = self._schema(name)
        values: dict[str, Any] = {}
        position = self._skip_space(self._tags[index].end())
        while not self._text.startswith(FUNCTION_END, position):
            if values and self._text.startswith(CALL_END, position):
                return (name, encode_values(values)), position
            index = self._tag_at(position)
            tag = self._tags[index]
            key = (tag[2] or "").strip()
            if tag[1] != "parameter" or not key or key in values:
                raise UnreadableError
            end, position = self._value_end(index, {*values, key}, schema)
            text = self._text[tag.end() : end].removeprefix("\n").removesuffix("\n")
            values[key] = schema.value(key, text)
            position = self._skip_space(position)
        return (name, encode_values(values)), position + len(FUNCTION_END)

    def _schema(self, name: str) -> ToolSchema:
        if name not in self._schemas:
            tool = self._tools.get(name)
            self._schemas[name] = ToolSchema(tool.parameters if tool else {})
        return self._schemas[name]

    def _tag_at(self, position: int) -> int:
        """Return the index of the tag at this position."""
        index = bisect_left(self._positions, position)
        if index == len(self._tags) or self._positions[index] != position:
            raise UnreadableError
        return index

    def _value_end(self, opening: int, keys: set[str], schema: ToolSchema) -> tuple[int, int]:
        """Return the position where the value of a parameter ends, and the one to go on at.

        The value ends at its closing tag with another parameter or the end of the function behind it: elsewhere
        ``</parameter>`` belongs to the value. Without one it ends at the next parameter, or with the function.
        """
        for index in range(self._closings.get(opening, opening + 1), len(self._tags)):
            self._steps -= 1
            if self._steps < 0:
                break
            tag = self._tags[index]
            if tag[0] == PARAMETER_END:
                if self._text.startswith(BEHIND_PARAMETER, self._skip_space(tag.end())):
                    return tag.start(), tag.end()
            elif tag[1] == "parameter":
                key = tag[2].strip()
                begins_line = self._text[tag.start() - 1] == "\n"
                if key not in keys and (begins_line or key in schema.properties):
                    return tag.start(), tag.start()
            elif tag[0] == FUNCTION_END:
                behind = self._skip_space(tag.end())
                if behind == len(self._text) or self._text.startswith(BEHIND_FUNCTION, behind):
                    return tag.start(), tag.start()
        raise UnreadableError


def closing_tags(tags: list[re.Match[str]]) -> dict[int, int]:
    """Return for each tag that opens a parameter which one closes it, by index. A value may quote such tags."""
    closings: dict[int, int] = {}
    opened: list[int] = []
    for index, tag in enumerate(tags):
        if tag[1] == "parameter":
            opened.append(index)
        elif tag[0] == PARAMETER_END and opened:
            closings[opened.pop()] = index
    return closings


def encode_values(values: dict[str, Any]) -> str:
    """Return the values of parameters as JSON. Raises UnreadableError for half of a surrogate pair."""
    try:
        return msgspec.json.encode(values).decode()
    except ValueError as reason:
        raise UnreadableError from reason


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with these fields. Raises ValueError if a key is there twice: one would be lost."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key is there twice")
    return fields


JSON = json.JSONDecoder(object_pairs_hook=unique_keys)
