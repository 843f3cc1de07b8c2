"""Layers: the folders of the core import only lower ones, in the order of a call."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("types", "config", "models", "protocols", "prepare", "transports", "execution", "resources", "adapters")
"""Each may import those before it, and itself."""
SHARED = {"qwen_core.lazy_names"}
"""What any module may import, whatever its layer."""
SDKS = {"openai", "dashscope", "httpx", "httpx2", "aiohttp"}
PURE = ("types", "models", "protocols", "prepare")
IMPURE = SDKS | {"asyncio", "threading", "time", "anyio", "concurrent", "random", "secrets"}
"""No clock, lock, event loop, randomness or SDK in the pure layers."""
PACKAGES = ("qwen_core", "langchain_qwen", "llama_index_qwen", "qwen_emulator")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imports_of(path: Path) -> set[str]:
    """Return what a file imports anywhere in it, as modules of ours or as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found


IMPORTS = {name: imports_of(path) for name, path in MODULES.items()}


def layer_of(module: str) -> str | None:
    """Return the layer of a module of the core, or None."""
    parts = module.split(".")
    return parts[1] if parts[0] == "qwen_core" and len(parts) > 1 and parts[1] in LAYERS else None


CORE = sorted(name for name in MODULES if layer_of(name))


@pytest.mark.parametrize("module", CORE)
def test_core_module_imports_only_lower_layers(module: str) -> None:
    own = LAYERS.index(str(layer_of(module)))
    for name in IMPORTS[module] - SHARED:
        package = name.partition(".")[0]
        assert package not in set(PACKAGES) - {"qwen_core"}, f"{module} imports {name}"
        if package == "qwen_core":
            layer = layer_of(name)
            assert layer is not None, f"{module} imports {name}, which is in no layer"
            assert LAYERS.index(layer) <= own, f"{module} imports {name}, which is above it"


@pytest.mark.parametrize("module", CORE)
def test_sdks_are_imported_only_in_transports(module: str) -> None:
    roots = {name.partition(".")[0] for name in IMPORTS[module]}
    if layer_of(module) != "transports":
        assert not roots & SDKS
    if layer_of(module) in PURE:
        assert not roots & IMPURE


def test_types_import_only_msgspec_and_the_standard_library() -> None:
    for module in CORE:
        if layer_of(module) == "types":
            roots = {name.partition(".")[0] for name in IMPORTS[module]}
            assert roots - sys.stdlib_module_names <= {"msgspec", "qwen_core", "typing_extensions"}, module


def test_emulator_imports_no_other_package() -> None:
    for module, names in IMPORTS.items():
        if module.startswith("qwen_emulator"):
            assert not {name.partition(".")[0] for name in names} & (set(PACKAGES) - {"qwen_emulator"}), module


def test_framework_packages_do_not_import_each_other() -> None:
    for mine, other in (("langchain_qwen", "llama_index_qwen"), ("llama_index_qwen", "langchain_qwen")):
        for module, names in IMPORTS.items():
            if module.startswith(mine):
                assert not {name.partition(".")[0] for name in names} & {other, "qwen_emulator"}, module


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_cycle(package: str) -> None:
    graph = {
        name: {target for target in IMPORTS[name] if target in MODULES and target != name}
        for name in MODULES
        if name.startswith(package)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_core_package_has_at_most_nine_folders_and_six_files() -> None:
    top = [path for path in (ROOT / "qwen_core").iterdir() if path.name != "__pycache__"]
    assert {path.name for path in top if path.is_dir()} == set(LAYERS)
    assert len([path for path in top if path.is_file()]) <= 6
