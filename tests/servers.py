"""Real servers on 127.0.0.1 that a DVC remote can lie on; each is stopped by whoever started it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path

import psutil

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PATIENCE = 60.0  # seconds for a server to answer


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Folder:
    """A plain folder, which nobody has to start."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.config, self.secrets = {"url": str(self.store)}, dict[str, str]()

    def start(self) -> None:
        """Nothing to start."""

    def kill(self) -> None:
        """Nothing to end."""

    def stored(self) -> int:
        """How many objects have come."""
        return sum(1 for path in self.store.rglob("*") if path.is_file())


class Server(Folder, ABC):
    """A process that serves `store`, killed with all that it started."""

    command: list[str]

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.store.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.store.parent, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, (self.store.parent / "log").read_text()
            time.sleep(0.1)

    @abstractmethod
    def answers(self) -> bool:
        """Whether it is ready."""

    def kill(self) -> None:
        """End it at once, in the midst of whatever it serves."""
        if self.process.poll() is None:
            for one in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                one.kill()
        self.process.wait()


class Ssh(Server):
    """OpenSSH's server of this user's own: its host key, one client's key, SFTP and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # root's sshd asks for it; where the service runs, it is there
        for name in ("host", "client", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (self.port,) = free_ports(1)
        lines = (
            "ListenAddress 127.0.0.1",
            f"Port {self.port}",
            f"HostKey {folder / 'host'}",
            f"AuthorizedKeysFile {folder / 'client.pub'}",
            "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n",
        )
        (folder / "sshd_config").write_text("\n".join(lines))
        self.command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        self.config = {"url": f"ssh://127.0.0.1:{self.port}{self.store}"}
        self.secrets = {"keyfile": str(folder / "client")}
        self.wrong = {"keyfile": str(folder / "stranger")}

    def answers(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0


class S3(Server):
    """SeaweedFS with its S3 interface, a bucket and one pair of keys."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store.mkdir()
        self.secrets = {"access_key_id": "reader", "secret_access_key": "known-to-the-test"}
        self.wrong = self.secrets | {"secret_access_key": "guessed"}
        keys = {"accessKey": "reader", "secretKey": "known-to-the-test"}
        allowed = ["Admin", "Read", "Write", "List", "Tagging"]
        identities = [{"name": "dvc", "credentials": [keys], "actions": allowed}]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        names = ("master", "volume", "filer", "s3")
        ports = free_ports(2 * len(names))
        self.filer, port = ports[2], ports[3]
        options = {f"{name}.port": web for name, web in zip(names, ports, strict=False)}
        options |= {f"{name}.port.grpc": grpc for name, grpc in zip(names, ports[len(names) :], strict=True)}
        options |= {"ip": "127.0.0.1", "ip.bind": "127.0.0.1", "dir": self.store, "s3": "true"}
        options |= {"s3.config": folder / "s3.json", "s3.port.iceberg": 0, "s3.port.lance": 0}
        options |= {"master.telemetry": "false", "master.resumeState": "false", "master.electionTimeout": "1s"}
        weed = str(Path(sys.executable).parent / "weed")
        self.command = [weed, "server", *(f"-{name}={value}" for name, value in options.items())]
        self.config = {"url": "s3://books/study", "endpointurl": f"http://127.0.0.1:{port}"}

    def answers(self) -> bool:
        """Whether the bucket takes a file and gives it back."""
        place = f"http://127.0.0.1:{self.filer}/buckets/books/ready"
        try:
            for call in (urllib.request.Request(place, data=b"ready", method="PUT"), place, self.config["endpointurl"]):
                urllib.request.urlopen(call, timeout=5).close()
        except urllib.error.HTTPError as error:
            return error.code == 403  # the last one: S3 answers, and not to everyone
        except OSError:
            return False
        return True

    def stored(self) -> int:
        """About how many objects of 40,000 bytes have come."""
        return sum(path.stat().st_size for path in self.store.glob("*.dat")) // 40_000


KINDS = {"folder": Folder, "s3": S3} | ({"ssh": Ssh} if Path(SSHD).exists() else {})  # what this machine can run
SERVERS = [kind for kind in KINDS if kind != "folder"]


def use(project: Path, server: Folder) -> None:
    """Make `server` the default remote `shelf` of a project: its place in the config, its secrets in the local one."""
    for scope, options in (("config", server.config), ("config.local", server.secrets)):
        path = project / ".dvc" / scope
        kept = path.read_text().replace("[core]\n", "[core]\n    remote = shelf\n") if path.exists() else ""
        lines = [f"    {name} = {value}\n" for name, value in options.items()]
        path.write_text("".join([kept, "['remote \"shelf\"']\n", *lines]))
