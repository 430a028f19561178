"""Init functions with the mistakes that people post, and what is to be said of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A text with one mistake, where it is, and the code that mends it."""

    text: str
    code: str
    line: int
    correction: str
    level: str = "problem"


def inside(*lines: str, kind: str = "nn.Linear") -> str:
    """Lines of an init function, from line 3."""
    body = "\n".join(f"        {line}" for line in lines)
    return f"def init_weights(m):\n    if isinstance(m, {kind}):\n{body}\n"


FAULTS = {
    "data as an argument": Fault(
        text=inside("nn.init.normal_(m.weight.data, 0.0, 0.02)"),
        code="data",
        line=3,
        correction="nn.init.normal_(m.weight, 0.0, 0.02)",
        level="info",
    ),
    "data with a method": Fault(
        text=inside("m.weight.data.normal_(0.0, 0.02)"),
        code="data",
        line=3,
        correction="nn.init.normal_(m.weight, 0.0, 0.02)",
        level="info",
    ),
    "data filled": Fault(
        text=inside("if m.bias is not None:", "    m.bias.data.fill_(0.01)"),
        code="data",
        line=4,
        correction="nn.init.constant_(m.bias, 0.01)",
        level="info",
    ),
    "data set": Fault(
        text=inside("m.weight.data = torch.randn(3, 4)"),
        code="data",
        line=3,
        correction="with torch.no_grad():\n    m.weight.copy_(torch.randn(3, 4))",
        level="info",
    ),
    "apply on an output": Fault(
        text="class Net(nn.Module):\n    def forward(self, x):\n"
        "        x = self.fc1(x).apply(init_weights)\n        return x\n",
        code="apply_on_tensor",
        line=3,
        correction="self.fc1.apply(init_weights)",
    ),
    "apply on a weight": Fault(
        text="self.fc.weight.apply(init_weights)\n",
        code="apply_on_tensor",
        line=1,
        correction="self.fc.apply(init_weights)",
    ),
    "a name from the documentation": Fault(
        text=inside("torch.nn.init.xavier_uniform_(tensor, gain=1.0)"),
        code="undefined_name",
        line=3,
        correction="torch.nn.init.xavier_uniform_(m.weight, gain=1.0)",
    ),
    "a bare bias": Fault(
        text=inside("nn.init.zeros_(bias)"),
        code="undefined_name",
        line=3,
        correction="nn.init.zeros_(m.bias)",
    ),
    "type equals": Fault(
        text="def init_weights(m):\n    if type(m) == nn.Linear:\n"
        "        nn.init.xavier_uniform_(m.weight)\n",
        code="type_equals",
        line=2,
        correction="isinstance(m, nn.Linear)",
        level="warning",
    ),
    "type in a list": Fault(
        text="def init_weights(m):\n    if type(m) in [nn.Linear, nn.Conv2d]:\n"
        "        nn.init.xavier_uniform_(m.weight)\n",
        code="type_equals",
        line=2,
        correction="isinstance(m, (nn.Linear, nn.Conv2d))",
        level="warning",
    ),
    "a module without parameters": Fault(
        text=inside("nn.init.normal_(m.weight, 0, 0.01)", kind="nn.ReLU"),
        code="no_such_parameter",
        line=3,
        correction="leave the branch out: there is nothing to draw",
    ),
    "one of several without parameters": Fault(
        text=inside(
            "nn.init.xavier_normal_(m.weight)", kind="(nn.Conv2d, nn.MaxPool2d, nn.Linear)"
        ),
        code="no_such_parameter",
        line=3,
        correction="isinstance(m, (nn.Conv2d, nn.Linear))",
    ),
    "the bias of an embedding": Fault(
        text=inside("nn.init.zeros_(m.bias)", kind="nn.Embedding"),
        code="no_such_parameter",
        line=3,
        correction="leave the line out: there is no bias to draw",
    ),
    "the weight of an lstm": Fault(
        text=inside("nn.init.orthogonal_(m.weight)", kind="nn.LSTM"),
        code="no_such_parameter",
        line=3,
        correction="for name, parameter in m.named_parameters(): ...",
    ),
    "a bias that may be missing": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
                    "nn.init.zeros_(m.bias)", kind="nn.Conv2d"),
        code="bias_unchecked",
        line=4,
        correction="if m.bias is not None:\n    nn.init.zeros_(m.bias)",
        level="info",
    ),
    "a bias that is missing": Fault(
        text="net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False))\n"
        + inside("m.bias.data.fill_(0)", kind="nn.Conv2d"),
        code="bias_unchecked",
        line=4,
        correction="if m.bias is not None:\n    nn.init.zeros_(m.bias)",
    ),
    "kaiming in a leaky network": Fault(
        text="act = nn.LeakyReLU(0.2)\n" + inside("nn.init.kaiming_normal_(m.weight)"),
        code="leaky_slope",
        line=4,
        correction="nn.init.kaiming_normal_(m.weight, a=0.2, nonlinearity='leaky_relu')",
        level="warning",
    ),
    "leaky_relu without its slope": Fault(
        text=inside("nn.init.kaiming_uniform_(m.weight, nonlinearity='leaky_relu')"),
        code="kaiming_default",
        line=3,
        correction="nn.init.kaiming_uniform_(m.weight, nonlinearity='relu')",
        level="info",
    ),
    "kaiming before tanh": Fault(
        text="act = nn.Tanh()\n" + inside("nn.init.kaiming_normal_(m.weight)"),
        code="kaiming_default",
        line=4,
        correction="nn.init.normal_(m.weight, std=1.5925 / m.weight[0].numel() ** 0.5)",
        level="warning",
    ),
    "a slope that is ignored": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, a=0.1, nonlinearity='relu')"),
        code="slope_ignored",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
        level="warning",
    ),
    "the root of five": Fault(
        text=inside("nn.init.kaiming_uniform_(m.weight, a=math.sqrt(5))"),
        code="root_five",
        line=3,
        correction="nn.init.kaiming_uniform_(m.weight, nonlinearity='relu')",
        level="info",
    ),
    "a mode in the place of the slope": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, 'fan_out')"),
        code="arguments",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, mode='fan_out')",
    ),
    "gelu": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, nonlinearity='gelu')"),
        code="unsupported_nonlinearity",
        line=3,
        correction="nn.init.normal_(m.weight, std=1.5335 / m.weight[0].numel() ** 0.5)",
    ),
    "a nonlinearity in capitals": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, nonlinearity='ReLU')"),
        code="unsupported_nonlinearity",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
    ),
    "kaiming of a transposed convolution": Fault(
        text=inside(
            "nn.init.kaiming_normal_(m.weight, nonlinearity='relu')", kind="nn.ConvTranspose2d"
        ),
        code="transposed_fans",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, nonlinearity='relu', mode='fan_out')",
        level="warning",
    ),
    "a cut at a hundred sigmas": Fault(
        text=inside("nn.init.trunc_normal_(m.weight, std=0.02)"),
        code="cut_does_nothing",
        line=3,
        correction="nn.init.trunc_normal_(m.weight, std=0.02, a=-0.04, b=0.04)",
        level="info",
    ),
    "the gain of gelu": Fault(
        text="gain = nn.init.calculate_gain('gelu')\n",
        code="unsupported_nonlinearity",
        line=1,
        correction="1.5335",
    ),
    "the gain of selu": Fault(
        text=inside("nn.init.xavier_normal_(m.weight, gain=nn.init.calculate_gain('selu'))"),
        code="gain_without_theory",
        line=3,
        correction="1.0",
        level="warning",
    ),
    "the gain of tanh": Fault(
        text=inside("nn.init.xavier_normal_(m.weight, nn.init.calculate_gain('tanh'))"),
        code="gain_without_theory",
        line=3,
        correction="1.5925",
        level="info",
    ),
    "kaiming of a bias": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
                    "nn.init.kaiming_normal_(m.bias, nonlinearity='relu')"),
        code="one_axis",
        line=4,
        correction="nn.init.zeros_(m.bias)",
    ),
    "xavier of a norm": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)", kind="nn.BatchNorm2d"),
        code="one_axis",
        line=3,
        correction="nn.init.ones_(m.weight)",
    ),
    "xavier of every parameter": Fault(
        text="for p in model.parameters():\n    nn.init.xavier_uniform_(p)\n",
        code="one_axis",
        line=2,
        correction="if p.dim() > 1:\n    nn.init.xavier_uniform_(p)",
    ),
    "an old name": Fault(
        text=inside("nn.init.xavier_uniform(m.weight)"),
        code="old_name",
        line=3,
        correction="nn.init.xavier_uniform_(m.weight)",
        level="warning",
    ),
    "no such function": Fault(
        text=inside("nn.init.he_normal_(m.weight)"),
        code="unknown_function",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight)",
    ),
    "zeros without the underscore": Fault(
        text=inside("if m.bias is not None:", "    nn.init.zeros(m.bias)"),
        code="unknown_function",
        line=4,
        correction="nn.init.zeros_(m.bias)",
    ),
    "called and not applied": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)") + "model = Net()\ninit_weights(model)\n",
        code="called_not_applied",
        line=5,
        correction="model.apply(init_weights)",
    ),
    "applied as a call": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)") + "model.apply(init_weights(model))\n",
        code="apply_called",
        line=4,
        correction="model.apply(init_weights)",
    ),
    "a find that is always true": Fault(
        text="def init_weights(m):\n    classname = m.__class__.__name__\n"
        "    if classname.find('Conv'):\n        nn.init.normal_(m.weight, 0, 0.02)\n",
        code="find_as_truth",
        line=3,
        correction="classname.find('Conv') != -1",
    ),
    "a tensor for a parameter": Fault(
        text=inside("m.weight = torch.randn(m.out_features, m.in_features) * 0.01").replace(
            " * 0.01", ""
        ),
        code="not_a_parameter",
        line=3,
        correction="with torch.no_grad():\n"
        "    m.weight.copy_(torch.randn(m.out_features, m.in_features))",
    ),
    "a leaf written to": Fault(
        text=inside("m.weight.uniform_(-0.1, 0.1)"),
        code="leaf_in_place",
        line=3,
        correction="nn.init.uniform_(m.weight, -0.1, 0.1)",
    ),
    "a part of a leaf written to": Fault(
        text="def f(lstm):\n    lstm.bias[10:20] = 1.0\n",
        code="leaf_in_place",
        line=2,
        correction="with torch.no_grad():\n    lstm.bias[10:20] = 1.0",
    ),
    "a loop over names": Fault(
        text="for p in model.parameters():\n    p = torch.randn(p.shape)\n",
        code="name_only",
        line=2,
        correction="with torch.no_grad():\n    p.copy_(torch.randn(p.shape))",
    ),
    "uniform without bounds": Fault(
        text=inside("nn.init.uniform_(m.weight)"),
        code="mean_not_zero",
        line=3,
        correction="bound = m.weight[0].numel() ** -0.5\nnn.init.uniform_(m.weight, -bound, bound)",
        level="warning",
    ),
    "uniform between 0 and 1": Fault(
        text=inside("m.weight.data.uniform_(0.0, 1.0)"),
        code="mean_not_zero",
        line=3,
        correction="bound = m.weight[0].numel() ** -0.5\nnn.init.uniform_(m.weight, -bound, bound)",
        level="warning",
    ),
    "a std of one": Fault(
        text=inside("nn.init.normal_(m.weight)"),
        code="std_of_one",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
        level="warning",
    ),
    "a variance for a std": Fault(
        text=inside("nn.init.normal_(m.weight, 0, 2 / m.in_features)"),
        code="variance_as_std",
        line=3,
        correction="nn.init.normal_(m.weight, 0, (2 / m.in_features) ** 0.5)",
        level="warning",
    ),
    "a variance by a name": Fault(
        text=inside("fan_in = m.weight.size(1)", "nn.init.normal_(m.weight, std=1.0 / fan_in)"),
        code="variance_as_std",
        line=4,
        correction="nn.init.normal_(m.weight, std=(1.0 / fan_in) ** 0.5)",
        level="warning",
    ),
    "all weights zero": Fault(
        text=inside("nn.init.constant_(m.weight, 0)"),
        code="constant_weight",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
    ),
    "all norms zero": Fault(
        text=inside("nn.init.zeros_(m.weight)", kind="nn.BatchNorm2d"),
        code="zero_norm",
        line=3,
        correction="nn.init.ones_(m.weight)",
        level="warning",
    ),
    "a branch never reached": Fault(
        text="def f(m):\n    if isinstance(m, nn.Module):\n        pass\n"
        "    elif isinstance(m, nn.Conv2d):\n        nn.init.dirac_(m.weight)\n",
        code="never_reached",
        line=4,
        correction="Put this branch before the one that takes more classes.",
    ),
    "a word within a word": Fault(
        text="def f(m):\n    classname = m.__class__.__name__\n"
        "    if classname.find('Conv') != -1:\n        nn.init.normal_(m.weight, 0, 0.02)\n"
        "    elif classname.find('ConvTranspose') != -1:\n"
        "        nn.init.normal_(m.weight, 0, 0.01)\n",
        code="never_reached",
        line=5,
        correction="Put this branch before the one that takes more classes.",
    ),
    "or of two classes": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)", kind="nn.Linear or nn.Conv2d"),
        code="or_of_classes",
        line=2,
        correction="isinstance(m, (nn.Linear, nn.Conv2d))",
    ),
    "a class for a truth": Fault(
        text="def f(m):\n    if isinstance(m, nn.Linear) or nn.Conv2d:\n"
        "        nn.init.xavier_uniform_(m.weight)\n",
        code="always_true",
        line=2,
        correction="isinstance(m, (nn.Linear, nn.Conv2d))",
    ),
    "a module equal to a class": Fault(
        text="def f(m):\n    if m == nn.Linear:\n        nn.init.xavier_uniform_(m.weight)\n",
        code="never_equal",
        line=2,
        correction="isinstance(m, nn.Linear)",
    ),
    "a list of classes": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)", kind="[nn.Linear, nn.Conv2d]"),
        code="not_a_class",
        line=2,
        correction="isinstance(m, (nn.Linear, nn.Conv2d))",
    ),
    "a padding row drawn over": Fault(
        text="emb = nn.Embedding(100, 8, padding_idx=0)\n"
        + inside("nn.init.normal_(m.weight, std=0.02)", kind="nn.Embedding"),
        code="padding_drawn",
        line=4,
        correction="nn.init.normal_(m.weight, std=0.02)\nif m.padding_idx is not None:\n"
        "    with torch.no_grad():\n        m.weight[m.padding_idx].zero_()",
        level="warning",
    ),
    "a seed for every layer": Fault(
        text=inside("torch.manual_seed(0)", "nn.init.xavier_uniform_(m.weight)"),
        code="seeded_each_time",
        line=3,
        correction="torch.manual_seed(0)\nmodel.apply(init_weights)",
    ),
    "drawn over by a reset": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)", "m.reset_parameters()"),
        code="drawn_over",
        line=4,
        correction="Leave it out, or put it before the draws.",
    ),
    "every module taken for a layer": Fault(
        text="def f(m):\n    nn.init.xavier_uniform_(m.weight)\nmodel.apply(f)\n",
        code="every_module",
        line=2,
        correction="if isinstance(m, nn.Linear):\n    nn.init.xavier_uniform_(m.weight)",
    ),
    "a module for a tensor": Fault(
        text=inside("nn.init.xavier_uniform_(m)"),
        code="not_a_tensor",
        line=3,
        correction="nn.init.xavier_uniform_(m.weight)",
    ),
    "an argument too many": Fault(
        text=inside("if m.bias is not None:", "    nn.init.zeros_(m.bias, 0)"),
        code="arguments",
        line=4,
        correction="nn.init.zeros_(m.bias)",
    ),
    "an argument of another": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight, nonlinearity='relu')"),
        code="arguments",
        line=3,
        correction="nn.init.xavier_uniform_(m.weight)",
    ),
    "a gain in words": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight, gain='relu')"),
        code="arguments",
        line=3,
        correction="nn.init.xavier_uniform_(m.weight, gain=nn.init.calculate_gain('relu'))",
    ),
    "xavier of a transposed convolution": Fault(
        text=inside("nn.init.xavier_normal_(m.weight)", kind="nn.ConvTranspose2d"),
        code="transposed_fans",
        line=3,
        correction="nn.init.xavier_normal_(m.weight, gain=math.prod(m.stride) ** 0.5)",
        level="info",
    ),
    "fan_out of a linear layer": Fault(
        text=inside("nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')"),
        code="fan_out_of_linear",
        line=3,
        correction="nn.init.kaiming_normal_(m.weight, mode='fan_in', nonlinearity='relu')",
        level="info",
    ),
    "an identity for a kernel": Fault(
        text=inside("nn.init.eye_(m.weight)", kind="nn.Conv2d"),
        code="other_axes",
        line=3,
        correction="nn.init.dirac_(m.weight)",
    ),
    "the kernel of a linear layer": Fault(
        text=inside("n = m.kernel_size[0] * m.kernel_size[1]", kind="(nn.Conv2d, nn.Linear)"),
        code="no_such_size",
        line=3,
        correction="m.weight[0].numel()  # fan_in of either; m.weight.shape[0] are the outputs",
    ),
    "a lazy layer": Fault(
        text=inside("nn.init.xavier_uniform_(m.weight)", kind="nn.LazyLinear"),
        code="lazy",
        line=3,
        correction="model(example)  # once, before model.apply(...), and ask for the layer's "
        "own class",
    ),
    "a block of one's own with Conv in its name": Fault(
        text="class ConvBlock(nn.Module):\n    def __init__(self):\n"
        "        self.conv = nn.Conv2d(3, 3, 3)\n\n"
        "def f(m):\n    name = m.__class__.__name__\n    if name.find('Conv') != -1:\n"
        "        nn.init.normal_(m.weight, 0.0, 0.02)\n",
        code="own_class_matches",
        line=7,
        correction="isinstance(m, nn.Conv2d)",
    ),
    "applied before the last layer": Fault(
        text="class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.apply(self._init)\n        self.head = nn.Linear(8, 2)\n",
        code="applied_too_early",
        line=4,
        correction="self.apply(self._init)  # at the end of __init__",
        level="warning",
    ),
}  # fmt: skip
