"""A reader on disk: 8-bit weights within half a step, and errors that say what is missing."""

import json
from pathlib import Path

import pytest
import torch

from extraction.reader import ReaderConfig
from extraction.store import SHIPPED, WeightsError, dequantize, load_reader, quantize, save_reader

LARGEST = 30 * 1024 * 1024


def test_a_quantized_row_is_within_half_a_step_of_its_largest_weight() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(50, 70) * torch.logspace(-4, 3, 50)[:, None]
    found = dequantize(*quantize(matrix))
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert ((found - matrix).abs() <= step / 2 * 1.001).all()


def test_a_row_of_zeros_stays_zero() -> None:
    assert not dequantize(*quantize(torch.zeros(2, 3))).any()


def test_saving_what_was_loaded_changes_nothing(tmp_path: Path) -> None:
    reader, tokenizer = load_reader()
    save_reader(reader, tokenizer, tmp_path)
    again, _ = load_reader(tmp_path)
    assert again.config == reader.config
    for name, value in reader.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_the_shipped_reader_is_at_most_30_mb() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= LARGEST


def test_the_configuration_survives_json() -> None:
    config = load_reader()[0].config
    assert ReaderConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere"):
        load_reader(tmp_path / "nowhere")


def test_half_a_weights_file_is_refused(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    whole = (SHIPPED / "reader.safetensors").read_bytes()
    (tmp_path / "reader.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=str(tmp_path)):
        load_reader(tmp_path)


def test_a_configuration_of_another_size_is_refused(tmp_path: Path) -> None:
    reader, tokenizer = load_reader()
    save_reader(reader, tokenizer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["labels"]["types"].append("New:Type")
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="differ"):
        load_reader(tmp_path)
