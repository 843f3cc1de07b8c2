"""``QwenImageGeneration``: a tool for LangChain that generates and edits images."""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, ConfigDict, Field

from langchain_qwen.errors import langchain_errors
from langchain_qwen.pydantic_internals import BriefRepr
from qwen_core.adapters.image_fields import (
    COUNT,
    GENERATION_OR_EDITING,
    IMAGES,
    NEGATIVE_PROMPT,
    PROMPT,
    SIZE,
    ImageFields,
    describe_images,
    encoded,
    fits_inline,
)
from qwen_core.errors import BadRequestError
from qwen_core.types.images import GeneratedImage, ImageResponse, MediaSource

ContentAndArtifact = tuple[str | list[dict[str, Any]], list[dict[str, Any]]]


class ImageGenerationInput(BaseModel):
    """The arguments of the tool."""

    prompt: str = Field(description=PROMPT)
    images: list[str] | None = Field(default=None, description=IMAGES)
    size: str | None = Field(default=None, description=SIZE)
    n: int | None = Field(default=None, description=COUNT)
    negative_prompt: str | None = Field(default=None, description=NEGATIVE_PROMPT)


class QwenImageGeneration(BriefRepr, ImageFields, BaseTool):
    """A tool that generates images, or edits those whose links it gets.

    The content of its result names each image with its link, and has the images themselves for a model that has
    vision (``show_images``). The artifact is a list of image blocks, with base64, or with links if
    ``download=False``. What the service refuses, such as a size or a prompt, is returned to the model as an error
    of the tool; other errors are raised.

    Examples:
        >>> tool = QwenImageGeneration(size="1024x1024")
        >>> agent = create_agent(ChatQwen(model="qwen3.7-plus"), [tool])  # doctest: +SKIP
        >>> tool.generate("a red house").images[0].content[:4]  # doctest: +SKIP
        b'\\x89PNG'
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    name: str = "image_generation"
    description: str = GENERATION_OR_EDITING
    args_schema: Any = ImageGenerationInput
    response_format: Any = "content_and_artifact"
    handle_tool_error: Any = True

    def generate(
        self,
        prompt: str,
        images: Sequence[MediaSource] | None = None,
        size: str | None = None,
        n: int | None = None,
        negative_prompt: str | None = None,
    ) -> ImageResponse:
        """Generate or edit images, and return them with their links, seeds and costs. Raise a QwenError."""
        with langchain_errors:
            return self.image_client().generate(self.image_request(prompt, images, size, n, negative_prompt))

    async def agenerate(
        self,
        prompt: str,
        images: Sequence[MediaSource] | None = None,
        size: str | None = None,
        n: int | None = None,
        negative_prompt: str | None = None,
    ) -> ImageResponse:
        """Generate or edit images, without blocking, and return them with their links. Raise a QwenError."""
        with langchain_errors:
            request = self.image_request(prompt, images, size, n, negative_prompt)
            return await self.async_image_client().generate(request)

    def resume(self, task_id: str) -> ImageResponse:
        """Wait for the images of a task that was submitted before, in another process too. Raise a QwenError."""
        with langchain_errors:
            return self.image_client().resume(task_id, model=self.model)

    async def aresume(self, task_id: str) -> ImageResponse:
        """Wait for the images of a task that was submitted before, without blocking. Raise a QwenError."""
        with langchain_errors:
            return await self.async_image_client().resume(task_id, model=self.model)

    def _run(
        self,
        prompt: str,
        images: list[str] | None = None,
        size: str | None = None,
        n: int | None = None,
        negative_prompt: str | None = None,
        run_manager: CallbackManagerForToolRun | None = None,
    ) -> ContentAndArtifact:
        try:
            response = self.generate(prompt, images, size, n, negative_prompt)
        except BadRequestError as error:
            raise ToolException(str(error)) from error
        return self._result(response)

    async def _arun(
        self,
        prompt: str,
        images: list[str] | None = None,
        size: str | None = None,
        n: int | None = None,
        negative_prompt: str | None = None,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
    ) -> ContentAndArtifact:
        try:
            response = await self.agenerate(prompt, images, size, n, negative_prompt)
        except BadRequestError as error:
            raise ToolException(str(error)) from error
        return self._result(response)

    def _result(self, response: ImageResponse) -> ContentAndArtifact:
        """Return content and artifact. Raise ToolException if all images failed."""
        text, images = describe_images(response), response.succeeded
        if not images:
            raise ToolException(text)
        artifact = [image_block(image) for image in images]
        if not self.show_images:
            return text, artifact
        # Chat models refuse images inline above a size, and read the link then.
        seen = [
            block if "url" in block or fits_inline(image) else link_block(image)
            for image, block in zip(images, artifact, strict=True)
        ]
        return [{"type": "text", "text": text}, *seen], artifact


def image_block(image: GeneratedImage) -> dict[str, Any]:
    """Return an image as LangChain's content block: with base64 if it was downloaded, else with its link."""
    content = encoded(image)
    if content is None:
        return link_block(image)
    return {"type": "image", "base64": content, "mime_type": image.mime_type}


def link_block(image: GeneratedImage) -> dict[str, Any]:
    """Return an image as LangChain's content block with its link."""
    return {"type": "image", "url": image.url, "mime_type": image.mime_type}
