"""At most 70 lines a function, 400 a file, 100 columns."""

from tests.tidy.sources import Source, over, qualified, sources

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
COLUMNS_MAX = 100

# Each table holds what is over its limit today, as `place: size`. Entries come off, none go on.
LONG_FUNCTIONS: dict[str, int] = {}
LONG_FILES: dict[str, int] = {}
WIDE_FILES: dict[str, int] = {}


def function_lines(source: Source) -> dict[str, int]:
    """Count a function's lines from its `def` to its end, docstring included."""
    return {
        f"{source.path}::{name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name, node in qualified(source.tree)
    }


def file_lines(source: Source) -> dict[str, int]:
    return {source.path: len(source.text.splitlines())}


def columns(source: Source) -> dict[str, int]:
    return {source.path: max(map(len, source.text.splitlines()), default=0)}


def test_functions_are_short() -> None:
    sizes: dict[str, int] = {}
    for source in sources("src", "tests", suffix=".py"):
        sizes |= function_lines(source)
    assert over(sizes, FUNCTION_LINES_MAX, LONG_FUNCTIONS) == []


def test_files_are_short() -> None:
    sizes: dict[str, int] = {}
    for source in sources("src", "tests", suffix=".py"):
        sizes |= file_lines(source)
    assert over(sizes, FILE_LINES_MAX, LONG_FILES) == []


def test_lines_are_narrow() -> None:
    sizes: dict[str, int] = {}
    for suffix in (".py", ".pyi", ".sql"):
        for source in sources("src", "tests", suffix=suffix):
            sizes |= columns(source)
    assert over(sizes, COLUMNS_MAX, WIDE_FILES) == []


def test_a_long_function_is_seen() -> None:
    body = "    pass\n" * FUNCTION_LINES_MAX
    sample = Source("a.py", f"class A:\n  @property\n  def b(self):\n{body}")
    assert function_lines(sample) == {"a.py::A.b": FUNCTION_LINES_MAX + 1}


def test_a_long_file_is_seen() -> None:
    assert file_lines(Source("a.py", "x = 1\n" * 401)) == {"a.py": 401}


def test_a_wide_line_is_seen() -> None:
    assert columns(Source("a.sql", f"--\n--{'é' * 99}\n")) == {"a.sql": 101}
