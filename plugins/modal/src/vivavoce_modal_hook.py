"""Teaches Modal's command line to take YAML: `modal deploy deploy/therapist.yaml`.

Runs in every start of Python in this environment (from `vivavoce_modal.pth`), so it imports nothing but `sys` and
installs a finder that waits for one module, `modal.cli.import_refs`, and then goes away. There it wraps the one
function that turns a command's argument into a module with an app; what does not end in .yaml or .yml goes to Modal
untouched.
"""

import sys

WATCHED = "modal.cli.import_refs"
ENDINGS = (".yaml", ".yml")


class Finder:
    """Finds `WATCHED` as everybody else does, once, and has its loader wrap the function."""

    def find_spec(self, name, path=None, target=None):
        """As `importlib.abc.MetaPathFinder.find_spec`."""
        if name != WATCHED:
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = WrappingLoader(spec.loader)  # type: ignore[assignment]
        return spec


class WrappingLoader:
    """Loads the module with its own loader, and then wraps `import_file_or_module`."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        """As the module's own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """Run the module, and wrap; a Modal that has no such function any more is left alone."""
        self._loader.exec_module(module)
        original = getattr(module, "import_file_or_module", None)
        if original is not None:
            module.import_file_or_module = taking_yaml(original)


def taking_yaml(original):
    """`import_file_or_module` that takes YAML too."""

    def import_file_or_module(import_ref, *args, **kwargs):
        if not import_ref.use_module_mode and import_ref.file_or_module.lower().endswith(ENDINGS):
            from vivavoce_modal.command import load_module

            return load_module(import_ref.file_or_module)
        return original(import_ref, *args, **kwargs)

    return import_file_or_module


def install():
    """Wait for Modal's command line; called when Python starts. Once is enough: later calls do nothing."""
    if WATCHED not in sys.modules and not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
