"""Size budgets and completeness: rules on which a newcomer relies without reading them."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from durable_research import queues
from durable_research.catalogue import DESCRIPTORS, PACKAGES, PIPELINES, policies
from durable_research.cli.main import COMMANDS
from durable_research.descriptor import Pipeline
from durable_research.domain import errors, model_errors
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.remedies import REMEDIES
from durable_research.failpoints.reach import Place, Point, UndoPlace
from durable_research.policies import BUILT_IN
from durable_research.settings.settings import Settings
from durable_research.worker.registry import WORKFLOWS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "durable_research"
MODULES = sorted(SOURCE.rglob("*.py"))
ERRORS = {
    one
    for module in (errors, model_errors)
    for _, one in inspect.getmembers(module, inspect.isclass)
    if issubclass(one, errors.ResearchError)
}
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_is_longer_than_its_budget() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in MODULES}

    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_no_function_is_longer_than_its_budget() -> None:
    long = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _code_lines(node)
                if length > LONGEST_FUNCTION:
                    long[f"{relative(path)}:{node.name}"] = length

    assert long == {}


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the function without its docstring."""
    assert node.end_lineno is not None
    length = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


def test_package_init_files_are_empty() -> None:
    assert [relative(path) for path in MODULES if path.name == "__init__.py" and path.read_text()] == []


def test_every_module_has_a_docstring() -> None:
    silent = [
        relative(path)
        for path in MODULES
        if path.name != "__init__.py" and ast.get_docstring(ast.parse(path.read_text())) is None
    ]

    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_pipeline_folder_holds_the_same_files(package: str) -> None:
    folder = SOURCE / "pipelines" / package.rsplit(".", 1)[1]
    files = {path.name for path in folder.iterdir() if path.is_file()} - {"__init__.py", "prompts.py"}

    assert files == {"workflow.py", "pipeline.py", "activities.py", "messages.py", "README.md"}


def test_every_activity_has_a_policy_and_a_pinned_name() -> None:
    named = set()
    for path in [
        *(SOURCE / "pipelines").rglob("activities.py"),
        SOURCE / "temporal" / "worker" / "builtin_activities.py",
    ]:
        pinned = re.findall(r"@activity\.defn(.*)\n    async def (\w+)", path.read_text())
        # A worker finds the activities of its queues by their names, which are the methods'.
        for decoration, method in pinned:
            assert decoration == f'(name="{method}")', f"{relative(path)}: {method}"
        named |= {method for _, method in pinned}

    assert named == set(policies())


def test_every_workflow_pins_its_recorded_name() -> None:
    for workflow in WORKFLOWS:
        assert f'@workflow.defn(name="{workflow.__name__}")' in inspect.getsource(sys.modules[workflow.__module__])


def test_every_policy_names_a_known_queue() -> None:
    assert {policy.queue for policy in policies().values()} <= set(queues.QUEUES)


def test_workflows_take_timeouts_only_from_policies() -> None:
    for path in (SOURCE / "pipelines").rglob("workflow.py"):
        assert not re.search(r"timedelta\((?!seconds=policy)", path.read_text()), relative(path)


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
def test_policies_marked_as_undo_are_exactly_the_pipelines_undos(pipeline: Pipeline) -> None:
    assert {row.step for row in pipeline.policies if row.undoes} == set(pipeline.undos)


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
def test_logged_policies_are_exactly_the_labelled_steps_and_undos(pipeline: Pipeline) -> None:
    assert {row.step for row in pipeline.policies if row.logged} == {*pipeline.steps, *pipeline.undos}


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
def test_a_workflow_registers_each_undo_of_its_table_before_the_step(pipeline: Pipeline) -> None:
    code = (SOURCE / "pipelines" / pipeline.package.rsplit(".", 1)[1] / "workflow.py").read_text()
    registered = {found[1]: found.start() for found in re.finditer(r"\.register\(\w+\.(\w+),", code)}
    run = {found[1]: found.start() for found in re.finditer(r"\w*step\w*\(\s*\w+\.(\w+),", code)}

    assert set(registered) == set(pipeline.undos)
    assert set(pipeline.steps) <= set(run)
    for step in pipeline.table:
        if step.undo:
            assert registered[step.undo.policy.step] < run[step.policy.step], step.label


def test_no_two_activities_have_the_same_name() -> None:
    rows = [row.step for row in (*BUILT_IN, *(row for one in DESCRIPTORS for row in one.policies))]

    assert sorted(rows) == sorted(policies())


def test_every_folder_of_a_pipeline_is_in_the_catalogue() -> None:
    folders = {path.parent.name for path in (SOURCE / "pipelines").glob("*/__init__.py")}

    assert folders == {package.rsplit(".", 1)[1] for package in PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_pipeline_descriptor_is_imported_without_its_workflow(package: str) -> None:
    read = (
        f"import sys, {package}.pipeline; "
        "print([name for name in sys.modules if name.endswith('.workflow') and '.pipelines.' in name or name == 'temporalio'])"
    )
    done = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_pipeline_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()

    assert [path for path in PIPELINES if f"`{path}`" not in text] == []


def test_every_setting_is_in_the_example_file_with_its_meaning() -> None:
    example = (ROOT / ".env.example").read_text()
    documented = set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE))

    assert {field.alias for field in Settings.model_fields.values()} <= documented
    for field in Settings.model_fields.values():
        assert field.description, field.alias
        assert field.description in example, f"{field.alias}: {field.description}"


def test_the_example_file_names_no_unknown_setting() -> None:
    documented = set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    of_temporal = {name for name in documented if name.startswith("TEMPORAL_")}
    of_settings = {field.alias for field in Settings.model_fields.values()}

    assert documented - of_temporal - {"DURABLE_RESEARCH_SERVER"} == of_settings


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}`" in (ROOT / "docs" / "commands.md").read_text()


def test_every_error_code_is_documented() -> None:
    codes = {one.code for one in ERRORS}
    text = (ROOT / "docs" / "errors.md").read_text()

    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_every_error_code_has_a_remedy_and_every_remedy_an_error_code() -> None:
    assert set(REMEDIES) == {one.code for one in ERRORS}


def test_remedies_name_settings_that_exist() -> None:
    known = {field.alias for field in Settings.model_fields.values()} | {"TEMPORAL_NAMESPACE"}

    assert {name for remedy in REMEDIES.values() for name in remedy.settings} - known == set()


@pytest.mark.parametrize("code", REMEDIES)
def test_every_remedy_is_documented(code: str) -> None:
    resume, run_again = ("yes" if helps else "no" for helps in (REMEDIES[code].resume, REMEDIES[code].ask_again))

    row = f"| `{code}` | {REMEDIES[code].words} | {resume} | {run_again} |"
    assert row in (ROOT / "docs" / "errors.md").read_text().splitlines()


def test_every_problem_of_the_api_is_documented() -> None:
    code = "".join(path.read_text() for path in (SOURCE / "web").rglob("*.py"))
    named = set(re.findall(r'Problem\(\s*\d{3},\s*"(\w+)"', code)) | set(re.findall(r'HTTPStatus\.\w+: "(\w+)"', code))
    text = (ROOT / "docs" / "errors.md").read_text()

    assert len(named) > 10
    assert {one for one in named if f"`{one}`" not in text} == set()


def test_every_kind_of_event_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()

    assert {kind for kind in EventKind if f"`{kind}`" not in text} == set()


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_error_class_is_in_the_documented_tree() -> None:
    drawn = errors.__doc__ or ""

    assert {one.__name__ for one in ERRORS if one.__name__ not in drawn} == set()


def test_every_failpoint_is_reached_by_code_and_documented() -> None:
    code = "".join(path.read_text() for path in MODULES if path.name != "failpoints/reach.py")
    text = (ROOT / "docs" / "failpoints.md").read_text()
    of_steps = {policy.step for policy in policies().values() if policy.effect or policy.undoes}

    assert {
        place for place in [*Place, *UndoPlace, *Point] if f"{type(place).__name__}.{place.name}" not in code
    } == set()
    documented = set(Point) | of_steps | {f"STEP.{place}" for place in [*Place, *UndoPlace]}
    assert {name for name in documented if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt", "go.txt", "clients.txt"])
def test_lock_files_hold_hashes_and_no_registry_address(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()

    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "--index" not in text


def test_architecture_md_names_every_folder() -> None:
    rooms = {f"{one.name}/" if one.is_dir() else one.name for one in SOURCE.iterdir() if not one.name.startswith("__")}
    named = set(re.findall(r"`([^`\n]+)`", (ROOT / "ARCHITECTURE.md").read_text()))

    assert rooms - named - {"py.typed"} == set()


def test_every_path_that_the_documents_name_exists() -> None:
    there = {
        f"{relative(path)}/" if path.is_dir() else relative(path)
        for part in ("src", "tests", "docs", "tools", "requirements", "bench", "examples", "deploy")
        for path in (ROOT / part).rglob("*")
        if "__pycache__" not in path.parts
    }
    there |= {
        f"{part}/" for part in ("src", "tests", "docs", "tools", "requirements", "bench", "examples", "deploy", "data")
    }
    pages = [page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if page.name != "CHANGELOG.md"]
    named = {(page, path) for page in pages for path in _paths_in(page.read_text())}

    assert len(named) > 60
    missing = {
        f"{relative(page)}: {path}"
        for page, path in named
        if not any(one == path or one.endswith(f"/{path}") for one in there)
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("page", "heading"), [("ARCHITECTURE.md", "Where to change"), ("CONTRIBUTING.md", "Where to add")]
)
def test_every_name_in_a_table_of_places_is_defined_in_src(page: str, heading: str) -> None:
    named = _identifiers_in((ROOT / page).read_text().split(f"## {heading}")[1].split("\n## ")[0])

    assert len(named) >= 3
    assert named - _definitions() - {field.alias for field in Settings.model_fields.values()} == set()


def _identifiers_in(text: str) -> set[str]:
    """Python names in code spans: with an underscore, a dot, a call's brackets, or in capitals like a class; no file names."""
    spans = {span.removesuffix("()"): span for span in re.findall(r"`([^`\n]+)`", text)}
    return {
        name
        for name, span in spans.items()
        if re.fullmatch(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)?", name)
        and not name.endswith((".py", ".md"))
        and (re.search(r"[_.]|[a-z][A-Z]", name) or span != name or name.isupper())
    }


def _definitions() -> set[str]:
    """Every function, class and assigned name of src, and each name of a class's body also as `Class.name`."""
    found = set()
    for path in MODULES:
        for scope in ast.walk(ast.parse(path.read_text())):
            if isinstance(scope, ast.Module | ast.ClassDef):
                names = {name for node in scope.body for name in _defined_by(node)}
                found |= names | {f"{scope.name}.{name}" for name in names if isinstance(scope, ast.ClassDef)}
    return found


def _defined_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _paths_in(text: str) -> set[str]:
    """Files and folders that prose and tables name in code spans; blocks that a guide has its reader write are left out."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", prose)
    return {
        one
        for one in spans
        if re.fullmatch(r"(?:[a-z_]+/)+(?:[\w-]+\.(?:py|md|toml|sh|html|css|js|typ))?|[a-z_]+\.py", one)
    }


def _glossary() -> list[tuple[str, tuple[str, ...]]]:
    page = (ROOT / "docs" / "explanation" / "glossary.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|([^|]*)\|$", page, re.MULTILINE)
    return [(term, tuple(filter(None, map(str.strip, retired.split(","))))) for term, retired in rows if term != "term"]


def test_every_glossary_term_is_used_in_src_and_no_retired_word() -> None:
    words = " ".join(re.sub(r"[_\W]+", " ", path.read_text()).lower() for path in MODULES)
    terms = _glossary()

    assert 20 < len(terms) <= 40
    assert [term for term, _ in terms if not re.search(rf"\b{term}", words)] == []
    assert [word for _, retired in terms for word in retired if re.search(rf"\b{word}\b", words)] == []
