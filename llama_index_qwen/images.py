"""``QwenImageToolSpec``: tools for LlamaIndex that generate and edit images."""

from typing import Annotated, Any, ClassVar

from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from pydantic import ConfigDict

from qwen_core.adapters.image_fields import (
    COUNT,
    IMAGES_TO_EDIT,
    NEGATIVE_PROMPT,
    PROMPT,
    SIZE,
    ImageFields,
    describe_images,
    fits_inline,
)
from qwen_core.errors import InvalidResponseError
from qwen_core.types.images import GeneratedImage, ImageResponse

Blocks = list[TextBlock | ImageBlock]


class QwenImageToolSpec(ImageFields, BaseToolSpec):
    """The tools ``image_generation`` and ``image_edit``.

    Their result is a text block that names each image with its link, and an image block for each, which has the
    content, or the link if ``download=False``.

    Examples:
        >>> tools = QwenImageToolSpec(size="1024x1024").to_tool_list()
        >>> agent = FunctionAgent(llm=Qwen(model="qwen3.7-plus"), tools=tools)  # doctest: +SKIP
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    # Not a field, which pydantic would make of it without ClassVar.
    spec_functions: ClassVar[list[Any]] = [  # type: ignore[misc]
        ("image_generation", "aimage_generation"),
        ("image_edit", "aimage_edit"),
    ]

    def image_generation(
        self,
        prompt: Annotated[str, PROMPT],
        size: Annotated[str | None, SIZE] = None,
        n: Annotated[int | None, COUNT] = None,
        negative_prompt: Annotated[str | None, NEGATIVE_PROMPT] = None,
    ) -> Blocks:
        """Generate images from a description. Returns the images and their links."""
        request = self.image_request(prompt, None, size, n, negative_prompt)
        return self.blocks(self.image_client().generate(request))

    async def aimage_generation(
        self,
        prompt: Annotated[str, PROMPT],
        size: Annotated[str | None, SIZE] = None,
        n: Annotated[int | None, COUNT] = None,
        negative_prompt: Annotated[str | None, NEGATIVE_PROMPT] = None,
    ) -> Blocks:
        """Generate images from a description. Returns the images and their links."""
        request = self.image_request(prompt, None, size, n, negative_prompt)
        return self.blocks(await self.async_image_client().generate(request))

    def image_edit(
        self,
        prompt: Annotated[str, PROMPT],
        images: Annotated[list[str], IMAGES_TO_EDIT],
        size: Annotated[str | None, SIZE] = None,
        n: Annotated[int | None, COUNT] = None,
        negative_prompt: Annotated[str | None, NEGATIVE_PROMPT] = None,
    ) -> Blocks:
        """Edit images by a description of the change. Returns the new images and their links."""
        request = self.image_request(prompt, images, size, n, negative_prompt)
        return self.blocks(self.image_client().edit(request))

    async def aimage_edit(
        self,
        prompt: Annotated[str, PROMPT],
        images: Annotated[list[str], IMAGES_TO_EDIT],
        size: Annotated[str | None, SIZE] = None,
        n: Annotated[int | None, COUNT] = None,
        negative_prompt: Annotated[str | None, NEGATIVE_PROMPT] = None,
    ) -> Blocks:
        """Edit images by a description of the change. Returns the new images and their links."""
        request = self.image_request(prompt, images, size, n, negative_prompt)
        return self.blocks(await self.async_image_client().edit(request))

    def resume(self, task_id: str) -> ImageResponse:
        """Wait for the images of a task that was submitted before, in another process too. Raise a QwenError."""
        return self.image_client().resume(task_id, model=self.model)

    async def aresume(self, task_id: str) -> ImageResponse:
        """Wait for the images of a task that was submitted before, without blocking. Raise a QwenError."""
        return await self.async_image_client().resume(task_id, model=self.model)

    def blocks(self, response: ImageResponse) -> Blocks:
        """Return a response as blocks. Raise the error if all images failed."""
        if not response.succeeded:
            raise next(iter(response.errors), InvalidResponseError("The response has no images."))
        text = TextBlock(text=describe_images(response))
        return [text, *map(image_block, response.succeeded)] if self.show_images else [text]


def image_block(image: GeneratedImage) -> ImageBlock:
    """Return an image as a block: with its content if there is one of a moderate size, else with its link."""
    if image.data is None or not fits_inline(image):
        return ImageBlock(url=image.url, image_mimetype=image.mime_type)
    return ImageBlock(image=image.data, image_mimetype=image.mime_type)
