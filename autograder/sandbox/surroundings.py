"""What a notebook expects around it and the grader does not have: packages, files, a GPU, the network.

It is not the student's fault, so it must not take more along than it has to. A statement at the top of a cell that
fails because such a thing is missing is skipped with a note, and the rest of the cell runs; a name that it should have
bound stands for what is not there, and whoever uses it passes over that statement, too. Nothing is gained by it: it is
as if these lines had not been written. A misspelt `import nump` is a slip, and stays the error that it is.

Runs in the student's kernel. What it reports is for the teacher to look at, and earns nothing. What it prints is
English there; `in_reader_s_language` says it in another language where a page is made of it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.language import Sentence, _, beginning, said

HELPER = "__autograder_surroundings__"
MAX_KEPT = 40  # things that are reported
MAX_NOTE = 400  # characters of a note that is looked at
# What a misspelt module may have been meant to be.
_MEANT = ("numpy", "keras", "tensorflow", "matplotlib", "scipy", "sklearn", "autograder", *sys.stdlib_module_names)
_MAY_BE_ABSENT = ("scipy", "sklearn")  # the others are ours to provide: without them nobody is graded
_FILE = re.compile(r"[^\n<>|*?\"]{0,200}[\w)]\.[A-Za-z]\w{1,5}|(?:\.{0,2}/|~/|[A-Za-z]:\\)[^\n]{1,200}")
_GPU = frozenset(  # calls of TensorFlow's that ask for a GPU or set it up
    [
        "list_physical_devices",
        "list_logical_devices",
        "gpu_device_name",
        "is_gpu_available",
        "set_memory_growth",
        "get_device_details",
        "set_visible_devices",
        "set_logical_device_configuration",
        "set_virtual_device_configuration",
        "get_memory_info",
    ]
)
_DOWNLOADS = frozenset(
    ["load_data", "get_file", "urlretrieve", "urlopen", "download", "download_and_prepare", "load", "get"]
)
_NO_NETWORK = (
    "URL fetch failure",
    "Name or service not known",
    "Temporary failure in name resolution",
    "urlopen error",
)
_OURS = (sys.prefix, sys.base_prefix, str(Path(__file__).resolve().parent.parent.parent))
_NO_FILE = ("not found", "No such file", "does not exist")


class AbsentError(ModuleNotFoundError):
    """Something was used that is not there where exercises are graded."""

    def __init__(self, reason: tuple[str, str]) -> None:
        super().__init__(_clause(*reason))
        self.reason = reason


class Absent:
    """Stands for something that is not there; any use of it says so.

    Args:
        reason: its kind and its name (see `described`).
    """

    def __init__(self, reason: tuple[str, str]) -> None:
        self.__dict__["_reason"] = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Python and IPython look for these in everything
            raise AttributeError(name)
        raise AbsentError(self._reason)

    def _used(self, *_: Any, **__: Any) -> Any:
        raise AbsentError(self._reason)

    __call__ = __getitem__ = __setitem__ = __iter__ = __len__ = __array__ = __setattr__ = _used
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __matmul__ = _used
    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __enter__ = __exit__ = __mro_entries__ = __neg__ = _used

    def __repr__(self) -> str:
        return described(*self._reason)


def why_absent(value: Absent) -> tuple[str, str]:
    """The kind and the name of what a value stands for."""
    reason: tuple[str, str] = value.__dict__["_reason"]
    return reason


class Surroundings:
    """One kernel's: rewrites cells so that what is not there is passed over, and keeps what that was."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._wrapped: list[tuple[str, ast.stmt]] = []
        self._of_a_gpu: set[str] = set()  # names that were bound by asking for one
        self._noted: set[str] = set()  # in the present cell
        self.last: Any = None  # the value of the present cell's last line
        self.missing: dict[tuple[str, str], None] = {}  # (kind, name), in the order of their finding

    def install(self, shell: Any) -> None:
        setattr(builtins, HELPER, self)
        shell.ast_transformers.append(self)

    def visit(self, tree: ast.Module) -> ast.Module:
        """Rewrite one cell; called by IPython."""
        self.last = None
        self._noted.clear()
        absent = {name for name, value in self._namespace.items() if isinstance(value, Absent)}
        body: list[ast.stmt] = []
        for statement in tree.body:
            last = statement is tree.body[-1]
            if isinstance(statement, ast.Import) or (isinstance(statement, ast.ImportFrom) and not statement.level):
                body += self._imports(statement, absent)
            elif (kind := self._kind(statement, absent)) and last and isinstance(statement, ast.Expr):
                # Its value is shown, and so it has to come out of the `try`.
                keep = ast.parse(f"{HELPER}.last = None").body[0]
                assert isinstance(keep, ast.Assign)
                keep.value = statement.value
                body += [self._passing_over(kind, ast.copy_location(keep, statement))]
                body += [ast.copy_location(node, statement) for node in ast.parse(f"{HELPER}.last").body]
            elif kind:
                body.append(self._passing_over(kind, statement))
                absent |= _bound(statement)
            else:
                body.append(statement)
        tree.body = body
        return ast.fix_missing_locations(tree)

    def passes_over(self, number: int) -> bool:
        """Called by a rewritten cell when a statement has failed; whether that was for its surroundings."""
        kind, statement = self._wrapped[number]
        error = sys.exc_info()[1]
        found = self._reason(kind, error, statement)
        if found is None:
            return False
        self.last = None
        self._note(*found)
        for bound in _bound(statement) - self._namespace.keys():
            self._namespace[bound] = Absent(found)
        return True

    def _imports(self, statement: ast.Import | ast.ImportFrom, absent: set[str]) -> list[ast.stmt]:
        """The imports one by one; one that may fail is passed over when it does."""
        parts: list[ast.Import | ast.ImportFrom] = [statement]
        if isinstance(statement, ast.Import):
            parts = [ast.copy_location(ast.Import([alias]), statement) for alias in statement.names]
        made: list[ast.stmt] = []
        for part in parts:
            module = part.module or "" if isinstance(part, ast.ImportFrom) else part.names[0].name
            if _is_absent(module):  # it may be written before this line is reached
                absent |= _bound(part)
                made.append(self._passing_over("import", part))
            else:
                made.append(part)
        return made

    def _kind(self, statement: ast.stmt, absent: set[str]) -> str:
        """Why a statement may fail for its surroundings; '' if nothing speaks for it."""
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return ""
        kind, uses_absent = "", False
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id in absent:
                uses_absent = True
            if isinstance(node, ast.Name) and node.id in self._of_a_gpu:
                kind = kind or "GPU"
            elif isinstance(node, ast.Attribute) and node.attr in _GPU:
                kind = "GPU"
                self._of_a_gpu |= _bound(statement)
            elif isinstance(node, ast.Attribute) and node.attr in _DOWNLOADS:
                kind = kind or "network"
            elif isinstance(node, ast.Attribute) and node.attr in ("run_line_magic", "run_cell_magic"):
                kind = kind or "magic"
            elif isinstance(node, ast.Attribute) and node.attr == "use":
                kind = kind or "style"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                kind = kind or ("file" if _FILE.fullmatch(node.value[:300]) else "")
        return kind or ("absent" if uses_absent else "")

    def _passing_over(self, kind: str, statement: ast.stmt) -> ast.stmt:
        self._wrapped.append((kind, statement))
        handler = ast.parse(f"if not {HELPER}.passes_over({len(self._wrapped) - 1}): raise").body
        for node in handler:
            for each in ast.walk(node):
                ast.copy_location(each, statement)
        return ast.copy_location(ast.Try([statement], [ast.ExceptHandler(None, None, handler)], [], []), statement)

    def _reason(self, kind: str, error: Any, statement: ast.stmt) -> tuple[str, str] | None:
        """What is not there (kind and name); None if the student's code is the reason."""
        text = str(error)[:1_000]
        if isinstance(error, AbsentError):
            return error.reason
        if kind == "import" and isinstance(error, ModuleNotFoundError) and _is_absent(module := str(error.name)):
            package = ".".join(module.split(".")[: 2 if module.startswith("google.") else 1])
            return "package", package
        if isinstance(error, OSError) and (isinstance(error, ConnectionError) or any(w in text for w in _NO_NETWORK)):
            return "network", ""
        if any(words in text for words in _NO_NETWORK):
            return "network", ""
        says_so = kind == "file" and isinstance(error, (OSError, ValueError)) and any(w in text for w in _NO_FILE)
        if says_so or isinstance(error, FileNotFoundError):
            name = str(getattr(error, "filename", None) or _file_in(statement) or "?")[:100]
            if name.startswith(_OURS):
                return None  # of Python's, a library's or the kit's: that is no surrounding of a notebook's
            return "file", name
        if kind == "GPU" and isinstance(error, (IndexError, SystemError, AssertionError)):
            return "GPU", ""
        if kind == "GPU" and re.search(r"\bGPU|\bdevice", text) and isinstance(error, (RuntimeError, ValueError)):
            return "GPU", ""
        if kind == "magic" and (isinstance(error, ModuleNotFoundError) or type(error).__name__ == "UsageError"):
            name = next((str(n.value) for n in ast.walk(statement) if isinstance(n, ast.Constant)), "?")[:100]
            return "magic", name
        if kind == "style" and isinstance(error, OSError) and "style" in text:
            return "style", text.partition(" is not")[0].strip("'")[:100]
        return None

    def _note(self, kind: str, name: str) -> None:
        if (kind, name) not in self.missing and len(self.missing) < MAX_KEPT:
            self.missing[kind, name] = None
        says = _note(kind, name)
        if says in self._noted:
            return
        self._noted.add(says)
        with contextlib.suppress(Exception):
            print(says, file=sys.stderr)


# By kind: what it is as a noun, and a clause that says that it is not there.
_SAID: dict[str, tuple[Callable[[str], Sentence], Callable[[str], Sentence]]] = {
    "package": (
        lambda name: _("the package `{name}`", name=name),
        lambda name: _("`{name}` is not installed where exercises are graded", name=name),
    ),
    "file": (
        lambda name: _("the file `{name}`", name=name),
        lambda name: _("the file `{name}` is not there where exercises are graded", name=name),
    ),
    "GPU": (lambda name: _("a GPU"), lambda name: _("there is no GPU where exercises are graded")),
    "network": (lambda name: _("the network"), lambda name: _("there is no network where exercises are graded")),
    "magic": (
        lambda name: _("`%{name}`", name=name),
        lambda name: _("`%{name}` does not work where exercises are graded", name=name),
    ),
    "style": (
        lambda name: _("the style `{name}`", name=name),
        lambda name: _("Matplotlib has no style of that name"),
    ),
}
KINDS = frozenset(_SAID)
EXIT_IGNORED = _("exit() would end the notebook here. The grader goes on to the end.")


def described(kind: str, name: str) -> Sentence:
    """A thing that is not there as a noun: "the package `seaborn`"."""
    return _SAID[kind][0](name)


def _clause(kind: str, name: str) -> Sentence:
    return _SAID[kind][1](name)


def _note(kind: str, name: str) -> Sentence:
    return _("{what}. It costs you nothing in tasks that do not need it.", what=beginning(_clause(kind, name)))


def _pattern(text: str) -> str:
    """What matches a text in which `\0` stands for a name."""
    return re.escape(text).replace(re.escape("\0"), "([^`\n]{0,200})")


_NOTES = {kind: re.compile(_pattern(_note(kind, "\0"))) for kind in KINDS}


def in_reader_s_language(printed: str) -> str:
    """What a cell has printed, with each line that the sandbox wrote itself in the language in use.

    A line that a student's own code writes in the same words is said in it, too; nothing depends on who wrote it.
    """
    return "".join(_line_said(line) for line in printed.splitlines(keepends=True))


def _line_said(line: str) -> str:
    text = line.rstrip("\r\n")
    if text == EXIT_IGNORED:
        return said(EXIT_IGNORED) + line[len(text) :]
    for kind, pattern in _NOTES.items():
        if len(text) < MAX_NOTE and (found := pattern.fullmatch(text)):
            return said(_note(kind, found[1] if found.groups() else "")) + line[len(text) :]
    return line


def _is_absent(module: str) -> bool:
    """Whether a module is not there, and is no slip of the pen for one that is."""
    root = module.partition(".")[0]
    importlib.invalidate_caches()  # a cell may have written it a moment ago
    try:
        if root in sys.modules or importlib.util.find_spec(root) is not None:
            # `google` is a folder that several packages share: `google.colab` may be missing all the same.
            return root == "google" and importlib.util.find_spec(".".join(module.split(".")[:2])) is None
    except (ImportError, ValueError, AttributeError):
        return False
    return root in _MAY_BE_ABSENT or not difflib.get_close_matches(root[:40], _MEANT, 1, 0.8)


def _bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names if alias.name != "*"}
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _file_in(statement: ast.stmt) -> str:
    texts = [n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return next((text for text in texts if _FILE.fullmatch(text[:300])), "")
