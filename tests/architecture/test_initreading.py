"""The reader of init functions: posted mistakes are found, right functions get no complaint."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from posted_mistakes import FAULTS
from right_init_functions import QUIET, RIGHT

from app.architecture.initreading import MOST_BYTES, read_init
from app.errors import NotPython


@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_is_found_with_its_line_and_its_correction(name):
    fault = FAULTS[name]
    found = [one for one in read_init(fault.text).mistakes if one.code == fault.code]
    assert [(one.line, one.level, one.correction) for one in found] == [
        (fault.line, fault.level, fault.correction)
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_raises_no_false_problem_beside_it(name):
    fault = FAULTS[name]
    problems = {one.code for one in read_init(fault.text).mistakes if one.level == "problem"}
    assert problems <= {fault.code}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_has_no_problem_and_no_warning(name):
    found = [one for one in read_init(RIGHT[name]).mistakes if one.level != "info"]
    assert found == []


@pytest.mark.parametrize("name", QUIET)
def test_a_clean_function_gets_no_remark(name):
    assert read_init(RIGHT[name]).mistakes == ()


MODELS = ("resnet", "vgg", "densenet", "googlenet", "mnasnet", "convnext", "swin_transformer",
          "vision_transformer", "regnet", "efficientnet",
          "mobilenetv2", "mobilenetv3", "squeezenet",
          "shufflenetv2", "detection.fcos", "detection.retinanet", "detection.ssd",
          "quantization.mobilenetv3")  # fmt: skip


@pytest.mark.acceptance  # which has torchvision
@pytest.mark.parametrize("name", MODELS)
def test_the_models_of_torchvision_have_no_problem_and_no_warning(name):
    package = Path(find_spec("torchvision").origin).parent
    text = (package / "models" / f"{name.replace('.', '/')}.py").read_text()
    found = [one for one in read_init(text).mistakes if one.level != "info"]
    assert found == []


def test_an_expression_is_shown_as_it_stands():
    found = read_init("def f(m):\n    if type(m) == nn.Linear:\n        pass\n").mistakes
    assert found[0].expression == "type(m) == nn.Linear"


def test_a_method_may_be_pasted_with_its_margin():
    text = "    def _init_weights(self, m):\n        if type(m) is nn.Linear:\n            pass\n"
    assert [one.line for one in read_init(text).mistakes] == [2]


def test_forum_fences_and_prompts_are_left_out():
    text = "```python\n>>> def f(m):\n...     if type(m) == nn.Linear:\n...         pass\n```\n"
    assert [one.line for one in read_init(text).mistakes] == [3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        ("def f(:\n    pass\n", "line 1: invalid syntax"),
        ("x = 1\nprint 'python 2'\n", "line 2: Missing parentheses"),
        ("x" * (MOST_BYTES + 1), "expected at most 65,536 bytes"),
        ("\n" * 3000 + "x", "expected at most 2,000 lines"),
        ("x = " + "(" * 300 + ")" * 300, "too many nested parentheses"),
        ("x = " + "-" * 60_000 + "1", "nested too deeply"),
        ("x = 1" + "+1" * 30_000, "nested too deeply"),
        ("x = a" + ".a" * 30_000, "nested too deeply"),
        ("x = '\0'", "zero bytes"),
        ("x = 0x" + "f" * 5000, "line 1: a number of more than 4,096 bits"),
        ("x = " + "lambda:" * 9000 + "0", "nested too deeply"),
    ],
)
def test_what_is_no_python_is_refused_in_a_sentence(text, said):
    with pytest.raises(NotPython) as refused:
        read_init(text)
    assert said in refused.value.message


def test_nothing_of_the_text_runs(tmp_path):
    mark = tmp_path / "ran"
    read_init(f"open({str(mark)!r}, 'w').close()\n@open({str(mark)!r}, 'w')\ndef f(m): pass\n")
    assert not mark.exists()


def test_other_people_s_functions_of_the_same_name_are_left_alone():
    text = "import jax\nfrom flax.linen import initializers as init\ninit.he_normal_(w)\n"
    assert read_init(text).mistakes == ()


def test_a_text_without_an_init_says_so():
    assert read_init("x = 1\n").headline == "Nothing here draws a weight."


def test_the_headline_counts_by_weight():
    text = FAULTS["uniform between 0 and 1"].text
    assert read_init(text).headline == "1 warning, 1 remark, the first in line 3."


def test_half_a_character_in_a_string_comes_out_as_text():
    text = "def f(m):\n    nn.init.kaiming_normal_(m.weight, nonlinearity='\\ud800')\n"
    (found,) = read_init(text).mistakes
    assert found.message.encode()
