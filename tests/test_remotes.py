"""Push and pull through real remotes: a folder, OpenSSH, S3; dead servers, wrong keys, a full disk, damaged objects."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, run
from servers import KINDS, SERVERS, Folder, use
from study import digest

RUNG = "data/train/tiered-real-d0-i0/00003"
FILES = 60  # of the heavy project, 40,000 bytes each
NAMED = ("-c", "user.name=A Reader", "-c", "user.email=reader@study.example")
Start = Callable[[str], Folder]


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """The S3 client tries once: five times, each with pauses, are minutes for a server that is gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts servers by name, each once for all tests; ends them all."""
    running: dict[str, Folder] = {}

    def begin(kind: str) -> Folder:
        if kind not in running:
            running[kind] = KINDS[kind](tmp_path_factory.mktemp(kind))
            running[kind].start()
        return running[kind]

    yield begin
    for one in running.values():
        one.kill()


@pytest.fixture(scope="module")
def shared(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished study in git, as its owner keeps it; no remote yet."""
    folder = shutil.copytree(study, tmp_path_factory.mktemp("shared") / "study", ignore=shutil.ignore_patterns("tmp"))
    for name in (".gitignore", "data/.gitignore", ".dvc/.gitignore", ".dvc/config"):
        shutil.copy(ROOT / name, folder / name)
    keep(folder)
    return folder


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose library takes long enough to be interrupted."""
    folder, chance = tmp_path_factory.mktemp("heavy"), random.Random(1)
    for number in range(FILES):
        path = folder / f"library/{number:02d}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(chance.randbytes(40_000))
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc")
    run(folder, "dvc", "add", "-q", "library")
    return folder


def keep(project: Path) -> None:
    """Commit everything that git does not ignore."""
    run(project, "git", "init", "-q", "-b", "main")
    run(project, "git", "add", "-A")
    run(project, "git", *NAMED, "commit", "-qm", "A study")


def clone(project: Path, folder: Path) -> Path:
    """A second clone, with the secrets that its owner was told and nothing that git does not hold."""
    run(project.parent, "git", "clone", "-q", str(project), str(folder))
    if (secrets := project / ".dvc/config.local").exists():
        shutil.copy(secrets, folder / ".dvc")
    return folder


def twin(project: Path, folder: Path) -> Path:
    """The same project somewhere else, its files and cache left out."""
    return shutil.copytree(project, folder, ignore=shutil.ignore_patterns("cache", "tmp", "library"))


def refused(project: Path, *command: str) -> str:
    """Run a command that must fail; returns what it said."""
    with pytest.raises(AssertionError) as told:
        run(project, *command)
    return str(told.value)


def made(folder: Path) -> list[str]:
    """Which outputs of the pipeline lie in a clone."""
    names = subprocess.run(["git", "ls-files", "-oi", "--exclude-standard", "data"], cwd=folder, stdout=-1, text=True)
    return sorted({"/".join(name.split("/")[:2]) for name in names.stdout.split()})


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_clone_pulls_the_scenes_alone_or_one_adapter_or_everything(
    kind: str, start: Start, shared: Path, tmp_path: Path
) -> None:
    owner = shutil.copytree(shared, tmp_path / "owner", symlinks=True)
    use(owner, start(kind))
    keep(owner)
    run(owner, "dvc", "push")
    other = clone(owner, tmp_path / "other")
    assert digest(other / "metrics") == digest(owner / "metrics")  # the report came with git
    assert not made(other)
    run(other, "dvc", "pull", "data/scenes")
    assert made(other) == ["data/scenes"]
    run(other, "dvc", "pull", RUNG)
    assert digest(other / "data/train") == {
        str(Path(RUNG, name).relative_to("data/train")): value for name, value in digest(owner / RUNG).items()
    }
    run(other, "dvc", "pull")
    assert digest(other / "data") == digest(owner / "data")
    assert run(other, "dvc", "status").strip().endswith("Data and pipelines are up to date.")


@pytest.fixture(scope="module")
def published(start: Start, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as others see it, its data on S3."""
    owner = shutil.copytree(shared, tmp_path_factory.mktemp("published") / "owner", symlinks=True)
    use(owner, start("s3"))
    pipeline = owner / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("data/train/tiered-real-d0-i0/00045", RUNG))
    keep(owner)
    run(owner, "dvc", "push")
    return owner


@pytest.fixture
def stranger(published: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that knows nothing of this one, on a machine with the keys of the bucket in its environment."""
    for name, value in start("s3").secrets.items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    return tmp_path


def test_another_project_gets_a_tier_and_loads_it_with_datasets(published: Path, stranger: Path) -> None:
    run(stranger, "dvc", "get", str(published), "data/tiers", "-o", "tiers")
    import datasets

    rows = datasets.load_dataset(str(stranger / "tiers"), split="train", cache_dir=str(stranger / "datasets"))
    files = [stranger / f"tiers/{tier}.jsonl" for tier in ("core", "orbit", "fractal")]
    assert rows.num_rows == sum(len(path.read_text().splitlines()) for path in files)
    assert {"book_id", "text", "tokens"} <= set(rows.column_names)


def test_another_project_imports_an_adapter_and_loads_it_with_peft(
    published: Path, stranger: Path, tiny_base: Path
) -> None:
    run(stranger, "dvc", "import", str(published), RUNG, "-o", "adapter")
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_base), str(stranger / "adapter"))
    learned = [weight for name, weight in model.named_parameters() if "lora_B" in name]
    assert learned and all(weight.abs().max() > 0 for weight in learned)
    assert "rev_lock" in (stranger / "adapter.dvc").read_text()


def test_a_version_of_an_artifact_is_a_tag_and_needs_no_service(published: Path, stranger: Path) -> None:
    for tag in ("best-adapter@v1.0.0", "best-adapter#prod#1"):
        run(
            published,
            "git",
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b.example",
            "tag",
            "-f",
            "-am",
            "three books",
            tag,
        )
    get = ("dvc", "artifacts", "get", str(published), "best-adapter")
    for name, options in (("newest", ()), ("version", ("--rev", "v1.0.0")), ("stage", ("--stage", "prod"))):
        run(stranger, *get, *options, "-o", name)
        assert digest(stranger / name) == digest(published / RUNG)
    assert "Unable to find artifact 'best-adapter @ v2.0.0'" in refused(stranger, *get, "--rev", "v2.0.0")


def interrupt(project: Path, command: str, server: Folder, moment: Callable[[], bool]) -> str:
    """Kill the server in the midst of a push or a pull; returns what that said before it gave up."""
    program = [str(Path(sys.executable).parent / "dvc"), command, "-j", "2"]
    running = subprocess.Popen(program, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not moment():
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.002)
    server.kill()
    said = running.communicate(timeout=120)[0]
    assert running.returncode != 0
    assert "ERROR" in said
    server.start()
    return said


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_killed_in_mid_push_and_mid_pull_loses_nothing(kind: str, heavy: Path, tmp_path: Path) -> None:
    server, owner = KINDS[kind](tmp_path), shutil.copytree(heavy, tmp_path / "owner", symlinks=True)
    use(owner, server)
    server.start()
    try:
        interrupt(owner, "push", server, lambda: server.stored() > 5)
        assert "files pushed" in run(owner, "dvc", "push")
        other = twin(owner, tmp_path / "other")
        cache = other / ".dvc/cache"
        interrupt(other, "pull", server, lambda: sum(path.is_file() for path in cache.rglob("*")) > 5)
        assert not (other / "library").exists()
        run(other, "dvc", "pull")
        assert digest(other / "library") == digest(heavy / "library")
    finally:
        server.kill()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_wrong_key_is_named(kind: str, start: Start, heavy: Path, tmp_path: Path) -> None:
    server, project = start(kind), twin(heavy, tmp_path / "other")
    use(project, server)
    local = project / ".dvc/config.local"
    for name, value in server.wrong.items():
        local.write_text(local.read_text().replace(server.secrets[name], value))
    told = refused(project, "dvc", "pull")
    assert {"s3": "Forbidden", "ssh": "Permission denied"}[kind] in told
    assert "Traceback" not in told
    assert "guessed" not in told


FULL = """
mount -t tmpfs -o size=1m room {room}
dvc {command} 2>&1 && exit 1
mount -o remount,size=64m {room}
dvc {command} 2>&1 || exit 2
dvc status -q -c || exit 3
cp -r {room} {kept}
"""


@pytest.mark.parametrize("command", ["push", "pull"])
def test_a_disk_that_is_full_is_named_and_a_rerun_completes(command: str, heavy: Path, tmp_path: Path) -> None:
    """In a name space of its own, where anybody may mount a disk of one megabyte and make it larger afterwards."""
    server, project = Folder(tmp_path), shutil.copytree(heavy, tmp_path / "project", symlinks=True)
    server.store.mkdir()
    use(project, server)
    if command == "pull":
        run(project, "dvc", "push")
        project = twin(project, tmp_path / "other")
        (project / ".dvc/cache").mkdir()
    room = project / ".dvc/cache" if command == "pull" else server.store
    script = FULL.format(command=command, room=room, kept=tmp_path / "kept")
    told = run(project, "unshare", "--map-root-user", "--mount", "sh", "-c", script)
    assert "No space left on device" in told
    whole = {path.name for path in (heavy / ".dvc/cache/files").rglob("*") if path.is_file()}
    assert whole <= {path.name for path in (tmp_path / "kept").rglob("*")}
    if command == "pull":
        assert digest(project / "library") == digest(heavy / "library")


def doctor(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Ask the doctor about objects, from a project that has nothing of ours."""
    command = [sys.executable, "-m", "stages.doctor", "--objects", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def damage(store: Path) -> str:
    """Change a byte of an object, as a failing disk does; returns its name."""
    path = next(path for path in sorted(store.rglob("*")) if path.is_file() and path.suffix != ".dir")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    path.chmod(0o444)
    return path.parent.name + path.name


def test_a_damaged_object_of_a_remote_is_told_taken_away_and_comes_again(heavy: Path, tmp_path: Path) -> None:
    server, owner = Folder(tmp_path), shutil.copytree(heavy, tmp_path / "owner", symlinks=True)
    use(owner, server)
    run(owner, "dvc", "push")
    name = damage(server.store)
    other = twin(owner, tmp_path / "other")
    told = doctor(other, "shelf")
    assert told.returncode == 1
    assert name in told.stdout and "1 damaged" in told.stdout
    run(other, "dvc", "remote", "modify", "shelf", "verify", "true")
    refused(other, "dvc", "pull")
    assert not (other / "library").exists()
    assert doctor(other, "shelf", "--mend").returncode == 0
    run(owner, "dvc", "push")
    run(other, "dvc", "pull")
    assert digest(other / "library") == digest(heavy / "library")
    assert doctor(other, "shelf").stdout == "every object is whole\n"


def test_a_damaged_object_of_the_cache_is_told_taken_away_and_comes_again(heavy: Path, tmp_path: Path) -> None:
    server, owner = Folder(tmp_path), shutil.copytree(heavy, tmp_path / "owner", symlinks=True)
    use(owner, server)
    run(owner, "dvc", "push")
    name = damage(owner / ".dvc/cache/files")
    shutil.rmtree(owner / "library")
    assert name in doctor(owner).stdout
    assert doctor(owner, "--mend").returncode == 0
    run(owner, "dvc", "pull")
    assert digest(owner / "library") == digest(heavy / "library")
