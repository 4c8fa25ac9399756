"""Hardware profiles that are unknown or malformed, and models that a chip has no room for."""

from __future__ import annotations

import os
import re
from dataclasses import fields

import numpy as np
import pytest
import random_checkpoint
from command import LOWER, ROOT, message, spawn

from tritspike.compiler.lower import lower
from tritspike.hw_profiles.profile import HardwareProfile, boards, known, load

TINY = (ROOT / "hw_profiles" / "tiny.toml").read_text()
KNOWN = f"one of {', '.join(known())}, or the path of a .toml file"
KEYS = ", ".join(f.name for f in fields(HardwareProfile))
TEXTS = ("name", "kind")
TABLE = 'must be a table of value, unit and source (or source = "assumed")'


@pytest.mark.parametrize("name", ["loihi3", "Tiny", "", "nowhere.toml", "hw_profiles"])
def test_unknown(name, small, shell):
    assert shell.lowering_refusal(small, "--profile", name) == f"profile {name!r} is unknown (hint: {KNOWN})"


def test_unknown_in_a_real_process(small, tmp_path):
    code, out, err = spawn(LOWER, small, "--profile", "loihi3", "--out", tmp_path / "program.tsp")
    assert (code, out, message(err)) == (1, "", f"profile 'loihi3' is unknown (hint: {KNOWN})")
    assert not (tmp_path / "program.tsp").exists()


def line(key: str) -> str:
    return re.search(rf"^{key} .*\n", TINY, re.MULTILINE).group()


def with_value(key: str, value: str, unit: str = "bit", source: str = "assumed") -> str:
    return TINY.replace(line(key), f'{key} = {{ value = {value}, unit = "{unit}", source = "{source}" }}\n')


SMALL = dict(layers=1, hidden=4, heads=1, head_dim=2, ffn=2, steps=2, max_length=3)
MALFORMED = [
    (TINY + "colour = 3\n", f"unknown key 'colour' (hint: known keys: {KEYS})"),
    *[(TINY.replace(line(key), ""), f"missing key {key!r}") for key in KEYS.split(", ")],
    *[(TINY.replace(line(key), f"{key} = 5\n"), f"{key} is 5, must be a string") for key in TEXTS],
    (TINY.replace(line("kind"), 'kind = "toy"\n'), "kind is 'toy', must be one of chip, board, made-up"),
    (TINY.replace(line("chips"), "chips = 1\n"), f"chips {TABLE}"),
    (TINY.replace(line("chips"), "chips = { value = 1 }\n"), f"chips {TABLE}"),
    (TINY.replace(line("chips"), "chips = [1]\n"), f"chips {TABLE}"),
    (with_value("vth_bits", '"10"'), "vth_bits is '10', must be a whole number above 0"),
    (with_value("vth_bits", "10.0"), "vth_bits is 10.0, must be a whole number above 0"),
    (with_value("vth_bits", "true"), "vth_bits is True, must be a whole number above 0"),
    (with_value("vth_bits", "0"), "vth_bits is 0, must be a whole number above 0"),
    (with_value("vth_bits", "-1"), "vth_bits is -1, must be a whole number above 0"),
    (with_value("bias_bytes", "-1"), "bias_bytes is -1, must be a whole number of 0 or more"),
    (with_value("synapse_pj", "-0.5"), "synapse_pj is -0.5, must be a number of 0 or more"),
    (with_value("synapse_pj", "nan"), "synapse_pj is nan, must be a number of 0 or more"),
    (with_value("synapse_pj", "inf"), "synapse_pj is inf, must be a number of 0 or more"),
    (with_value("vth_bits", "10", source=""), "vth_bits: source is '', must say something"),
    (with_value("vth_bits", "10", unit=" "), "vth_bits: unit is ' ', must say something"),
    (with_value("chips", "3"), "chips is 3, but chips_x * chips_y is 1 * 1"),
    (with_value("cores_per_chip", "9"), "cores_per_chip is 9, but tiles_x * tiles_y * cores_per_tile is 2"),
    (with_value("synapse_memory_bytes", "16385"), "synapse_memory_bytes is 16385, but core_memory_bytes, of which it is a part, is 16384"),
    (with_value("state_bytes", "33"), "neurons_per_core * state_bytes is 16896, but core_memory_bytes is 16384"),
    (with_value("header_bits", "64"), "header_bits is 64, but word_bits is 64: a word would hold no synapse"),
    (with_value("sample_reset", "2"), "sample_reset is 2, must be 0 or 1"),
    ('like = "loihi9"\nname = "mine"\n', f"like is 'loihi9', must be one of {', '.join(known())}"),
    ('like = "tiny"\ncolour = 3\n', f"unknown key 'colour' (hint: known keys: {KEYS})"),
]


@pytest.mark.parametrize("text, expected", MALFORMED)
def test_malformed(text, expected, small, shell, tmp_path):
    path = tmp_path / "chip.toml"
    path.write_text(text)
    assert shell.lowering_refusal(small, "--profile", path) == f"{path}: {expected}"


@pytest.mark.parametrize("content", [b"{", b"name = ", b"name = 'a'\nname = 'b'\n", b"\xff\xfe", b"\x80\x04"])
def test_not_toml(content, small, shell, tmp_path):
    path = tmp_path / "chip.toml"
    path.write_bytes(content)
    assert shell.lowering_refusal(small, "--profile", path).startswith(f"{path}: not a TOML file: ")


def test_not_toml_says_where(small, shell, tmp_path):
    path = tmp_path / "chip.toml"
    path.write_text("name = 'a'\nchips = = 3\n")
    assert shell.lowering_refusal(small, "--profile", path) == f"{path}: not a TOML file: Invalid value (at line 2, column 9)"


def test_a_copy_of_a_shipped_profile_is_read(small, shell, tmp_path):
    (tmp_path / "chip.toml").write_text(TINY)
    code, out, err = shell.run(LOWER, small, "--profile", tmp_path / "chip.toml", "--out", tmp_path / "program.tsp", "--length", 3)
    assert (code, err) == (0, "") and out.startswith(f"{tmp_path}/program.tsp: ")


@pytest.mark.parametrize("name", known())
def test_static_power_is_assumed_and_says_from_what(name):
    """No static power of a chip is published as such; chips that inherit theirs have one each."""
    profile = load(name)
    assert profile.static_w == profile.chips * profile.chip_static_w > 0
    text = (ROOT / "hw_profiles" / f"{name}.toml").read_text()
    (like,) = re.findall('^like = "(.*)"', text, re.MULTILINE) or [name]
    given = re.search("^chip_static_w .*", text if "chip_static_w" in text else (ROOT / "hw_profiles" / f"{like}.toml").read_text(), re.MULTILINE)
    assert 'unit = "W"' in given.group() and re.search('source = "assumed: .+"', given.group())


@pytest.mark.parametrize("name", known())
def test_shipped_profiles_are_sound_and_sourced(name):
    profile = load(name)
    assert profile.name == name and profile.neurons == profile.chips * profile.cores_per_chip * profile.neurons_per_core


def test_published_sizes():
    """Totals that Intel publishes, from the per-chip numbers and the meshes of the files."""
    assert load("hala-point").cores == 140_544 and 1.15e9 < load("hala-point").neurons < 1.16e9
    assert load("pohoiki-springs").neurons == 768 * 131_072 and load("kapoho-point").chips == 8


def test_like_takes_what_is_not_given(tmp_path):
    (tmp_path / "mine.toml").write_text('like = "loihi2"\nname = "mine"\n' + line("neurons_per_core"))
    mine = load(str(tmp_path / "mine.toml"))
    assert (mine.name, mine.neurons_per_core, mine.cores_per_chip) == ("mine", 512, load("loihi2").cores_per_chip)


def test_auto_chooses_among_real_boards_that_reset_by_themselves():
    assert [p.name for p in boards()] == ["loihi2", "kapoho-point", "hala-point"]


def test_too_many_neurons(small, shell, tmp_path):
    """And the length that the hint names is the longest that fits."""
    folder = random_checkpoint.write(tmp_path / "wide", hidden=32, layers=1)
    needed = lower(folder, "loihi2").neurons()
    found = shell.lowering_refusal(folder, "--profile", "tiny")
    fits = int(re.search("--length ([0-9]+) fits", found).group(1))
    assert found == f"tiny: {needed} neurons needed, 1024 available (hint: --length {fits} fits, or --profile loihi2)"
    for length, code in ((fits, 0), (fits + 1, 1)):
        assert shell.run(LOWER, folder, "--profile", "tiny", "--length", length, "--out", tmp_path / "out.tsp")[0] == code


def test_too_many_neurons_at_any_length(shell, tmp_path):
    folder = random_checkpoint.write(tmp_path / "wide", layers=1, hidden=1100, max_length=1)
    needed = lower(folder, "loihi2").neurons()
    expected = f"tiny: {needed} neurons needed, 1024 available (hint: a smaller model or --profile loihi2)"
    assert shell.lowering_refusal(folder, "--profile", "tiny") == expected


def test_too_many_synapses(shell, tmp_path):
    folder = random_checkpoint.write(tmp_path / "dense", layers=1, hidden=64, ffn=64, max_length=1, weights="binary")
    program = lower(folder, "loihi2")
    needed = sum(s.wiring.count(*program.network.grids(s)) for s in program.network.synapses)
    expected = f"tiny: {needed} synapses needed, 4096 available (hint: a smaller model or --profile loihi2)"
    assert needed > 2 * 64 * 64 and program.neurons() < 1024
    assert shell.lowering_refusal(folder, "--profile", "tiny") == expected


NARROW = [
    ("vth_bits", 10, {"layer.0.query.vth": 1024}, "layer.0.query: vth is 1024, the chip holds up to 1023"),
    ("vth_bits", 10, {"readout.codes": [[0b01010101]] * 2}, "readout: vth that no input reaches is 1024, the chip holds up to 1023"),
    ("decay_bits", 11, {}, "layer.0.query: keep is 3072, the chip holds up to 2048"),
    ("bias_mantissa_bits", 4, {"layer.0.query.bias": [-17, 1]}, "layer.0.query: bias mantissa is 17, the chip holds up to 15"),
    ("bias_exponent_max", 2, {"layer.0.query.bias": [4095 << 3, 0]}, "layer.0.query: bias exponent is 3, the chip holds up to 2"),
    ("weight_bits", 4, {"layer.0.query.gain": [-8, 1]}, "layer.0.query: weight from x is 8, the chip holds up to 7"),
    ("weight_exponent_max", 2, {"layer.0.query.bias": [127 << 9, 0]}, "layer.0.query: weight exponent from mask is 3, the chip holds up to 2"),
]


@pytest.mark.parametrize("key, value, tensors, expected", NARROW)
def test_register_too_narrow(key, value, tensors, expected, shell, tmp_path):
    dtypes = {"gain": np.int8, "codes": np.uint8}
    stored = {name: np.atleast_1d(np.array(v, dtypes.get(name.split(".")[-1], np.int32))) for name, v in tensors.items()}
    folder = random_checkpoint.write(tmp_path / "checkpoint", tensors=stored, **SMALL | {"steps": 64, "max_length": 4})
    (tmp_path / "chip.toml").write_text(with_value(key, str(value)))
    assert shell.lowering_refusal(folder, "--profile", tmp_path / "chip.toml") == f"tiny: {expected}"


def with_values(**values: str) -> str:
    """`loihi2` with other numbers."""
    return 'like = "loihi2"\nname = "mine"\n' + "".join(f'{k} = {{ value = {v}, unit = "u", source = "s" }}\n' for k, v in values.items())


NO_TIME = dict.fromkeys((f.name for f in fields(HardwareProfile) if f.name.endswith("_ns")), "0")
HOSTILE = {
    "a million tiles": (with_values(tiles_x="1000000"), "chips * tiles_x * tiles_y is 4000000, allowed up to 1048576"),
    "10^30 cores": (with_values(cores_per_chip=f"1{'0' * 30}"), f"cores_per_chip is 1{'0' * 30}, allowed up to 1048576"),
    "many cores in a tile": (with_values(cores_per_tile="1000000"), "tiles_x * tiles_y * cores_per_tile is 32000000, allowed up to 1048576"),
    "many chips": (with_values(chips="100000", chips_x="100000"), "chips * cores_per_chip is 12000000, allowed up to 1048576"),
    "a register of a million bits": (with_values(vth_bits="1000000"), "vth_bits is 1000000, allowed up to 64"),
    "memory beyond all": (with_values(core_memory_bytes="9223372036854775807"), "core_memory_bytes is 9223372036854775807, allowed up to 2147483648"),
    "a number of very many digits": (with_values(chips=f"1{'0' * 5000}"), "not a TOML file that can be read"),
    "a cost of very many digits": (with_values(synapse_pj=f"0x1{'0' * 5000}"), "synapse_pj is a number of very many digits, allowed up to"),
    "a cost beyond all": (with_values(synapse_pj="1e300"), "synapse_pj is 1e+300, allowed up to 1000000000"),
    "steps that take no time": (with_values(**NO_TIME), "barrier_ns is 0.0, and neuron updates take no time either"),
    "control characters": (with_values().replace("mine", "\\u001b[2J"), "name is '\\x1b[2J', must be 1 to 100 printable characters"),
    "a name as long as a book": (with_values().replace("mine", "m" * 100_000), "must be 1 to 100 printable characters"),
    "deep": ("a = " + "[" * 100_000 + "]" * 100_000, "not a TOML file that can be read: nested too deeply"),
    "deep tables": ("x" + ".x" * 1000 + " = 1", "unknown key 'x'"),
    "like of a wrong kind": ("like = [1]", "like is [1], must be one of"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_numbers_beyond_all_reason(fault, small, shell, tmp_path):
    text, expected = HOSTILE[fault]
    path = tmp_path / "hostile.toml"
    path.write_text(text)
    found = shell.lowering_refusal(small, "--profile", path)
    assert found.startswith(f"{path}: ") and expected in found and len(found) < 3000


def test_all_faults_of_a_profile_are_listed_at_once(small, shell, tmp_path):
    path = tmp_path / "many.toml"
    path.write_text(with_values(tiles_x="0", vth_bits="65", synapse_pj="-1"))
    expected = "tiles_x is 0, must be a whole number above 0; vth_bits is 65, allowed up to 64; synapse_pj is -1, must be a number of 0 or more"
    assert shell.lowering_refusal(small, "--profile", path) == f"{path}: {expected}"
    path.write_text('name = "few"')
    assert shell.refusal(LOWER, small, "--out", tmp_path / "p", "--profile", path).endswith(f"; and {len(fields(HardwareProfile)) - 1 - 8} more")


def test_a_profile_that_is_no_regular_file(small, shell, tmp_path):
    os.mkfifo(tmp_path / "fifo.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')

    def refusal(name):
        return shell.refusal(LOWER, small, "--out", tmp_path / "p", "--profile", tmp_path / name)

    assert refusal("fifo.toml") == f"{tmp_path}/fifo.toml: a FIFO, not a regular file"
    assert refusal("folder.toml") == f"{tmp_path}/folder.toml: is a directory"
    assert refusal("latin.toml").startswith(f"{tmp_path}/latin.toml: not a TOML file: ")
    assert refusal("\0.toml").startswith("profile ") and "is unknown" in refusal("\0.toml")
