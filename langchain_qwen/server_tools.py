"""What the service ran itself, as LangChain's server tool blocks: a call, and a result where one was told."""

from collections.abc import Mapping
from typing import Any

# Keys of an output item of the Responses API that say what was asked, and what came of it (compatible, 2.7).
ASKED = ("action", "code", "queries", "query", "urls", "arguments", "container_id", "server_label", "name")
FOUND = ("outputs", "output", "results", "result", "error")


def server_tool_blocks(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The blocks of all that the service ran for an answer with this metadata."""
    items = metadata.get("server_tools") or [interpreted(item) for item in metadata.get("tool_info") or ()]
    blocks: list[dict[str, Any]] = []
    for position, item in enumerate(items):
        id = str(item.get("id") or f"server_tool_{position}")
        blocks += item_blocks(item, id, position)
    return blocks


def item_blocks(item: Mapping[str, Any], id: str, position: int) -> list[dict[str, Any]]:
    """The blocks of one item. One that failed has an error for a result."""
    call = {
        "type": "server_tool_call",
        "id": id,
        "name": str(item.get("type") or "").removesuffix("_call"),
        "args": {name: item[name] for name in ASKED if item.get(name) is not None},
        "index": f"lc_stc_{position}",
    }
    found = {name: item[name] for name in FOUND if item.get(name) is not None}
    if not found and item.get("status") in (None, "completed"):
        return [call]
    result = {
        "type": "server_tool_result",
        "tool_call_id": id,
        "status": "error" if item.get("status") == "failed" or "error" in found else "success",
        "output": next(iter(found.values())) if len(found) == 1 else found,
        "index": f"lc_str_{position}",
    }
    return [call, result]


def interpreted(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of the native wire's ``tool_info`` in the form of the Responses API (native 5.5)."""
    kind = str(item.get("type") or "")
    inner = item.get(kind)
    return {"type": kind, **(inner if isinstance(inner, Mapping) else {})}
