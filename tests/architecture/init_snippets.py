"""Init functions as people write them: right ones of well-known libraries, and posted mistakes."""

from __future__ import annotations

from dataclasses import dataclass

RIGHT = {
    "torch's own documentation": """
import torch
from torch import nn

@torch.no_grad()
def init_weights(m):
    if isinstance(m, nn.Linear):
        m.weight.fill_(1.0)

net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
net.apply(init_weights)
""".replace("m.weight.fill_(1.0)", "nn.init.xavier_uniform_(m.weight)"),
    "dcgan": """
def weights_init(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find('BatchNorm') != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)

netG.apply(weights_init)
""",
    "torchvision resnet": """
class ResNet(nn.Module):
    def __init__(self, block, layers, zero_init_residual=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(512 * block.expansion, num_classes)

        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

        if zero_init_residual:
            for m in self.modules():
                if isinstance(m, Bottleneck) and m.bn3.weight is not None:
                    nn.init.constant_(m.bn3.weight, 0)
                elif isinstance(m, BasicBlock) and m.bn2.weight is not None:
                    nn.init.constant_(m.bn2.weight, 0)
""",
    "torchvision vgg": """
for m in self.modules():
    if isinstance(m, nn.Conv2d):
        nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        if m.bias is not None:
            nn.init.constant_(m.bias, 0)
    elif isinstance(m, nn.BatchNorm2d):
        nn.init.constant_(m.weight, 1)
        nn.init.constant_(m.bias, 0)
    elif isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, 0, 0.01)
        nn.init.constant_(m.bias, 0)
""",
    "torchvision vit": """
def _init(self):
    if isinstance(self.conv_proj, nn.Conv2d):
        fan_in = self.conv_proj.in_channels * self.conv_proj.kernel_size[0]
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / fan_in))
        if self.conv_proj.bias is not None:
            nn.init.zeros_(self.conv_proj.bias)
    if isinstance(self.heads.head, nn.Linear):
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)
""",
    "timm vit": """
def init_weights_vit_timm(module: nn.Module, name: str = '') -> None:
    if isinstance(module, nn.Linear):
        trunc_normal_(module.weight, std=.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif hasattr(module, 'init_weights'):
        module.init_weights()
""",
    "timm vit jax": """
def init_weights_vit_jax(module: nn.Module, name: str = '', head_bias: float = 0.0) -> None:
    if isinstance(module, nn.Linear):
        if name.startswith('head'):
            nn.init.zeros_(module.weight)
            nn.init.constant_(module.bias, head_bias)
        else:
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                mlp = 'mlp' in name
                nn.init.normal_(module.bias, std=1e-6) if mlp else nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        lecun_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
""",
    "timm efficientnet": """
def _init_weight_goog(m, n='', fix_group_fanout=True):
    if isinstance(m, nn.Conv2d):
        fan_out = m.kernel_size[0] * m.kernel_size[1] * m.out_channels
        if fix_group_fanout:
            fan_out //= m.groups
        nn.init.normal_(m.weight, 0, math.sqrt(2.0 / fan_out))
        if m.bias is not None:
            nn.init.zeros_(m.bias)
    elif isinstance(m, nn.BatchNorm2d):
        nn.init.ones_(m.weight)
        nn.init.zeros_(m.bias)
    elif isinstance(m, nn.Linear):
        fan_out = m.weight.size(0)
        fan_in = 0
        if 'routing_fn' in n:
            fan_in = m.weight.size(1)
        init_range = 1.0 / math.sqrt(fan_in + fan_out)
        nn.init.uniform_(m.weight, -init_range, init_range)
        if m.bias is not None:
            nn.init.zeros_(m.bias)
""",
    "hugging face bert": """
def _init_weights(self, module):
    \"\"\"Initialize the weights\"\"\"
    if isinstance(module, nn.Linear):
        module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
        if module.bias is not None:
            module.bias.data.zero_()
    elif isinstance(module, nn.Embedding):
        module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
        if module.padding_idx is not None:
            module.weight.data[module.padding_idx].zero_()
    elif isinstance(module, nn.LayerNorm):
        module.bias.data.zero_()
        module.weight.data.fill_(1.0)
""",
    "hugging face gpt-2": """
def _init_weights(self, module):
    if isinstance(module, (nn.Linear, Conv1D)):
        module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
        if module.bias is not None:
            module.bias.data.zero_()
    elif isinstance(module, nn.Embedding):
        module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)
    for name, p in module.named_parameters():
        if name == "c_proj.weight":
            layers = self.config.n_layer
            p.data.normal_(mean=0.0, std=(self.config.initializer_range / math.sqrt(2 * layers)))
""",
    "nanogpt": """
class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self._init_weights)
        for pn, p in self.named_parameters():
            if pn.endswith('c_proj.weight'):
                torch.nn.init.normal_(p, mean=0.0, std=0.02/math.sqrt(2 * config.n_layer))

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
""",
    "mae": """
def initialize_weights(self):
    w = self.patch_embed.proj.weight.data
    torch.nn.init.xavier_uniform_(w.view([w.shape[0], -1]))
    torch.nn.init.normal_(self.cls_token, std=.02)
    torch.nn.init.normal_(self.mask_token, std=.02)
    self.apply(self._init_weights)

def _init_weights(self, m):
    if isinstance(m, nn.Linear):
        torch.nn.init.xavier_uniform_(m.weight)
        if isinstance(m, nn.Linear) and m.bias is not None:
            nn.init.constant_(m.bias, 0)
    elif isinstance(m, nn.LayerNorm):
        nn.init.constant_(m.bias, 0)
        nn.init.constant_(m.weight, 1.0)
""",
    "convnext": """
def _init_weights(self, m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        trunc_normal_(m.weight, std=.02)
        nn.init.constant_(m.bias, 0)
""",
    "swin": """
def _init_weights(self, m):
    if isinstance(m, nn.Linear):
        trunc_normal_(m.weight, std=.02)
        if isinstance(m, nn.Linear) and m.bias is not None:
            nn.init.constant_(m.bias, 0)
    elif isinstance(m, nn.LayerNorm):
        nn.init.constant_(m.bias, 0)
        nn.init.constant_(m.weight, 1.0)
""",
    "transformer parameters": """
for p in self.parameters():
    if p.dim() > 1:
        nn.init.xavier_uniform_(p)
""",
    "cleanrl": """
def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer

first = layer_init(nn.Linear(4, 64))
critic = nn.Sequential(first, nn.Tanh(), layer_init(nn.Linear(64, 1), std=1.0))
""",
    "pix2pix": """
def init_weights(net, init_type='normal', init_gain=0.02):
    def init_func(m):
        classname = m.__class__.__name__
        if hasattr(m, 'weight') and (classname.find('Conv') != -1
                                     or classname.find('Linear') != -1):
            if init_type == 'normal':
                init.normal_(m.weight.data, 0.0, init_gain)
            elif init_type == 'xavier':
                init.xavier_normal_(m.weight.data, gain=init_gain)
            elif init_type == 'kaiming':
                init.kaiming_normal_(m.weight.data, a=0, mode='fan_in')
            elif init_type == 'orthogonal':
                init.orthogonal_(m.weight.data, gain=init_gain)
            else:
                raise NotImplementedError('not implemented' % init_type)
            if hasattr(m, 'bias') and m.bias is not None:
                init.constant_(m.bias.data, 0.0)
        elif classname.find('BatchNorm2d') != -1:
            init.normal_(m.weight.data, 1.0, init_gain)
            init.constant_(m.bias.data, 0.0)

    net.apply(init_func)
""",
    "lora": """
def reset_lora_parameters(self, adapter_name):
    nn.init.kaiming_uniform_(self.lora_A[adapter_name].weight, a=math.sqrt(5))
    nn.init.zeros_(self.lora_B[adapter_name].weight)
""",
    "torch linear": """
def reset_parameters(self) -> None:
    init.kaiming_uniform_(self.weight, a=math.sqrt(5))
    if self.bias is not None:
        fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(self.bias, -bound, bound)
""",
    "lstm by names": """
def init_lstm(lstm):
    for name, param in lstm.named_parameters():
        if 'weight_ih' in name:
            nn.init.xavier_uniform_(param)
        elif 'weight_hh' in name:
            nn.init.orthogonal_(param)
        elif 'bias' in name:
            nn.init.zeros_(param)
            with torch.no_grad():
                n = param.size(0)
                param[n // 4:n // 2].fill_(1.0)
""",
    "siren": """
def init_weights(self):
    with torch.no_grad():
        if self.is_first:
            self.linear.weight.uniform_(-1 / self.in_features, 1 / self.in_features)
        else:
            self.linear.weight.uniform_(-np.sqrt(6 / self.in_features) / self.omega_0,
                                        np.sqrt(6 / self.in_features) / self.omega_0)
""",
    "mixed classes": """
import torch.nn as nn
import torch.nn.init as init

def init_weights(m):
    if not isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Linear)):
        return
    init.kaiming_normal_(m.weight, nonlinearity="relu")
    if m.bias is None:
        return
    init.zeros_(m.bias)
""",
    "truncated at two sigma": """
def init_(m):
    if isinstance(m, nn.Linear):
        std = 0.02
        nn.init.trunc_normal_(m.weight, std=0.02, a=-0.04, b=0.04)
        if m.bias is not None:
            nn.init.zeros_(m.bias)
""",
    "a network at work": """
def forward(self, x):
    h = self.fc1(x)
    h.data.clamp_(min=0)
    self.mean.data.copy_(h.mean(0))
    return h
""",
    "gains of a leaky network": """
net = nn.Sequential(nn.Linear(8, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
def init_(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, a=0.2, nonlinearity="leaky_relu")
        if m.bias is not None:
            nn.init.zeros_(m.bias)
net.apply(init_)
""",
}

QUIET = (
    "torch's own documentation",
    "torchvision resnet",
    "timm vit jax",
    "timm efficientnet",
    "nanogpt",
    "transformer parameters",
    "cleanrl",
    "lstm by names",
    "siren",
    "mixed classes",
    "truncated at two sigma",
    "a network at work",
    "gains of a leaky network",
)  # those in which there is nothing to remark at all


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
