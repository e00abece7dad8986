"""What `import paykeel` promises: every name in `__all__`, and no other."""

from types import ModuleType

import paykeel

NAMES_MAX = 60


def surface_faults(module: ModuleType) -> list[str]:
    """Compare a package's `__all__` with the public names it really holds.

    Its submodules are not counted: Python hangs them there as they are imported.
    """
    listed = list(getattr(module, "__all__", ()))
    held = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    faults = [
        f"{name} is in __all__ and cannot be imported"
        for name in listed
        if not hasattr(module, name)
    ]
    faults += [f"{name} is public and not in __all__" for name in sorted(held - set(listed))]
    faults += [
        f"{name} is in __all__ twice" for name in sorted(set(listed)) if listed.count(name) > 1
    ]
    if len(listed) > NAMES_MAX:
        faults.append(f"{len(listed)} public names, and at most {NAMES_MAX} are allowed")
    return faults


def test_the_surface_is_what_it_says() -> None:
    assert paykeel.__all__, "the package promises nothing"
    assert surface_faults(paykeel) == []


def test_a_false_surface_is_seen() -> None:
    module = ModuleType("sample")
    vars(module).update(__all__=["a", "gone", "a"], a=1, forgotten=2, _own=3, part=ModuleType("b"))
    assert surface_faults(module) == [
        "gone is in __all__ and cannot be imported",
        "forgotten is public and not in __all__",
        "a is in __all__ twice",
    ]


def test_a_wide_surface_is_seen() -> None:
    names = [f"n{number}" for number in range(NAMES_MAX + 1)]
    module = ModuleType("sample")
    vars(module).update(dict.fromkeys(names), __all__=names)
    assert surface_faults(module) == ["61 public names, and at most 60 are allowed"]
