"""YAML as plain data: text, numbers, lists and mappings of a bounded size; everything else is refused with its line.

The file is read event by event, so that an alias is refused before it is expanded, a tag before anything is made
of it, and deep nesting before it is followed. Plain scalars get the types that yaml.safe_load gives them.
"""

from pathlib import Path
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

MOST_BYTES = 1 << 20
MOST_NODES = 20_000  # scalars, lists and mappings of one file; a book of five scenes has about 200
MOST_DEPTH = 10
MOST_DIGITS = 40
TAG = "tag:yaml.org,2002:"
TYPES = ("null", "bool", "int", "float")


class Refusal(ValueError):
    """Why a file is not taken: the fact, with its line or place in the file."""


def read_yaml(path: Path, most_bytes: int = MOST_BYTES, most_nodes: int = MOST_NODES) -> Any:
    """Read a YAML file as plain data; raises Refusal."""
    if not path.is_file():
        raise Refusal("it is no file")
    with path.open("rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise Refusal(f"it has more than {most_bytes:,} bytes")
    return parse(content, most_nodes)


def parse(content: bytes, most_nodes: int = MOST_NODES) -> Any:
    """The plain data that the bytes of a YAML file stand for; raises Refusal."""
    try:
        return Reader(content.decode("utf-8"), most_nodes).document()
    except UnicodeDecodeError as error:
        raise Refusal(f"line {line_at(content, error.start)}: byte {content[error.start]:#04x} is not UTF-8") from None
    except yaml.reader.ReaderError as error:
        raise Refusal(f"line {line_at(content, error.position)}: {error.reason}") from None
    except yaml.MarkedYAMLError as error:
        raise Refusal(f"{line_of(error.problem_mark)}: {error.problem}") from None


def line_at(content: bytes, position: int) -> int:
    """The line, counted from 1, in which a byte lies."""
    return content.count(b"\n", 0, position) + 1


def line_of(mark: Any) -> str:
    """A place in the file as a person says it."""
    return f"line {mark.line + 1}" if mark else "somewhere"


class Reader:
    """One pass over the events of a text."""

    def __init__(self, text: str, most_nodes: int) -> None:
        self.loader: Any = yaml.CSafeLoader(text)
        self.left, self.most = most_nodes, most_nodes

    def document(self) -> Any:
        """The only document of the text."""
        self.loader.get_event()
        if isinstance(self.loader.get_event(), StreamEndEvent):
            raise Refusal("it is empty")
        found = self.node(self.loader.get_event(), 0)
        while not isinstance(event := self.loader.get_event(), StreamEndEvent):
            if not isinstance(event, DocumentEndEvent):
                raise Refusal(f"{line_of(event.start_mark)}: a second document begins; one is allowed")
        return found

    def node(self, event: Any, depth: int) -> Any:
        """What an event and those that belong to it stand for."""
        self.left -= 1
        if event.anchor is not None or event.tag is not None or depth > MOST_DEPTH or self.left < 0:
            raise Refusal(f"{line_of(event.start_mark)}: {self.fault(event, depth)}")
        if isinstance(event, ScalarEvent):
            return self.scalar(event)
        if isinstance(event, SequenceStartEvent):
            found = []
            while not isinstance(inner := self.loader.get_event(), SequenceEndEvent):
                found.append(self.node(inner, depth + 1))
            return found
        return self.mapping(depth)

    def fault(self, event: Any, depth: int) -> str:
        """Why an event is refused: it stands for more than itself, or it is one too many."""
        if event.anchor is not None:
            sign = "*" if isinstance(event, AliasEvent) else "&"
            return f"{sign}{event.anchor:.40}: anchors and aliases are not allowed"
        if event.tag is not None:
            return f"the tag {event.tag:.60} is not allowed"
        return (
            f"it is nested more than {MOST_DEPTH} deep" if self.left >= 0 else f"it has more than {self.most:,} values"
        )

    def mapping(self, depth: int) -> dict[str, Any]:
        """A mapping with text as keys, none of them twice."""
        found: dict[str, Any] = {}
        while not isinstance(event := self.loader.get_event(), MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key, str):
                raise Refusal(f"{line_of(event.start_mark)}: the key {key!s:.40} is no text")
            if key in found:
                raise Refusal(f"{line_of(event.start_mark)}: the key {key:.40} is there twice")
            found[key] = self.node(self.loader.get_event(), depth + 1)
        return found

    def scalar(self, event: Any) -> Any:
        """A scalar as text, number, truth value or nothing; dates, merge keys and the like are refused."""
        if not event.implicit[0]:
            return event.value
        tag = self.loader.resolve(yaml.ScalarNode, event.value, (True, False))
        kind = tag.removeprefix(TAG)
        if kind == "str":
            return event.value
        if kind not in TYPES or len(event.value) > MOST_DIGITS:
            what = "a number of too many digits" if kind in TYPES else f"a {kind}; put it in quotes to make it text"
            raise Refusal(f"{line_of(event.start_mark)}: {event.value:.40} is {what}")
        try:
            return yaml.CSafeLoader.yaml_constructors[tag](self.loader, yaml.ScalarNode(tag, event.value))
        except ValueError:
            raise Refusal(f"{line_of(event.start_mark)}: {event.value:.40} is no {kind}") from None
