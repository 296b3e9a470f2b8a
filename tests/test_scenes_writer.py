"""Forms written by an endpoint: a server of the test's own that behaves well or badly on demand, and a real one."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from test_scenes import a_book, document, paragraphs

from stages import base
from stages.scenes import book
from stages.scenes.answers import Unusable, read_form
from stages.scenes.llm import LlmParams
from stages.scenes.rewrite import rewrite, tell_cost
from stages.shared import models
from stages.shared.endpoint import SILENT
from stages.shared.errors import UserError
from stages.shared.passages import byte_lengths, sentences
from stages.shared.records import ShelfBook, write_csv, write_paragraphs
from stages.shared.scenefile import Scene, read_scenes, training_text

Reply = tuple[int, dict[str, str], bytes]
Body = dict[str, Any]
PARTS = {"instruction": ("response",), "qa": ("answer",), "tension": ("thesis", "counter_move", "becomes")}


def form_asked(body: Body) -> str:
    told = body["messages"][1]["content"]
    return "instruction" if '"instruction"' in told else "qa" if '"question"' in told else "tension"


def passage_of(body: Body) -> str:
    found = re.search(r"<passage>\n(.*)\n</passage>", body["messages"][1]["content"], re.DOTALL)
    assert found
    return found[1]


def written(body: Body, text: str = "It is held to the end.", quote: str = "") -> str:
    form = form_asked(body)
    part = {"text": text, "quote": quote or sentences(passage_of(body))[0]}
    words = {"instruction": {"instruction": text}, "qa": {"question": text}, "tension": {}}[form]
    return json.dumps(words | dict.fromkeys(PARTS[form], part))


def completion(content: str | None, finish: str = "stop", **message: str) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    reply = {"id": "x", "object": "chat.completion", "created": 0, "model": "model-2026", "choices": [choice]}
    return 200, {"content-type": "application/json"}, json.dumps(reply | {"usage": usage}).encode()


def refusal(status: int, told: str = "no", **headers: str) -> Reply:
    return status, {"content-type": "application/json", **headers}, json.dumps({"error": {"message": told}}).encode()


def good(body: Body) -> Reply:
    return completion(written(body))


class Server(ThreadingHTTPServer):
    """An endpoint that answers by `rule`, and notes what it was asked and how many at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rule: Callable[[Body], Reply] = good
        self.bodies: list[Body] = []
        self.times: list[float] = []
        self.headers: list[str] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.times.append(time.monotonic())
            self.server.headers.append(self.headers["authorization"])
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.at_once, self.server.most_at_once)
        status, headers, content = self.server.rule(body)
        with self.server.lock:
            self.server.at_once -= 1
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def params(url: str, **changed: Any) -> LlmParams:
    fixed: dict[str, Any] = {
        "base_url": url, "model": "model", "forms": ["instruction", "qa", "tension"], "max_tokens": 300,
        "temperature": None, "attempts": 1, "timeout": 20.0, "retries": 0, "parallel": 3, "max_missing": 1.0,
        "prices": [1.0, 2.0],
    }  # fmt: skip
    return LlmParams(**{**fixed, **changed})


@pytest.fixture
def books(tmp_path: Path, keyed_root: Path) -> dict[str, Path]:
    """The files of three books with three scenes each, as the picker writes them."""
    found = {}
    for seed in (1, 2, 3):
        folder = tmp_path / f"own-{seed:04d}"
        folder.mkdir()
        book.write_scenes(folder, document(seed))
        found[folder.name] = folder / "scenes.yaml"
    return found


def records(files: dict[str, Path]) -> list[dict[str, Any]]:
    return [scene for path in files.values() for scene in yaml.safe_load(path.read_text())["scenes"]]


def test_every_form_is_written_by_the_model_and_quotes_its_sentence(server: Server, books: dict[str, Path]) -> None:
    made, told = rewrite(books, params(server.url))
    for path in made.values():
        for scene in read_scenes(path):
            first = sentences(scene.text)[0].strip()
            assert scene.forms["qa"]["answer"] == f"It is held to the end.\n\n«{first}»"
            assert all(f"«{first}»" in training_text(scene, form) for form in PARTS)
            assert list(scene.forms["tension"]) == ["Thesis", "Counter-move", "Becomes"]
    assert told["written"] == dict.fromkeys(PARTS, 9)
    assert (told["answers"], told["prompt_tokens"], told["completion_tokens"]) == (27, 2700, 270)


def test_a_scene_says_what_wrote_each_of_its_forms(server: Server, books: dict[str, Path]) -> None:
    made, told = rewrite(books, params(server.url, forms=["qa"]))
    for before, after in zip(records(books), records(made), strict=True):
        note = {"model": "model-2026", "endpoint": server.url, "prompt": told["prompts"]["qa"]}
        assert after == before | {"forms": before["forms"] | {"qa": after["forms"]["qa"]}, "written_by": {"qa": note}}


def test_nothing_is_asked_twice_not_even_elsewhere(server: Server, books: dict[str, Path]) -> None:
    first, _ = rewrite(books, params(server.url))
    server.rule = lambda body: refusal(500)
    again, told = rewrite(books, params("http://127.0.0.1:9/v1"))
    assert {name: path.read_bytes() for name, path in again.items()} == {n: p.read_bytes() for n, p in first.items()}
    assert told["endpoints"] == [server.url]
    assert len(server.bodies) == 27


@pytest.mark.parametrize("changed", [{"model": "other"}, {"temperature": 0.5}, {"max_tokens": 301}])
def test_another_request_is_asked_again(server: Server, books: dict[str, Path], changed: dict[str, Any]) -> None:
    rewrite(books, params(server.url))
    rewrite(books, params(server.url, **changed))
    assert len(server.bodies) == 54


def slow(body: Body) -> Reply:
    time.sleep(6.0)
    return good(body)


MISBEHAVIOUR: dict[str, Callable[[Body], Reply]] = {
    "no answer: timed out": slow,
    "no answer: HTTP 500": lambda body: refusal(500),
    "no answer: HTTP 403": lambda body: refusal(403),
    "no answer: the connection broke off": lambda body: (200, {"content-length": "9999"}, b'{"choices"'),
    "no answer: no chat completion came back": lambda body: (200, {"content-type": "text/html"}, b"<h1>hello</h1>"),
    "cut off at scenes.llm.max_tokens": lambda body: completion(written(body), "length"),
    "the model refused to write it": lambda body: completion(None, refusal="I would rather not."),
    "no JSON object of the form qa": lambda body: completion(written(body)[:-9]),
    "a quote is no sentence of the scene": lambda body: completion(written(body, quote="It is what it is.")),
    "not in the script of the book's language": lambda body: completion(written(body, text="Он держится до конца.")),
    "an empty text, or control characters": lambda body: completion(written(body, text=" ")),
}


@pytest.mark.parametrize("reason", MISBEHAVIOUR)
def test_what_goes_wrong_costs_only_that_form_of_that_scene(
    server: Server, books: dict[str, Path], reason: str
) -> None:
    bad = records(books)[2]
    is_bad = lambda body: form_asked(body) == "qa" and passage_of(body) == bad["forms"]["passage"]  # noqa: E731
    server.rule = lambda body: MISBEHAVIOUR[reason](body) if is_bad(body) else good(body)
    made, told = rewrite(books, params(server.url, timeout=3.0 if reason.endswith("timed out") else 60.0))
    after = {scene["id"]: scene for scene in records(made)}
    assert "qa" not in after[bad["id"]]["forms"]
    assert after[bad["id"]]["written_by"]["qa"]["missing"] == reason
    assert told["reasons"] == {reason: 1}
    assert told["written"] == {"instruction": 9, "qa": 8, "tension": 9}


def test_a_busy_endpoint_is_given_the_time_it_asks_for(server: Server, books: dict[str, Path]) -> None:
    busy = iter([refusal(429, retry_after="1")])
    server.rule = lambda body: next(busy, None) or good(body)
    _, told = rewrite(books, params(server.url, forms=["qa"], retries=1, parallel=1))
    assert sum(told["missing"].values()) == 0
    assert server.times[1] - server.times[0] >= 1.0
    assert server.bodies[0] == server.bodies[1]


def test_a_faulty_answer_is_told_to_the_model_and_kept(server: Server, books: dict[str, Path]) -> None:
    server.rule = lambda body: completion(written(body, quote="" if len(body["messages"]) > 2 else "I made this up."))
    _, told = rewrite(books, params(server.url, attempts=2))
    assert sum(told["missing"].values()) == 0
    assert told["answers"] == 54
    assert "a quote is no sentence of the scene" in server.bodies[-1]["messages"][-1]["content"]
    rewrite(books, params(server.url, attempts=2))
    assert len(server.bodies) == 54


def test_a_refusal_without_a_word_is_not_argued_with(server: Server, books: dict[str, Path]) -> None:
    server.rule = lambda body: completion(None, refusal="I would rather not.")
    _, told = rewrite(books, params(server.url, attempts=3))
    assert told["reasons"] == {"the model refused to write it": 27}
    assert len(server.bodies) == 27


def test_an_endpoint_without_schemas_that_counts_otherwise_is_understood(
    server: Server, books: dict[str, Path]
) -> None:
    def rule(body: Body) -> Reply:
        return refusal(422) if "response_format" in body or "max_tokens" in body else good(body)

    server.rule = rule
    _, told = rewrite(books, params(server.url))
    assert sum(told["missing"].values()) == 0
    assert len(server.bodies) == 27 + 3


@pytest.mark.parametrize(("status", "remedy"), [(401, "OPENAI_API_KEY"), (404, "scenes.llm.model")])
def test_a_wrong_key_or_model_is_told_at_once_and_the_key_never(
    server: Server, books: dict[str, Path], keyed_root: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], status: int, remedy: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1")
    server.rule = lambda body: refusal(status, f"sent {server.headers[-1]}")
    with pytest.raises(UserError, match=remedy) as error:
        rewrite(books, params(server.url))
    assert server.headers == ["Bearer sk-secret-1"]
    assert "sk-secret-1" not in str(error.value) + "".join(capfd.readouterr())
    server.rule = good
    rewrite(books, params(server.url))
    assert not any("sk-secret-1" in path.read_text() for path in keyed_root.rglob("*") if path.is_file())


def test_nobody_at_the_address_is_told_at_once(books: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"nothing answers at .*; start it"):
        rewrite(books, params("http://127.0.0.1:9/v1"))


def test_an_endpoint_that_falls_silent_stops_the_run_and_loses_nothing(server: Server, books: dict[str, Path]) -> None:
    answers = iter(range(3))
    server.rule = lambda body: refusal(503) if next(answers, None) is None else good(body)
    with pytest.raises(UserError, match=f"no answer to {SILENT} requests in a row, at last: HTTP 503"):
        rewrite(books, params(server.url, parallel=1))
    server.rule, before = good, len(server.bodies)
    rewrite(books, params(server.url))
    assert len(server.bodies) - before == 27 - 3


def test_too_many_missing_forms_stop_the_pipeline(server: Server, books: dict[str, Path]) -> None:
    server.rule = lambda body: completion("I like books.") if form_asked(body) == "qa" else good(body)
    with pytest.raises(UserError, match=r"9 of 27 forms are missing .*max_missing 0\.3"):
        rewrite(books, params(server.url, max_missing=0.3))


def test_no_more_requests_are_under_way_than_allowed(server: Server, books: dict[str, Path]) -> None:
    def rule(body: Body) -> Reply:
        time.sleep(0.02)
        return good(body)

    server.rule = rule
    rewrite(books, params(server.url, parallel=3))
    assert 1 < server.most_at_once <= 3


def test_the_cost_is_told_before_anything_is_sent(
    server: Server, books: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    tell_cost(books, params(server.url), byte_lengths, [1.0, 2.0])
    told = capsys.readouterr().out
    assert not server.bodies
    rewrite(books, params(server.url))
    size = sum(len(message["content"].encode()) for body in server.bodies for message in body["messages"])
    assert "27 forms of 9 scenes by model; 0 answers are in the store, 27 requests" in told
    assert f"about {size:,} prompt tokens," in told
    assert f"5,400 completion tokens, 200 an answer, ${(size + 2 * 5400) / 1e6:.2f}" in told
    tell_cost(books, params(server.url), byte_lengths, [1.0, 2.0])
    assert "27 answers are in the store, 0 requests are to be sent" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["ftp://host/v1", "http://user:secret@host/v1", "http://host/v1?key=secret", "host"])
def test_an_address_that_is_none_or_carries_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="without a user or a query"):
        params(url)


TEXT = "He came; nobody asked why. \u201cYou are\u2014late,\u201d they\nsaid. He left!"


@pytest.mark.parametrize(
    "quote", ["He left", "He came; nobody  asked why.", "\u201cYou are\u2014late,\u201d they said. He left!"]
)
def test_a_quote_is_one_or_more_whole_sentences_whatever_the_space_between_words(quote: str) -> None:
    raw = json.dumps({"question": "Who?", "answer": {"text": "One who is late.", "quote": quote}})
    form = read_form("qa", f"```json\n{raw}\n```", TEXT, "en")
    assert " ".join(quote.split()) in form["answer"]


@pytest.mark.parametrize("quote", ["", ".", "nobody asked why.", "He went.", "He came; nobody asked why. He left!"])
def test_a_quote_that_is_no_sentence_of_the_scene_is_refused(quote: str) -> None:
    raw = json.dumps({"question": "Who?", "answer": {"text": "One who is late.", "quote": quote}})
    with pytest.raises(Unusable, match="a quote is no sentence"):
        read_form("qa", raw, TEXT, "en")


@pytest.mark.parametrize("other", ["Кто опоздал?", "谁迟到了？"])
def test_one_field_in_another_script_is_enough_to_refuse_a_form(other: str) -> None:
    raw = {"question": other, "answer": {"text": "One who is late, and leaves.", "quote": "He left!"}}
    with pytest.raises(Unusable, match="not in the script"):
        read_form("qa", json.dumps(raw), TEXT, "en")
    assert read_form("qa", json.dumps(raw), TEXT, "en+ru+zh")["question"] == other


@pytest.fixture
def project(tmp_path: Path, tiny_base: Path, keyed_root: Path) -> Path:
    """A folder in which `python -m stages.scenes` runs: two extracted books and the tiny base's tokenizer."""
    folder = tmp_path / "project"
    shelf = [a_book(seed) for seed in (1, 2)]
    write_csv(folder / "data/shelf.csv", ShelfBook, shelf)
    (folder / "data/extract").mkdir()
    for seed, one in enumerate(shelf, 1):
        write_paragraphs(folder / f"data/extract/{one.book_id}.jsonl", paragraphs(seed))
    shutil.copytree(tiny_base, folder / "data/base")
    facts = base.facts_of(folder / "data/base", "test", "tiny", "none")
    (folder / "data/base" / models.FACTS).write_text(json.dumps(facts))
    shutil.copytree(ROOT / "data/catalogue", folder / "data/catalogue")
    return folder


def all_of(project: Path) -> list[Scene]:
    return [scene for path in (project / "data/scenes").glob("*.yaml") for scene in read_scenes(path)]


def configure(project: Path, **llm: Any) -> dict[str, Any]:
    """Write the project's params with scenes.llm changed."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["scenes"] |= {"writer": "llm", "min_tokens": 60, "max_tokens": 400}
    content["scenes"]["llm"] |= llm
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    return content


def start(project: Path, *options: str) -> subprocess.Popen[str]:
    """Begin `python -m stages.scenes` in a project."""
    return subprocess.Popen(
        [sys.executable, "-m", "stages.scenes", *options], cwd=project, env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores Ctrl-C
    )  # fmt: skip


def finish(running: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and all it said."""
    said, _ = running.communicate(timeout=300)
    return running.returncode, said


def test_a_run_that_is_killed_goes_on_where_it_stopped(server: Server, project: Path, keyed_root: Path) -> None:
    six, gone = threading.Event(), threading.Event()

    def rule(body: Body) -> Reply:
        if len(server.bodies) > 6:
            six.set()
            gone.wait(60)
        return good(body)

    server.rule = rule
    configure(project, base_url=server.url, parallel=1)
    first = start(project)
    assert six.wait(60)
    os.killpg(first.pid, signal.SIGKILL)
    finish(first)
    gone.set()
    kept = len(list((keyed_root / "writer").glob("??/*/answer.json")))
    assert kept == 6
    server.rule = good
    del server.bodies[:]
    code, said = finish(start(project))
    told = json.loads((project / "data/scenes/writer.json").read_text())
    assert code == 0, said
    assert sum(told["written"].values()) == told["answers"] == kept + len(server.bodies)


def test_an_interrupted_run_ends_at_once_with_one_line(server: Server, project: Path) -> None:
    asked, gone = threading.Event(), threading.Event()

    def rule(body: Body) -> Reply:
        asked.set()
        gone.wait(120)
        return good(body)

    server.rule = rule
    configure(project, base_url=server.url)
    running = start(project)
    assert asked.wait(60)
    running.send_signal(signal.SIGINT)
    code, said = finish(running)
    gone.set()
    assert code == 130
    assert "interrupted; what was finished is kept" in said
    assert "Traceback" not in said


def test_the_command_tells_the_cost_and_sends_nothing(server: Server, project: Path) -> None:
    configure(project, base_url=server.url)
    code, said = finish(start(project, "--cost", "--prices", "0.15", "0.6"))
    assert code == 0, said
    assert re.search(r"about [\d,]+ prompt tokens, .* 200 an answer, \$0\.\d\d\n", said)
    assert not server.bodies
    assert not (project / "data/scenes").exists()


@pytest.fixture(scope="module")
def real_server(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """`transformers serve` on the tiny model: its address and the name of the model."""
    folder = tmp_path_factory.mktemp("served") / "tiny"
    shutil.copytree(tiny_base, folder)
    (folder / "chat_template.jinja").write_text("{% for one in messages %}{{ one.content }}\n{% endfor %}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    said = (folder.parent / "server.log").open("w")
    serve = subprocess.Popen(
        [program, "serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
        stdout=said, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/health", serve)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        serve.terminate()
        serve.wait()
        said.close()


def wait_for(url: str, serve: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers; it must not end meanwhile."""
    for _ in range(1200):
        assert serve.poll() is None, "the server has ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_what_a_real_server_with_a_random_model_writes_is_refused_and_counted(
    real_server: tuple[str, str], project: Path
) -> None:
    url, model = real_server
    configure(project, base_url=url, model=model, max_tokens=24, forms=["qa"], max_missing=1.0)
    code, said = finish(start(project))
    told = json.loads((project / "data/scenes/writer.json").read_text())
    assert code == 0, said
    assert told["written"] == {"qa": 0}
    assert set(told["reasons"]) <= {"cut off at scenes.llm.max_tokens", "no JSON object of the form qa"}
    assert told["answers"] == 2 * told["missing"]["qa"] > 0
    assert told["prompt_tokens"] > 100 * told["answers"]
    assert 0 < told["completion_tokens"] <= 24 * told["answers"]
    assert all("qa" not in scene.forms for scene in all_of(project))


def test_a_real_server_s_refusal_reaches_the_user_in_one_line(real_server: tuple[str, str], project: Path) -> None:
    configure(project, base_url=real_server[0], model="another")
    code, said = finish(start(project))
    assert code == 1
    assert "refuses model another" in said
    assert "Traceback" not in said
