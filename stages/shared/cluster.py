"""Workers on the nodes of a Ray cluster that is there already (`workers.address`).

Each worker is an actor of Ray that keeps a pool of one process on its node, so an item meets the same limits as on one
machine and fails with the same words. The code travels with the run, and so do files (see parcel); the libraries are
those of the node and must be the same as here.
"""

import contextlib
import importlib.metadata
import logging
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.shared.errors import UserError
from stages.shared.parcel import Letter, Parcel, pack
from stages.shared.pool import START_SECONDS, STARTS, Failure, Limits, LocalPool

STAGES = Path(__file__).parent.parent
LOCK = STAGES.parent / "requirements.lock"
REACH_SECONDS = 10.0  # time in which the head must answer
CLOSE_SECONDS = 2.0  # time in which idle workers take their files away
DEPTH = 2  # items a worker holds, so that the next one is there when one is done
ALIKE = "every node needs the Python and the packages of requirements.lock"
TRIES = 3  # nodes that may be lost under an item


@dataclass(frozen=True)
class Terms:
    """What a worker needs to know of the run: limits, modules to import first, cores, this machine's libraries,
    paths that its node must see, and the folder that the run was started in."""

    limits: Limits
    preload: tuple[str, ...]
    cores: int
    versions: Mapping[str, str]
    seen: tuple[Path, ...]
    folder: Path


class Work:
    """A function that is read in the worker process itself, so that the actor need not import it too."""

    def __init__(self, letter: Letter) -> None:
        self.letter = letter

    def __setstate__(self, state: Mapping[str, Letter]) -> None:
        self.fault = ""
        try:
            self.function = state["letter"].read()
        except (ImportError, AttributeError) as error:
            self.fault = str(error)

    def __call__(self, item: Letter | None) -> Any:
        """The result of an item; for None, why the function could not be read, or ""."""
        return self.fault if item is None else self.function(item.read())


class Host:
    """The actor: a worker process on a node, and the files it reads."""

    def open(self, parcel: Parcel, terms: Terms) -> str:
        """Start the worker; returns why this node cannot work, or ""."""
        sys.modules["__main__"].__file__ = None  # or the worker process would import Ray's own main module again
        node = f"node {socket.gethostname()}"
        if unlike := differing(terms.versions):
            return f"{node} has {unlike}; {ALIKE}"
        if missing := [str(path) for path in terms.seen if not path.exists()]:
            return f"{node} does not see {missing[0]}, which must have this path on all nodes (a shared file system)"
        if terms.folder.is_dir():
            os.chdir(terms.folder)
        self.files = contextlib.ExitStack()
        work = Work(self.files.enter_context(unpacked(parcel)))
        self.pool = LocalPool(work, 1, terms.limits, terms.preload, terms.cores)
        fault = self.ask(None)
        return f"{node} cannot load the work ({fault}); {ALIKE}" if fault and isinstance(fault, str) else ""

    def answer(self, parcel: Parcel) -> Any:
        """The result of an item, or its Failure."""
        with unpacked(parcel) as letter:
            return self.ask(letter)

    def ask(self, item: Letter | None) -> Any:
        """What the worker says to an item."""
        while not self.pool.send(0, item):
            self.pool.receive()
        while not (finished := self.pool.receive()):
            pass
        return finished[0][1]

    def close(self) -> None:
        """Stop the worker and take its files away."""
        self.pool.close()
        self.files.close()


@contextlib.contextmanager
def unpacked(parcel: Parcel) -> Iterator[Letter]:
    """The letter of a parcel, whose files lie in a temporary folder of this node meanwhile."""
    if not parcel.files:
        yield Letter(parcel.pickled, ())
        return
    with tempfile.TemporaryDirectory(prefix="ltm-") as folder:
        yield parcel.unpack(Path(folder))


def versions() -> dict[str, str]:
    """Python and every package of requirements.lock, as they are here; the build (`+cpu`) is left out."""
    lines = LOCK.read_text(encoding="utf-8").splitlines() if LOCK.exists() else []
    names = [match[1] for line in lines if (match := re.match(r"([\w.-]+)==", line))]
    return {"Python": "{}.{}.{}".format(*sys.version_info), **{name: version(name) for name in names}}


def version(name: str) -> str:
    """The version of a package, or "" where it is not installed."""
    try:
        return importlib.metadata.version(name).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""


def differing(wanted: Mapping[str, str]) -> str:
    """Say which packages differ from those `wanted`, at most three of them; "" where none does."""
    here = {"Python": "{}.{}.{}".format(*sys.version_info)}
    found = {name: here.get(name) or version(name) for name in wanted}
    unlike = [
        f"{name} {found[name] or 'not installed'} ({value} on this machine)"
        for name, value in wanted.items()
        if value and found[name] != value
    ]
    return ", ".join(unlike[:3]) + (f" and {len(unlike) - 3} more" if len(unlike) > 3 else "")


def connect(address: str) -> Any:
    """Join the cluster at `address`; returns the module ray. Raises UserError where that cannot be done."""
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # Ray's own tries take minutes
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # or a call after an interrupt starts a cluster on this machine
    try:
        import ray
    except ImportError:
        raise UserError("workers.backend is ray, and Ray is not installed; run `pip install .[ray]`") from None
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        told = f"workers.address is {address!r}; give HOST:PORT of the cluster's head, as `ray start --head` prints it"
        raise UserError(told)
    modules = {"py_modules": [str(STAGES)], "excludes": ["__pycache__"]}
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=modules)
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        told = " ".join(str(error).split())
        remedy = "look whether it runs, whether this machine is one of its nodes, and has its token if it asks for one"
        raise UserError(f"no Ray cluster can be joined at {address} (workers.address): {told}; {remedy}") from None
    return ray


def sizes(nodes: Sequence[Mapping[str, float]], asked: int, items: int, large: bool) -> tuple[int, int, int]:
    """How many workers run, and how many cores and GPUs each has, on nodes with these resources (CPU, GPU).

    `asked` workers, at most one per item; 0 asks for one per core. Large items: one per GPU, or per node without any.
    """
    cores, gpus = [int(node.get("CPU", 0)) for node in nodes], sum(int(node.get("GPU", 0)) for node in nodes)
    if not large:
        return min(asked or max(1, sum(cores)), items), 1, 0
    count = min(asked or gpus or max(1, sum(map(bool, cores))), items)
    return count, max(1, min(max(cores, default=1), sum(cores) // count)), min(gpus, 1)


@dataclass(eq=False)
class Remote:
    """A worker of the cluster: its actor, whether it is ready, and the items it holds."""

    actor: Any
    ready: bool = False
    items: list[int] = field(default_factory=list)


class RayPool:
    """Workers on the nodes of a cluster; an item whose node is lost is given to another one."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: int,
        asked: int,
        limits: Limits,
        preload: Sequence[str],
        address: str,
        shared: Sequence[Path],
    ) -> None:
        self.ray = connect(address)
        self.cleanup = contextlib.ExitStack()
        self.cleanup.callback(self.ray.shutdown)
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        self.count, cores, gpus = sizes(nodes, asked, items, bool(shared))
        self.depth = 1 if shared else DEPTH
        options = {"num_cpus": cores, "num_gpus": gpus, "scheduling_strategy": "SPREAD"}
        self.kind = self.ray.remote(Host).options(**options)
        self.terms = Terms(limits, tuple(preload), cores, versions(), self.marked(shared), Path.cwd())
        self.function = self.ray.put(pack(function))
        self.given: dict[int, Any] = {}  # the items under way
        self.losses: dict[int, int] = {}  # how often a node was lost under an item
        self.again: list[int] = []  # items that wait for another node
        self.calls: dict[Any, tuple[Remote, int | None]] = {}  # what is awaited: an item, or that a worker is ready
        self.stillborn = 0  # workers in a row that were lost before they were ready
        self.began = time.monotonic()
        self.remotes = [self.start() for _ in range(self.count)]

    def marked(self, shared: Sequence[Path]) -> tuple[Path, ...]:
        """The paths that all nodes must see: those shared, and a new file in the first of them."""
        if not shared:
            return ()
        shared[0].mkdir(parents=True, exist_ok=True)
        marker = self.cleanup.enter_context(tempfile.NamedTemporaryFile(dir=shared[0], prefix=".shared-"))
        return (*shared, Path(marker.name))

    def start(self) -> Remote:
        """Ask the cluster for a worker."""
        remote = Remote(self.kind.remote())
        self.calls[remote.actor.open.remote(self.function, self.terms)] = (remote, None)
        return remote

    def send(self, index: int, item: Any) -> bool:
        """Give an item to the worker that holds fewest; False where all have enough."""
        ready = [remote for remote in self.remotes if remote.ready and len(remote.items) < self.depth]
        if not ready:
            return False
        remote = min(ready, key=lambda one: len(one.items))
        remote.items.append(index)
        self.given[index] = item
        self.calls[remote.actor.answer.remote(pack(item))] = (remote, index)
        return True

    def receive(self) -> list[tuple[int, Any]]:
        """Wait until a worker speaks or is lost; return (index, result or Failure) of what is finished."""
        working = any(remote.ready for remote in self.remotes)
        patience = None if working else max(0.0, self.began + START_SECONDS - time.monotonic())
        spoken, _ = self.ray.wait(list(self.calls), num_returns=1, timeout=patience)
        if not spoken:
            raise UserError(f"no node of the cluster took a worker within {START_SECONDS:.0f} s; look at `ray status`")
        finished = [found for call in spoken for found in self.hear(call)]
        for index, _ in finished:
            self.given.pop(index)
        while self.again and self.send(self.again[0], self.given[self.again[0]]):
            self.again.pop(0)
        return finished

    def hear(self, call: Any) -> list[tuple[int, Any]]:
        """What came of a call: the outcome of an item, or of all items that are given up with a lost worker."""
        if call not in self.calls:
            return []
        remote, index = self.calls.pop(call)
        try:
            outcome = self.ray.get(call)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError) or index is None:
                raise UserError(f"a worker of the cluster failed: {error.cause or error}") from None
            outcome = Failure("error", " ".join(f"{type(error.cause).__name__}: {error.cause}".split()))
        except self.ray.exceptions.RayError as error:
            return self.lose(remote, str(error))
        self.stillborn = 0
        if index is not None:
            remote.items.remove(index)
            return [(index, outcome)]
        if outcome:
            raise UserError(outcome)
        remote.ready = True
        return []

    def lose(self, remote: Remote, reason: str) -> list[tuple[int, Any]]:
        """Replace a lost worker; its items wait for another, or fail where they have lost too many."""
        self.stillborn = 0 if remote.ready else self.stillborn + 1
        if self.stillborn >= STARTS:
            raise UserError(f"no worker of the cluster can be started: {' '.join(reason.split())}")
        self.calls = {call: (owner, index) for call, (owner, index) in self.calls.items() if owner is not remote}
        self.ray.kill(remote.actor)
        for index in remote.items:
            self.losses[index] = self.losses.get(index, 0) + 1
        failed = [index for index in remote.items if self.losses[index] >= TRIES]
        self.again += [index for index in remote.items if index not in failed]
        self.remotes[self.remotes.index(remote)], self.began = self.start(), time.monotonic()
        return [(index, Failure("died", f"its node was lost, {TRIES} times in a row")) for index in failed]

    def close(self) -> None:
        """Stop all workers, whatever they do, and leave the cluster."""
        with self.cleanup:
            if not self.ray.is_initialized():
                return
            closing = [remote.actor.close.remote() for remote in self.remotes if remote.ready and not remote.items]
            if closing:
                self.ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
            for remote in self.remotes:
                self.ray.kill(remote.actor)
