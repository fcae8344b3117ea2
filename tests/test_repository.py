"""What the repository promises about itself: nothing of a machine in it, reasons beside exceptions, links that lead somewhere."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("benchmarks", "dashboard", "data_access", "monitoring", "sample_data", "tests")
LARGEST_BYTES = 1_500_000
SAMPLE_BYTES = 8_000_000
# Put together from parts, so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:home|root|work|Users)/\w")
PACKAGE_INDEX = re.compile(
    "|".join((r"pypi\." + "org", "python" + r"hosted\.org", r"https?://\S*/simple\b", "index" + r"-url\s*=?\s*http"))
)
LOCKS_WITH_SOURCES = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "conda-lock.yml"}


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> dict[str, str]:
    found = {}
    for path in committed():
        content = path.read_bytes()
        if b"\0" not in content:
            found[str(path.relative_to(ROOT))] = content.decode()
    return found


def code() -> dict[str, str]:
    return {name: text for name, text in texts().items() if name.endswith(".py")}


def lines_with(pattern: re.Pattern[str], files: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def imported() -> set[str]:
    names = set()
    for node in chain.from_iterable(ast.walk(ast.parse(text)) for text in code().values()):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names if name}


def locked() -> dict[str, str]:
    pinned = [line.split(";")[0].strip() for line in (ROOT / "requirements.lock").read_text().splitlines()]
    return dict(line.split("==") for line in pinned)


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert lines_with(MACHINE_PATH, texts()) == []


def test_no_file_names_a_package_index() -> None:
    assert lines_with(PACKAGE_INDEX, texts()) == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /" + "work/main",
        "--index" + "-url=https://a.example",
        "https://a.example/" + "simple/x",
        "see py" + "pi.org",
    ],
)
def test_the_two_patterns_find_what_they_are_for(line: str) -> None:
    assert MACHINE_PATH.search(line) or PACKAGE_INDEX.search(line)


def test_no_lock_records_where_packages_came_from() -> None:
    assert [path for path in committed() if path.name in LOCKS_WITH_SOURCES] == []


def test_no_file_is_large_and_the_sample_is_compact() -> None:
    assert [path for path in committed() if path.stat().st_size > LARGEST_BYTES] == []
    assert sum(path.stat().st_size for path in committed() if ROOT / "sample_data" in path.parents) <= SAMPLE_BYTES


def test_the_lock_pins_one_release_of_everything() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*==[\w.]+( ; .+)?", line)] == []
    assert len(locked()) == len(lines)


def test_the_lock_has_every_dependency_at_a_release_that_fits() -> None:
    extras = project()["project"]["optional-dependencies"].values()
    wanted = chain(project()["project"]["dependencies"], *extras)
    requirements = [Requirement(line) for line in wanted if not line.startswith("modelfolio")]
    unfit = [str(each) for each in requirements if locked().get(each.name, "nothing") not in each.specifier]
    assert unfit == []


def test_every_package_that_is_imported_is_asked_for_by_name() -> None:
    declared = project()["project"]
    lines = chain(declared["dependencies"], *declared["optional-dependencies"].values())
    asked_for = {canonicalize_name(Requirement(line).name) for line in lines}
    brought_by = packages_distributions()
    foreign = imported() - sys.stdlib_module_names - set(PACKAGES)
    assert [
        name for name in sorted(foreign) if asked_for.isdisjoint(map(canonicalize_name, brought_by.get(name, [name])))
    ] == []


def test_every_rule_that_is_switched_off_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.flake8-type-checking]")]
    ignored = re.findall(r'^ +"[A-Z]+[0-9]*",.*$', section, flags=re.MULTILINE)
    assert len(ignored) > len(project()["tool"]["ruff"]["lint"]["ignore"])
    assert [line for line in ignored if not re.search(r", +# \w.{8,}", line)] == []


def test_every_exception_on_a_line_has_its_rule_and_its_reason() -> None:
    bare = re.compile(r"# (?:noqa(?!: [A-Z]+\d+(?:, ?[A-Z]+\d+)* \W*\w+ \w)|type: ignore(?!\[[\w, -]+\] +# \w+ \w))")
    assert lines_with(bare, {name: text for name, text in code().items() if name != "tests/test_repository.py"}) == []


def test_an_init_file_holds_one_sentence() -> None:
    inits = {name: ast.parse(text).body for name, text in code().items() if name.endswith("/__init__.py")}
    assert [name for name, body in inits.items() if len(body) != 1 or not isinstance(body[0], ast.Expr)] == []


def test_names_say_what_is_given_back() -> None:
    vague = re.compile(r"^(?:async )?def _?(?:get|process|handle)_")
    assert lines_with(vague, code()) == []
    assert [name for name in code() if Path(name).stem in {"utils", "helpers", "common", "misc", "manager"}] == []


def test_every_link_in_a_document_leads_to_a_file() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in texts().items()
        if name.endswith(".md")
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_every_decision_is_listed_and_says_what_was_given_up() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    decisions = sorted(folder.glob("[0-9]*.md"))
    assert [path.name for path in decisions] == listed
    for path in decisions:
        assert re.findall(r"^## (.+)$", path.read_text(), flags=re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
            "What we gave up",
        ]


def test_the_make_targets_that_documents_speak_of_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    spoken_of = {
        target
        for name, text in texts().items()
        if name.endswith(".md")
        for target in re.findall(r"(?:`|^ {4})make ([\w-]+)", text, flags=re.MULTILINE)
    }
    assert {"run", "test", "check", "fix", "bench", "test-slow"} <= targets
    assert spoken_of <= targets


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
