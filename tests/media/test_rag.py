"""Multimodal RAG in LlamaIndex: images are found by caption and sent to the answering model."""

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MediaResource, Node

from llama_index_qwen import QwenEmbedding
from qwen_emulator import Emulator
from tests.media.conftest import KEY, Make, ask_llm
from tests.media.generated_media import BLUE, GREEN, LLAMA_INDEX, RED, data_uri, png_image, text64

IMAGES = {"red": png_image(48, 32, RED), "green": png_image(20, 40, GREEN), "blue": png_image(64, 64, BLUE)}


@pytest.mark.skipif(LLAMA_INDEX < (0, 14, 23), reason="old engines pass no images on")
@pytest.mark.parametrize("colour", IMAGES)
def test_llama_index_rag_with_captioned_images(llm: Make, service: Emulator, protocol: str, colour: str) -> None:
    model = llm()
    ask = TextBlock(text="Describe the picture.")
    nodes = []
    for content in IMAGES.values():
        caption = ask_llm(model, [ImageBlock(image=content), ask]).partition(".")[0]
        nodes.append(
            Node(
                text_resource=MediaResource(text=caption),
                # LlamaIndex's stores keep the URL of a resource and drop its data.
                image_resource=MediaResource(url=data_uri(content), mimetype="image/png"),
            )
        )
    embedding = QwenEmbedding(api_key=KEY, base_url=service.base_url, protocol=protocol)
    index = VectorStoreIndex(nodes=nodes, embed_model=embedding)
    engine = RetrieverQueryEngine.from_args(index.as_retriever(similarity_top_k=1), llm=model, multimodal=True)
    response = engine.query(f"Which image is mostly {colour}?")
    assert colour in response.source_nodes[0].node.get_content()
    width, height = {"red": (48, 32), "green": (20, 40), "blue": (64, 64)}[colour]
    assert f"{width}×{height} pixels and mostly {colour}" in str(response)
    assert service.last_request.raw.count(text64(IMAGES[colour]).encode()) == 1
