"""The API reference out of the docstrings: ``make reference`` writes it, a test holds it up to date.

It is the record of the public surface as well: names, signatures and types stand in it, so that a change of any of
them shows in the diff. The code is read, not imported.
"""

from collections.abc import Iterator
from pathlib import Path

import griffe

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

# Beside each package's ``__all__``: what README and the guides import from a module of its own.
PUBLIC: dict[str, dict[str, tuple[str, ...]]] = {
    "langchain_qwen": {
        "langchain_qwen.middleware": ("QwenPromptCachingMiddleware",),
        "langchain_qwen.errors": ("QwenError",),
    },
    "llama_index_qwen": {},
    "qwen_core": {
        "qwen_core.errors": (
            "QwenError",
            "AuthenticationError",
            "PermissionDeniedError",
            "NotFoundError",
            "BadRequestError",
            "ContextOverflowError",
            "ContentFilterError",
            "UnsupportedFeatureError",
            "RateLimitError",
            "QuotaExceededError",
            "ServerError",
            "APITimeoutError",
            "APIConnectionError",
            "IncompleteStreamError",
            "InvalidResponseError",
            "BatchError",
            "TaskError",
            "QwenWarning",
        ),
    },
    "qwen_emulator": {},
}
# Whose fields of the same names say what these fields mean.
SAME_FIELDS = {
    "qwen_core.types.requests.ChatRequest": "qwen_core.adapters.fields.ChatFields",
    "qwen_core.config.settings.ClientSettings": "qwen_core.adapters.fields.ConnectionFields",
}
WIDTH = 100


def pages() -> dict[str, str]:
    """The text of each page, by its file name."""
    loader = griffe.GriffeLoader(search_paths=[str(ROOT)])
    packages = {name: loader.load(name) for name in PUBLIC}
    loader.resolve_aliases(implicit=False, external=False)
    return {
        f"{name}.md": "\n\n".join(page(package, PUBLIC[name], loader)) + "\n" for name, package in packages.items()
    }


def page(
    package: griffe.Object | griffe.Alias, modules: dict[str, tuple[str, ...]], loader: griffe.GriffeLoader
) -> Iterator[str]:
    """All that is public of one package."""
    yield f"# `{package.name}`"
    yield "<!-- Written by `make reference` out of the docstrings. -->"
    yield from docstring(package)
    for name in sorted(str(export) for export in package.exports or ()):
        yield from described(package[name], name)
    for module, names in modules.items():
        yield f"# `{module}`"
        yield from docstring(loader.modules_collection[module])
        for name in names:
            yield from described(loader.modules_collection[module][name], name)


def described(found: griffe.Object | griffe.Alias, name: str) -> Iterator[str]:
    """A class with its fields and methods, or a function."""
    target = found.final_target if isinstance(found, griffe.Alias) else found
    yield f"## `{name}`"
    if isinstance(target, griffe.Function):
        yield fenced(declaration(target))
        yield from docstring(target)
        return
    if not isinstance(target, griffe.Class):
        raise TypeError(f"{target.path} is neither a class nor a function")
    bases = ", ".join(str(base) for base in target.bases)
    yield fenced(f"class {name}({bases})" if bases else f"class {name}")
    yield from docstring(target)
    parents = [base for base in target.mro() if base.name in PUBLIC[base.package.name].get(base.module.path, ())]
    if parents:
        known = parents[0].name if parents[0].package is target.package else parents[0].path
        yield f"It has all that `{known}` has."
    members = {
        member_name: member.final_target if isinstance(member, griffe.Alias) else member
        for member_name, member in (target.members if parents else target.all_members).items()
        if member_name == "__init__" or (not member_name.startswith("_") and member_name != "model_config")
    }
    arguments = told(target, griffe.DocstringSectionParameters)
    rows = [
        row(target, name, member)
        for name, member in members.items()
        if isinstance(member, griffe.Attribute) and name not in arguments
    ]
    if rows:
        yield "\n".join(["| name | type | default | meaning |", "| --- | --- | --- | --- |", *rows])
    for member_name, member in members.items():
        if isinstance(member, griffe.Function):
            yield f"### `{name}.{member_name}`"
            yield fenced(declaration(member))
            yield from docstring(member)


def row(owner: griffe.Class, name: str, attribute: griffe.Attribute) -> str:
    """A field or property in the table of its class. What an override does not say, its parent does."""
    same = SAME_FIELDS.get(owner.path) if attribute.value is not None else None
    texts = (
        parent.members[name].docstring.value
        for parent in (owner, *owner.mro(), *([owner.modules_collection[same]] if same else []))
        if name in parent.members and parent.members[name].docstring
    )
    meaning = next(texts, told(owner, griffe.DocstringSectionAttributes).get(name, ""))
    cells = (code(annotation(owner, attribute)), code(default(attribute)), " ".join(meaning.split()))
    return f"| `{name}` | " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def told(
    owner: griffe.Class, kind: type[griffe.DocstringSectionAttributes | griffe.DocstringSectionParameters]
) -> dict[str, str]:
    """What the class's own docstring says of attributes, or of arguments."""
    parsed = owner.docstring.parse("google", warnings=False) if owner.docstring else []
    lists = (section.value for section in parsed if isinstance(section, kind))
    return {item.name: item.description for items in lists for item in items}


def annotation(owner: griffe.Class, attribute: griffe.Attribute) -> object:
    """The type; that of the constructor's argument for an attribute which only that sets."""
    constructor = owner.members.get("__init__")
    if attribute.annotation is None and isinstance(constructor, griffe.Function):
        one = (each for each in constructor.parameters if each.kind is not griffe.ParameterKind.var_keyword)
        return next((each.annotation for each in one if each.name == attribute.name), None)
    return attribute.annotation


def default(attribute: griffe.Attribute) -> str:
    """The default as the source has it; that of ``Field(...)`` where it is written so."""
    if "class-attribute" not in attribute.labels:
        return ""
    value = attribute.value
    if isinstance(value, griffe.ExprCall) and str(value.function) in ("Field", "field"):
        said = {a.name: a.value for a in value.arguments if isinstance(a, griffe.ExprKeyword)}
        value = said.get("default", said.get("default_factory"))
    if isinstance(value, griffe.ExprName) and value.canonical_path in attribute.modules_collection:
        constant = attribute.modules_collection[value.canonical_path]
        value = constant.value if isinstance(constant, griffe.Attribute) else value
    return "" if value is None else " ".join(str(value).split())


def code(text: object) -> str:
    """Inline code; nothing for nothing."""
    return f"`{text}`" if text else ""


def fenced(text: str) -> str:
    """A block of Python."""
    return f"```python\n{text}\n```"


def declaration(function: griffe.Function) -> str:
    """The signature, one parameter to a line where it is long."""
    prefix = "async " if "async" in function.labels else ""
    text = f"{prefix}{function.signature()}"
    if len(text) <= WIDTH:
        return text
    head, inner, tail = cut(text)
    return "\n".join([head, *(f"    {part.strip()}," for part in inner), tail])


def cut(text: str) -> tuple[str, list[str], str]:
    """A signature up to its opening bracket, its parameters, and what is left from the closing one."""
    start, depth = text.index("(") + 1, 0
    parts = [""]
    for position, character in enumerate(text[start:], start):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            if depth == 0:
                return text[:start], parts, text[position:]
            depth -= 1
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    raise ValueError(f"no closing bracket: {text}")


def docstring(found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """A docstring as Markdown."""
    if found.docstring is None:
        return
    for section in found.docstring.parse("google", warnings=False):
        if isinstance(section, griffe.DocstringSectionText):
            yield str(section.value)
        elif isinstance(section, griffe.DocstringSectionAttributes):
            continue  # in the table of the class
        elif isinstance(section, griffe.DocstringSectionParameters):
            yield "\n".join(f"- `{item.name}`: {' '.join(item.description.split())}" for item in section.value)
        elif isinstance(section, griffe.DocstringSectionAdmonition):
            yield fenced(section.value.description.replace("  # doctest: +SKIP", ""))
        else:
            raise TypeError(f"{found.path}: a section {section.kind.value!r} has no form here")


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
