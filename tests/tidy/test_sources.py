from tests.tidy.sources import Source, every_path, over, qualified, unlisted


def test_the_repository_is_found() -> None:
    assert {"pyproject.toml", "tests/tidy/sources.py"} <= set(every_path())


def test_functions_are_named_by_where_they_stand() -> None:
    text = "class A:\n    def b(self):\n        if 1:\n            async def c(): ...\n"
    assert [name for name, _ in qualified(Source("a.py", text).tree)] == ["A.b", "A.b.c"]


def test_a_list_of_exceptions_only_shrinks() -> None:
    assert unlisted({"a": "bad"}, {}) == ["a: bad"]
    assert unlisted({"a": "bad"}, {"a": "its reason"}) == []
    assert unlisted({}, {"a": "its reason"}) == ["a: listed, but no longer needed"]


def test_an_excess_only_shrinks() -> None:
    assert over({"a": 70}, 70, {}) == []
    assert over({"a": 71}, 70, {}) == ["a: 71, and at most 70 is allowed"]
    assert over({"a": 80}, 70, {"a": 80}) == []
    assert over({"a": 81}, 70, {"a": 80}) == ["a: 81, and at most 80 is allowed"]
    assert over({"a": 75}, 70, {"a": 80}) == ["a: shrunk to 75; lower its entry to that"]
    assert over({"a": 70}, 70, {"a": 80}) == ["a: listed, but no longer needed"]
    assert over({}, 70, {"a": 80}) == ["a: listed, but no longer needed"]
