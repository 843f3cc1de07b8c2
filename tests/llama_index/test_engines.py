"""Query and chat engines, routers, evaluators, extractors on the text of cookbook/data (checklist 11-13, 15)."""

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import SummaryIndex, VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.evaluation import FaithfulnessEvaluator, RelevancyEvaluator
from llama_index.core.extractors import QuestionsAnsweredExtractor, TitleExtractor
from llama_index.core.indices.property_graph import SchemaLLMPathExtractor, SimpleLLMPathExtractor
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor import LLMRerank, StructuredLLMRerank
from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import Document, NodeWithScore, QueryBundle, TextNode
from llama_index.core.selectors import LLMSingleSelector, PydanticMultiSelector, PydanticSingleSelector
from llama_index.core.tools import QueryEngineTool
from pydantic import BaseModel

from llama_index_qwen import QwenEmbedding
from qwen_emulator import Emulator
from tests.llama_index.conftest import MakeModel

# LlamaIndex closes its event loops without shutting them down; garbage collection closes the connections.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

HANDBOOK = Path(__file__).parents[2] / "cookbook" / "data"
QUESTION = "Which environment variable holds the API key?"
ANSWER, SOURCE = "DASHSCOPE_API_KEY", "regions-and-keys.md"


@pytest.fixture(scope="module", autouse=True)
def collect_garbage_afterwards() -> Iterator[None]:
    """Collect what LlamaIndex left open, before other tests warn of it."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def index(shared_emulator: Emulator) -> VectorStoreIndex:
    """Return an index of the handbook, embedded once."""
    documents = [
        Document(text=path.read_text(encoding="utf-8"), metadata={"file_name": path.name})
        for path in sorted(HANDBOOK.glob("*.md"))
    ]
    embedding = QwenEmbedding(**{"api_key": "sk-test", "base_url": shared_emulator.base_url})
    splitter = SentenceSplitter(chunk_size=256, chunk_overlap=20)
    return VectorStoreIndex.from_documents(documents, embed_model=embedding, transformations=[splitter])


def sources(response: Any) -> set[str]:
    return {source.node.metadata["file_name"] for source in response.source_nodes}


def test_query_engine_answers_with_sources(make: MakeModel, index: VectorStoreIndex) -> None:
    response = index.as_query_engine(llm=make(), similarity_top_k=3).query(QUESTION)
    assert ANSWER in str(response)
    assert SOURCE in sources(response)


async def test_query_engine_aquery_answers_with_sources(make: MakeModel, index: VectorStoreIndex) -> None:
    response = await index.as_query_engine(llm=make(), similarity_top_k=3).aquery(QUESTION)
    assert ANSWER in str(response)
    assert SOURCE in sources(response)


def test_query_engine_streams(make: MakeModel, index: VectorStoreIndex) -> None:
    response: Any = index.as_query_engine(llm=make(), streaming=True, similarity_top_k=3).query(QUESTION)
    pieces = list(response.response_gen)
    assert len(pieces) > 2
    assert ANSWER in "".join(pieces)
    assert SOURCE in sources(response)


async def test_query_engine_streams_async(make: MakeModel, index: VectorStoreIndex) -> None:
    response: Any = await index.as_query_engine(llm=make(), streaming=True, similarity_top_k=3).aquery(QUESTION)
    pieces = [piece async for piece in response.async_response_gen()]
    assert len(pieces) > 2
    assert ANSWER in "".join(pieces)
    assert SOURCE in sources(response)


@pytest.mark.parametrize("use_async", [False, True])
@pytest.mark.parametrize(
    "mode",
    [
        ResponseMode.COMPACT,
        ResponseMode.REFINE,
        ResponseMode.TREE_SUMMARIZE,
        ResponseMode.SIMPLE_SUMMARIZE,
        ResponseMode.ACCUMULATE,
        ResponseMode.COMPACT_ACCUMULATE,
    ],
)
def test_query_engine_response_modes(
    make: MakeModel, index: VectorStoreIndex, mode: ResponseMode, use_async: bool
) -> None:
    synthesizer = get_response_synthesizer(llm=make(), response_mode=mode, use_async=use_async)
    engine = RetrieverQueryEngine(index.as_retriever(similarity_top_k=2), synthesizer)
    assert str(engine.query(QUESTION))


class Variable(BaseModel):
    """An environment variable."""

    name: str


def test_query_engine_output_cls(make: MakeModel, index: VectorStoreIndex) -> None:
    engine = index.as_query_engine(llm=make(), output_cls=Variable, similarity_top_k=2)
    response: Any = engine.query(QUESTION)
    assert isinstance(response.response, Variable)


@pytest.mark.parametrize("mode", ["simple", "context", "condense_question", "condense_plus_context", "best"])
def test_chat_engine_modes(make: MakeModel, index: VectorStoreIndex, mode: Any) -> None:
    engine = index.as_chat_engine(mode, llm=make())
    first = engine.chat(QUESTION)
    second = engine.stream_chat("And what is the shared API host of the Singapore region?")
    assert str(first)
    assert "".join(second.response_gen)
    if mode != "simple":
        assert ANSWER in str(first)
        assert sources(first)

    async def ask() -> tuple[str, str]:
        whole = await engine.achat(QUESTION)
        chunks = await engine.astream_chat(QUESTION)
        return str(whole), "".join([piece async for piece in chunks.async_response_gen()])

    whole, streamed = asyncio.run(ask())
    assert whole
    assert streamed


def test_summary_index_tree_summarize(make: MakeModel, index: VectorStoreIndex) -> None:
    nodes = list(index.docstore.docs.values())[:6]
    assert str(SummaryIndex(nodes).as_query_engine(llm=make(), response_mode="tree_summarize").query(QUESTION))


def test_prompt_packing_respects_max_input_tokens(make: MakeModel, service: Emulator) -> None:
    """Fill qwen-max's input limit of 30,720 (window 32,768): LlamaIndex packs up to the limit it is given."""
    document = Document(text=" ".join(f"Fox {number} jumps over the dog." for number in range(6000)))
    index = SummaryIndex.from_documents([document])
    index.as_query_engine(llm=make(model="qwen-max"), response_mode="tree_summarize").query("What jumps?")
    from llama_index.core.utils import get_tokenizer

    texts = ["\n".join(str(message["content"]) for message in request.messages) for request in service.requests]
    longest = max(len(get_tokenizer()(text)) for text in texts)
    assert 25_000 < longest <= 30_720


@pytest.fixture
def tools(make: MakeModel, index: VectorStoreIndex) -> list[QueryEngineTool]:
    engine = index.as_query_engine(llm=make(), similarity_top_k=2)
    return [
        QueryEngineTool.from_defaults(
            engine, name="handbook", description="Answers questions about keys and regions."
        ),
        QueryEngineTool.from_defaults(engine, name="weather", description="Tells whether it rains tomorrow."),
    ]


@pytest.mark.parametrize("selector", [PydanticSingleSelector, PydanticMultiSelector, LLMSingleSelector])
def test_router_query_engine_selectors(make: MakeModel, tools: list[QueryEngineTool], selector: Any) -> None:
    llm = make()
    router = RouterQueryEngine.from_defaults(tools, llm=llm, selector=selector.from_defaults(llm=llm))
    assert ANSWER in str(router.query(QUESTION))
    assert ANSWER in str(asyncio.run(router.aquery(QUESTION)))


def test_sub_question_query_engine(make: MakeModel, service: Emulator, tools: list[QueryEngineTool]) -> None:
    llm = make()
    questions = [{"sub_question": QUESTION, "tool_name": "handbook"}]
    service.reply(f"```json\n{json.dumps({'items': questions})}\n```")
    engine = SubQuestionQueryEngine.from_defaults(
        tools,
        llm=llm,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        response_synthesizer=get_response_synthesizer(llm=llm),
        verbose=False,
    )
    assert ANSWER in str(engine.query(QUESTION))


def test_query_fusion_retriever(make: MakeModel, index: VectorStoreIndex) -> None:
    retriever = QueryFusionRetriever([index.as_retriever()], llm=make(), num_queries=2, use_async=False)
    assert retriever.retrieve(QUESTION)


@pytest.mark.parametrize("kind", [LLMRerank, StructuredLLMRerank])
def test_llm_rerank_postprocessors(make: MakeModel, service: Emulator, kind: Any) -> None:
    if kind is LLMRerank:
        service.reply("Doc: 2, Relevance: 9")
    nodes = [
        NodeWithScore(node=TextNode(text="Bread is baked from flour.")),
        NodeWithScore(node=TextNode(text="The Nile is the longest river of Africa.")),
    ]
    found = kind(llm=make(), top_n=1).postprocess_nodes(nodes, QueryBundle("Which river is the longest?"))
    assert [node.text for node in found] == ["The Nile is the longest river of Africa."]


@pytest.mark.parametrize("evaluator", [FaithfulnessEvaluator, RelevancyEvaluator])
def test_evaluators_run_from_sync_code(make: MakeModel, evaluator: Any) -> None:
    """Run evaluators, which call ``achat`` in a new event loop each time."""
    judge = evaluator(llm=make(max_retries=0))
    for _ in range(3):
        result = judge.evaluate(query="Q?", response="The Nile.", contexts=["The Nile is the longest river."])
        assert result.feedback


def test_metadata_extractors(make: MakeModel) -> None:
    nodes = [TextNode(text=f"The Nile is river number {number}.") for number in range(3)]
    llm = make(max_retries=0)
    assert len(TitleExtractor(llm=llm, nodes=1).extract(nodes)) == 3
    assert len(QuestionsAnsweredExtractor(llm=llm, questions=1).extract(nodes)) == 3


@pytest.mark.parametrize("kind", [SimpleLLMPathExtractor, SchemaLLMPathExtractor])
def test_property_graph_path_extractors(make: MakeModel, service: Emulator, kind: Any) -> None:
    nodes = [TextNode(text="Anna works for Alibaba.")]
    assert kind(llm=make())(nodes)
    assert service.requests


def test_predict_and_stream_with_prompt_templates(make: MakeModel) -> None:
    from llama_index.core.prompts import PromptTemplate

    llm = make(system_prompt="Be short.")
    assert llm.predict(PromptTemplate("Say {word}"), word="hello") == "hello"
    assert "".join(llm.stream(PromptTemplate("Say {word}"), word="hello")) == "hello"
    assert llm.chat([ChatMessage(role="user", content="Say {this}")]).message.content == "{this}"
