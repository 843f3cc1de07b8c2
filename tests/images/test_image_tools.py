"""The tools for images of both frameworks, alone and in agents, and image models behind the chat classes."""

import asyncio
import base64
import json
import pickle
import re
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import ToolException
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock

from langchain_qwen import ChatQwen, QwenImageGeneration
from langchain_qwen.errors import RateLimitError
from llama_index_qwen import Qwen, QwenImageToolSpec
from qwen_core.errors import BadRequestError, ContentFilterError
from qwen_emulator import Emulator, Failure, Reply, ToolCall
from qwen_emulator.drawing import draw
from qwen_emulator.media import read_png
from tests.canned_server import Canned, CannedServer
from tests.images.conftest import KEY

FAMILIES: list[dict[str, Any]] = [
    {"model": "qwen-image-2.0", "size": "512x512"},
    {"model": "qwen-image-3.0", "size": "512x512", "as_task": True},
    {"model": "wan2.5-t2i-preview", "size": "512x512"},
]
CALL = "call-1"
ON_BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def colour(data: bytes) -> str | None:
    image = read_png(data)
    return image.colour if image else None


def fields_for(service: Emulator | CannedServer, **fields: Any) -> dict[str, Any]:
    url = service.base_url if isinstance(service, Emulator) else service.url
    return {"api_key": KEY, "base_url": url, "poll_seconds": 0.01, "size": "512x512", "max_retries": 0, **fields}


def call_tool(tool: QwenImageGeneration, asynchronous: bool, **arguments: Any) -> ToolMessage:
    call = {"type": "tool_call", "name": "image_generation", "args": arguments, "id": CALL}
    message = asyncio.run(tool.ainvoke(call)) if asynchronous else tool.invoke(call)
    assert isinstance(message, ToolMessage)
    return message


def call_spec(spec: QwenImageToolSpec, name: str, asynchronous: bool, **arguments: Any) -> list[Any]:
    (tool,) = [tool for tool in spec.to_tool_list() if tool.metadata.name == name]
    output = asyncio.run(tool.acall(**arguments)) if asynchronous else tool.call(**arguments)
    return list(output.blocks)


# ---- LangChain ----


@ON_BOTH
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family["model"]))
def test_langchain_tool_returns_content_and_image_blocks(
    service: Emulator, family: dict[str, Any], asynchronous: bool
) -> None:
    message = call_tool(
        QwenImageGeneration(**fields_for(service, **family)), asynchronous, prompt="a pink pig", n=2
    )
    assert [block["type"] for block in message.artifact] == ["image", "image"]
    assert {block["mime_type"] for block in message.artifact} == {"image/png"}
    assert [colour(base64.b64decode(block["base64"])) for block in message.artifact] == ["pink", "pink"]
    text, *images = list(message.content)
    assert isinstance(text, dict) and images == message.artifact
    assert re.match(r"Generated 2 images\.\nImage 1: 512x512, link http\S+, valid until 20\d\d-", text["text"])
    assert [block["type"] for block in message.content_blocks] == ["text", "image", "image"]


@ON_BOTH
def test_langchain_tool_returns_links_if_it_does_not_download(service: Emulator, asynchronous: bool) -> None:
    tool = QwenImageGeneration(**fields_for(service, download=False))
    message = call_tool(tool, asynchronous, prompt="a pig")
    (block,) = message.artifact
    assert set(block) == {"type", "url", "mime_type"}
    assert not any(request.path.startswith("/results") for request in service.requests)


@ON_BOTH
def test_langchain_tool_returns_text_alone_for_models_without_vision(
    service: Emulator, asynchronous: bool
) -> None:
    tool = QwenImageGeneration(**fields_for(service, show_images=False))
    message = call_tool(tool, asynchronous, prompt="a pig")
    assert isinstance(message.content, str)
    assert message.artifact[0]["base64"]


@ON_BOTH
def test_langchain_tool_edits_by_link(service: Emulator, asynchronous: bool) -> None:
    tool = QwenImageGeneration(**fields_for(service))
    link = tool.generate("a green frog").images[0].url
    message = call_tool(tool, asynchronous, prompt="give it a crown", images=[link])
    assert colour(base64.b64decode(message.artifact[0]["base64"])) == "green"


@ON_BOTH
def test_three_of_four_images_come_and_the_text_says_which_failed(service: Emulator, asynchronous: bool) -> None:
    service.plan_tasks(failed_results=[1], message="It took too long.")
    tool = QwenImageGeneration(**fields_for(service, model="wan2.5-t2i-preview"))
    message = call_tool(tool, asynchronous, prompt="a pig", n=4)
    assert len(message.artifact) == 3
    text = message.content[0]
    assert isinstance(text, dict)
    assert "Generated 3 images." in text["text"] and "Image 2: failed: It took too long." in text["text"]


@ON_BOTH
def test_refused_request_is_an_error_that_the_model_reads(service: Emulator, asynchronous: bool) -> None:
    tool = QwenImageGeneration(**fields_for(service))
    message = call_tool(tool, asynchronous, prompt="a pig", size="10x10")
    assert message.status == "error" and "262144 to 4194304 pixels" in str(message.content)
    service.reply(Failure.named("data_inspection"))
    assert "inappropriate" in str(call_tool(tool, asynchronous, prompt="a pig").content)
    strict = QwenImageGeneration(**fields_for(service, handle_tool_error=False))
    with pytest.raises(ToolException):
        call_tool(strict, asynchronous, prompt="a pig", size="10x10")


@ON_BOTH
def test_other_errors_are_raised_in_langchains_classes(service: Emulator, asynchronous: bool) -> None:
    service.reply(Failure.named("rate_limit"))
    with pytest.raises(RateLimitError):
        call_tool(QwenImageGeneration(**fields_for(service)), asynchronous, prompt="a pig")


@ON_BOTH
def test_private_link_of_the_model_is_not_sent(service: Emulator, asynchronous: bool) -> None:
    tool = QwenImageGeneration(**fields_for(service))
    for link in ("http://169.254.169.254/meta", "/etc/passwd", "file:///etc/passwd"):
        assert call_tool(tool, asynchronous, prompt="copy it", images=[link]).status == "error"
    assert not service.requests


@ON_BOTH
def test_maximum_number_of_images_holds_whatever_the_model_asks_for(service: Emulator, asynchronous: bool) -> None:
    tool = QwenImageGeneration(**fields_for(service, max_n=1))
    assert len(call_tool(tool, asynchronous, prompt="a pig", n=6).artifact) == 1


@ON_BOTH
def test_task_of_a_tool_is_resumed(service: Emulator, asynchronous: bool) -> None:
    seen: list[str] = []
    tool = QwenImageGeneration(**fields_for(service, model="qwen-image-3.0", as_task=True, on_task=seen.append))
    call_tool(tool, asynchronous, prompt="a blue bird")
    response = asyncio.run(tool.aresume(seen[0])) if asynchronous else tool.resume(seen[0])
    assert colour(response.images[0].content) == "blue"
    assert sum(request.method == "POST" for request in service.requests) == 1


def test_tool_hides_the_key_and_pickles(service: Emulator) -> None:
    tool = QwenImageGeneration(**fields_for(service))
    assert KEY not in repr(tool) and KEY not in str(tool.model_dump())
    assert pickle.loads(pickle.dumps(tool)).size == "512x512"
    assert sorted(tool.args) == ["images", "n", "negative_prompt", "prompt", "size"]
    spec = QwenImageToolSpec(**fields_for(service))
    assert KEY not in repr(spec)


def draw_then_edit(request: Any) -> Reply | str:
    """Draw, then edit what was drawn by its link, then say what the last image looks like."""
    seen = json.dumps(request.messages)
    links = list(dict.fromkeys(re.findall(r"http://127[^\s,\"\\]+", seen)))
    if not links:
        return Reply(tool_calls=[ToolCall("image_generation", {"prompt": "a red house", "size": "512x512"})])
    if len(links) == 1:
        name = "image_edit" if '"image_edit"' in json.dumps(request.body) else "image_generation"
        arguments = {"prompt": "make it blue", "images": links, "size": "512x512"}
        return Reply(tool_calls=[ToolCall(name, arguments)])
    colours = [colour(base64.b64decode(data)) for data in re.findall(r"base64,([\w+/=]+)", seen)]
    return f"The house is {colours[-1]}, it was {colours[0]}."


@ON_BOTH
@pytest.mark.parametrize("protocol", ["openai", "dashscope"])
def test_langchain_agent_draws_looks_edits_and_answers(
    service: Emulator, protocol: Any, asynchronous: bool
) -> None:
    service.reply(draw_then_edit)
    model = ChatQwen(model="qwen3-vl-plus", api_key=KEY, base_url=service.base_url, protocol=protocol)
    agent = create_agent(model, [QwenImageGeneration(**fields_for(service))])
    question: Any = {"messages": [HumanMessage("Draw a blue house.")]}
    state = asyncio.run(agent.ainvoke(question)) if asynchronous else agent.invoke(question)
    assert state["messages"][-1].content == "The house is blue, it was red."
    last = [message for message in state["messages"] if isinstance(message, ToolMessage)][-1]
    assert colour(base64.b64decode(last.artifact[0]["base64"])) == "blue"


# ---- LlamaIndex ----


@ON_BOTH
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family["model"]))
def test_llama_index_tool_returns_text_and_image_blocks(
    service: Emulator, family: dict[str, Any], asynchronous: bool
) -> None:
    spec = QwenImageToolSpec(**fields_for(service, **family))
    text, *images = call_spec(spec, "image_generation", asynchronous, prompt="a pink pig", n=2)
    assert isinstance(text, TextBlock) and text.text.startswith("Generated 2 images.")
    assert all(isinstance(image, ImageBlock) for image in images)
    assert [colour(image.resolve_image().read()) for image in images] == ["pink", "pink"]


@ON_BOTH
def test_llama_index_tool_edits(service: Emulator, asynchronous: bool) -> None:
    spec = QwenImageToolSpec(**fields_for(service, download=False))
    _, image = call_spec(spec, "image_generation", asynchronous, prompt="a green frog")
    spec = QwenImageToolSpec(**fields_for(service))
    _, edited = call_spec(spec, "image_edit", asynchronous, prompt="a crown", images=[str(image.url)])
    assert colour(edited.resolve_image().read()) == "green"
    with pytest.raises(BadRequestError):
        call_spec(spec, "image_edit", asynchronous, prompt="a crown", images=[])


@ON_BOTH
def test_llama_index_tool_raises_if_all_images_failed(service: Emulator, asynchronous: bool) -> None:
    service.plan_tasks(failed_results=[0], code="DataInspectionFailed", message="no")
    spec = QwenImageToolSpec(**fields_for(service, model="wanx-v1"))
    with pytest.raises(ContentFilterError):
        call_spec(spec, "image_generation", asynchronous, prompt="a pig")


def test_llama_index_tools_are_described_for_the_model(service: Emulator) -> None:
    tools = {str(tool.metadata.name): tool for tool in QwenImageToolSpec(**fields_for(service)).to_tool_list()}
    assert sorted(tools) == ["image_edit", "image_generation"]
    schema = tools["image_edit"].metadata.get_parameters_dict()
    assert schema["required"] == ["prompt", "images"]
    assert "links" in schema["properties"]["images"]["description"].lower()


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")
def test_llama_index_agent_draws_looks_edits_and_answers(service: Emulator) -> None:
    service.reply(draw_then_edit)
    llm = Qwen(model="qwen3-vl-plus", api_key=KEY, base_url=service.base_url)
    agent = FunctionAgent(llm=llm, tools=QwenImageToolSpec(**fields_for(service)).to_tool_list(), streaming=False)

    async def run() -> Any:
        return await agent.run("Draw a blue house.")

    output = asyncio.run(run())
    assert output.response.content == "The house is blue, it was red."
    images = [block for block in output.tool_calls[-1].tool_output.blocks if isinstance(block, ImageBlock)]
    assert colour(images[0].resolve_image().read()) == "blue"


# ---- Image models behind the chat classes ----


@ON_BOTH
def test_image_model_behind_chat_qwen_answers_with_image_blocks(service: Emulator, asynchronous: bool) -> None:
    model = ChatQwen(model="qwen-image-2.0", api_key=KEY, base_url=service.base_url, protocol="dashscope", n=2)
    message = asyncio.run(model.ainvoke("a red house")) if asynchronous else model.invoke("a red house")
    blocks: list[Any] = list(message.content_blocks)
    assert [block["type"] for block in blocks] == ["image", "image"]
    assert all(block["url"].startswith(service.base_url) for block in blocks)


@ON_BOTH
def test_image_model_behind_llama_index_answers_with_image_blocks(service: Emulator, asynchronous: bool) -> None:
    llm = Qwen(model="qwen-image-2.0", api_key=KEY, base_url=service.base_url, protocol="dashscope")
    question = [ChatMessage("a red house")]
    response = asyncio.run(llm.achat(question)) if asynchronous else llm.chat(question)
    (block,) = response.message.blocks
    assert isinstance(block, ImageBlock) and str(block.url).startswith(service.base_url)


def test_several_choices_with_an_image_each_become_blocks(server: CannedServer) -> None:
    path = "/api/v1/services/aigc/multimodal-generation/generation"
    content = [
        {"type": "image", "image": "https://dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com/a.png?Expires=1"}
    ]
    body = {
        "request_id": "r",
        "output": {
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "finished": True,
        },
        "usage": {"image_count": 1, "size": "1488*704"},
    }
    server.on(path, Canned(body))
    model = ChatQwen(model="wan2.7-image", api_key=KEY, base_url=server.url, protocol="dashscope")
    blocks: list[Any] = list(model.invoke("a red house").content_blocks)
    (block,) = blocks
    assert (block["type"], block["url"]) == ("image", content[0]["image"])


def test_emulator_describes_the_images_that_it_drew() -> None:
    image = read_png(draw("a red house", 512, 512))
    assert image is not None and (image.width, image.height, image.colour) == (512, 512, "red")
