"""The file of a book's scenes: its schema, and files that are hostile, damaged or of another version."""

import contextlib
import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from conftest import ROOT, prose
from hypothesis import given
from hypothesis import strategies as st

from stages.shared import scenefile
from stages.shared.errors import UserError
from stages.shared.plainyaml import Refusal, parse, read_yaml

LAUGHS = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in pairwise("abcdefghi")
)
HOSTILE = {
    "a python tag": (
        "a: !!python/object/apply:os.system ['touch touched']",
        "line 1: the tag tag:yaml.org,2002:python",
    ),
    "a tag of its own": ("a: 1\nb: !ours {c: d}", "line 2: the tag !ours"),
    "a bare tag": ("a: ! b", "line 1: the tag !"),
    "a billion laughs": (LAUGHS, "line 1: &a"),
    "an anchor on a scalar": ("a: &x b", "line 1: &x"),
    "an alias of itself": ("a: &x [*x]", "line 1: &x"),
    "an alias alone": ("a: *x", "line 1: *x"),
    "a merge key": ("a: {<<: {b: c}}", "<< is a merge"),
    "a key twice": ("a: 1\nb: 2\na: 3", "line 3: the key a is there twice"),
    "a key that is a list": ("? [a]\n: b", "line 1: the key ['a'] is no text"),
    "a key that is a number": ("1: b", "line 1: the key 1 is no text"),
    "a date": ("a: 2001-01-01", "2001-01-01 is a timestamp; put it in quotes"),
    "an endless number": ("a: " + "1" * 5000, "too many digits"),
    "a number that is none": ("a: 0x_", "is no int"),
    "two documents": ("a: 1\n---\nb: 2", "line 2: a second document"),
    "lists in lists": ("[" * 100_000, "nested more than 10 deep"),
    "keys in keys": ("? " * 100_000, "nested more than 10 deep"),
    "mappings in mappings": ("\n".join(f"{'  ' * depth}a:" for depth in range(50)), "nested more than 10 deep"),
    "many values": ("[" + "a," * 50_000 + "]", "more than 20,000 values"),
    "a huge file": ("a: " + "b" * (1 << 20), "more than 1,048,576 bytes"),
    "a control character": ("a: b\nb: \x01", "line 2: control characters are not allowed"),
    "half a surrogate": ('a: "\\ud800"', "line 1: found invalid Unicode character escape code"),
    "an open quote": ("a: 1\nb: 'c", "found unexpected end of stream"),
    "nothing": ("", "it is empty"),
    "no YAML": ("a: b: c", "line 1: mapping values are not allowed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    content, said = HOSTILE[name]
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(Refusal) as error:
        read_yaml(tmp_path / "a.yaml")
    assert said in str(error.value)
    assert not list(Path().glob("touched"))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a: 1\nb: \xff", "line 2: byte 0xff is not UTF-8"), ("a: b".encode("utf-16"), "line 1: byte 0xff is not UTF-8")],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(Refusal, match=said):
        read_yaml(tmp_path / "a.yaml")


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="it is no file"):
        read_yaml(tmp_path)


def test_all_hostile_files_take_less_than_a_gigabyte_and_twenty_seconds(tmp_path: Path) -> None:
    for number, (content, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.yaml").write_text(content)
    script = (
        "import sys, resource; from pathlib import Path; from stages.shared.plainyaml import Refusal, read_yaml\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "for path in Path(sys.argv[1]).iterdir():\n"
        "    try: read_yaml(path)\n"
        "    except Refusal: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("refused") == len(HOSTILE)


class NoAliases(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), PLAIN, min_size=1, max_size=3))
def test_plain_data_reads_back_as_the_safe_loader_reads_it(content: dict[str, Any]) -> None:
    text = yaml.dump(content, Dumper=NoAliases, allow_unicode=True)
    assert parse(text.encode()) == yaml.safe_load(text)


def a_document(**changed: Any) -> dict[str, Any]:
    """A sound file of scenes of the book own-0001, with fields of its one scene changed."""
    facts = {name: "x" for name in ("title", "author", "category")}
    text = prose(1, 1)[0]
    scene = {
        "id": "own-0001-p3", "kind": "dense", "reason": "x", "quality": 0.5, "density": 1.0,
        "tokens": 100, "words": 60, "bytes": 300,
        "place": {"chapter": "One", "paragraphs": [3, 3], "page": None}, "sha256": "0" * 64, "forms": {"passage": text},
    }  # fmt: skip
    book = {"book_id": "own-0001", "language": "en", "tier": "core", **facts}
    return {"schema": scenefile.SCHEMA, "book": book, "scenes": [scene | changed]}


def write(folder: Path, document: object) -> Path:
    path = folder / "own-0001.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return path


def test_a_sound_file_gives_its_scenes(tmp_path: Path) -> None:
    scene = scenefile.read_scenes(write(tmp_path, a_document(density=1)))[0]
    assert (scene.scene_id, scene.book_id, scene.first, scene.density) == ("own-0001-p3", "own-0001", 3, 1)
    assert scene.text == prose(1, 1)[0]


WRONG = {
    "text for a number": ({"tokens": "many"}, "scenes.0.tokens is 'many': Input should be a valid integer"),
    "a truth for a number": ({"tokens": True}, "scenes.0.tokens is True"),
    "a number for text": ({"forms": {"passage": 7}}, "scenes.0.forms.passage is 7"),
    "no passage": ({"forms": {"qa": {"question": "a", "answer": "b"}}}, "scenes.0.forms.passage is missing"),
    "half a qa": ({"forms": {"passage": "a", "qa": {"question": "b"}}}, "scenes.0.forms.qa.answer is missing"),
    "a list for a mapping": ({"place": [1, 2]}, "scenes.0.place is [1, 2]"),
    "one paragraph": ({"place": {"chapter": "", "paragraphs": [1], "page": None}}, "scenes.0.place.paragraphs is [1]"),
    "a scene of another book": ({"id": "own-0002-p3"}, "does not begin with its book, 'own-0001'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_field_of_the_wrong_type_is_named(name: str, tmp_path: Path) -> None:
    changed, said = WRONG[name]
    with pytest.raises(UserError) as error:
        scenefile.read_scenes(write(tmp_path, a_document(**changed)))
    assert said in str(error.value)
    assert "own-0001.yaml is no file of scenes" in str(error.value)


@pytest.mark.parametrize("version", [1, 0, "1", None, [1]])
def test_another_version_is_told(version: object, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"its schema is .*, this version of the pipeline reads 2"):
        scenefile.load_scenes(write(tmp_path, a_document() | {"schema": version}))


@pytest.mark.parametrize("document", [[], "text", 7, {"scenes": []}])
def test_a_file_of_something_else_is_told(document: object, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="it has no `schema`"):
        scenefile.load_scenes(write(tmp_path, document))


def test_a_field_that_a_later_pipeline_adds_is_ignored(tmp_path: Path) -> None:
    later = a_document(linkage=0.4, forms={"passage": "a", "qa": {"question": "b", "answer": "c", "writer": "d"}})
    assert scenefile.load_scenes(write(tmp_path, later | {"candidates": 7}))[0].forms["qa"]["answer"] == "c"


def test_the_schema_in_the_repository_is_that_of_the_records() -> None:
    kept = (ROOT / "stages/shared/scene.schema.json").read_text()
    assert kept == scenefile.schema_text(), "run python -m stages.shared.scenefile > stages/shared/scene.schema.json"


@pytest.mark.parametrize("changed", [{"tokens": "many"}, {"forms": {}}, {"place": {"chapter": "", "page": None}}])
def test_the_schema_says_what_the_reader_says(changed: dict[str, Any]) -> None:
    schema = json.loads(scenefile.schema_text())
    jsonschema.validate(a_document(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(a_document(**changed), schema)


PIECES = [b"&a ", b"*a", b"!!python/name:x ", b"<<: ", b"\t", b"\0", b"\xff", b'"', b"'", b"|", b">", b"[", b"{", b"? ",
          b"---\n", b"...\n", b"%TAG ! x\n", b"\xe2\x80\xa8", b"\x85", b".nan", b"~", b"- ", b"\r", b""]  # fmt: skip


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(PIECES), st.integers(0, 30)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(damages: list[tuple[float, bytes, int]]) -> None:
    content = yaml.safe_dump(a_document(), sort_keys=False).encode()
    for share, piece, lost in damages:
        place = int(share * len(content))
        content = content[:place] + piece + content[place + lost :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own-0001.yaml"
        path.write_bytes(content)
        with contextlib.suppress(Refusal):
            assert all(isinstance(scene, scenefile.Scene) for scene in scenefile.load_scenes(path))


def test_accepted_scenes_read_back(tmp_path: Path) -> None:
    scenes = scenefile.load_scenes(write(tmp_path, a_document(reason="a\u2028b\r\nc\x85d")))
    scenefile.write_accepted(tmp_path / "scenes.jsonl", scenes)
    assert scenefile.accepted_scenes(tmp_path / "scenes.jsonl") == {"own-0001": scenes}


def test_a_scene_without_the_form_asked_for_is_read_as_its_passage(tmp_path: Path) -> None:
    scene = scenefile.load_scenes(write(tmp_path, a_document()))[0]
    assert scenefile.training_text(scene, "qa") == scene.text
    with pytest.raises(UserError, match="the forms are passage, instruction, qa, tension"):
        scenefile.training_text(scene, "poem")
