"""The import hook: what it costs, and that it leaves everything but YAML alone."""

from __future__ import annotations

import subprocess
import sys
import timeit
from importlib import metadata
from types import SimpleNamespace

import pytest

hook = pytest.importorskip("vivavoce_modal_hook", reason="pip install vivavoce-modal")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_start_of_python_loads_the_hook_and_nothing_of_the_plugin():
    loaded = python("import sys; print(*[name for name in sys.modules if 'vivavoce' in name or 'modal' in name])")
    assert loaded == "vivavoce_modal_hook"


def test_what_it_costs():
    """Printed, not judged: machines are noisy. It was 0.1 ms, of which the file system took most."""
    setup = "import sys, importlib.util"
    code = "sys.modules.pop('vivavoce_modal_hook', None); import vivavoce_modal_hook as h; h.install()"
    undo = "; sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != 'Finder']"
    ms = min(timeit.repeat(code + undo, setup, number=1, repeat=50)) * 1000
    print(f"import hook: {ms:.2f} ms at every start of Python")
    assert "vivavoce_modal_hook" in sys.modules
    assert {name for name in dir(hook) if not name.startswith("_")} >= {"install", "Finder"}


def test_the_files_are_where_python_looks_for_them():
    files = {str(file): file for file in metadata.files("vivavoce-modal") or ()}
    assert "import vivavoce_modal_hook; vivavoce_modal_hook.install()" in files["vivavoce_modal.pth"].read_text()
    assert files["vivavoce_modal.start"].read_text().strip() == "vivavoce_modal_hook:install"


def test_installing_twice_waits_once(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, hook.WATCHED, raising=False)
    hook.install()
    hook.install()
    assert [type(finder).__name__ for finder in sys.meta_path] == ["Finder"]


def test_the_finder_goes_away_when_modals_command_line_is_loaded():
    code = (
        "import sys, modal.cli.import_refs as refs;"
        "print([type(f).__name__ for f in sys.meta_path].count('Finder'), refs.import_file_or_module.__module__)"
    )
    assert python(code) == "0 vivavoce_modal_hook"


@pytest.mark.parametrize(
    ("reference", "module_mode"), [("app.py", False), ("a.yaml", True), ("yaml", False), ("a.yaml.py", False)]
)
def test_everything_else_goes_to_modal_as_it_came(reference, module_mode):
    received = []
    wrapped = hook.taking_yaml(lambda *args, **kwargs: received.append((args, kwargs)))
    given = SimpleNamespace(file_or_module=reference, use_module_mode=module_mode)
    wrapped(given, "modal deploy", allow_stdin=True)
    assert received == [((given, "modal deploy"), {"allow_stdin": True})]


def test_a_modal_without_that_function_is_left_alone():
    module = SimpleNamespace()
    hook.WrappingLoader(SimpleNamespace(exec_module=lambda module: None)).exec_module(module)
    assert vars(module) == {}
