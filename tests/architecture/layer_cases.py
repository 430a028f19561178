"""Layers of torch.nn with an input for each: every class, and every argument that changes it."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from app.architecture.assembly import assembled
from app.architecture.calls import items_of
from app.architecture.plan import Entry, Plan, Sequence
from app.core.graph import Graph

# One case a line: the layer, and the shape it is given, without the batch.
CASES = """
Linear(5, 7) | 5
Linear(5, 7, bias=False) | 3 5
Linear(in_features=5, out_features=7) | 2 3 5
LazyLinear(7) | 3 5
Bilinear(5, 5, 3) | 5
Bilinear(5, 5, 3, bias=False) | 4 5
Conv1d(4, 6, 3) | 4 11
Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2) | 4 17
Conv1d(4, 6, 4, padding='same') | 4 11
Conv1d(4, 6, 4, padding='valid', bias=False) | 4 11
Conv1d(4, 6, 3, padding=2, padding_mode='circular') | 4 11
Conv2d(3, 8, 3) | 3 9 10
Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 2)) | 3 9 10
Conv2d(4, 8, 3, padding=1, groups=4) | 4 9 10
Conv2d(3, 8, 4, padding='same', padding_mode='reflect') | 3 9 10
Conv2d(3, 8, 3, padding=1, padding_mode='replicate') | 3 9 10
Conv2d(3, 8, (2, 3), padding='same', dilation=2) | 3 9 10
Conv3d(2, 4, 3, stride=2, padding=1) | 2 5 6 7
Conv3d(2, 4, (1, 2, 3), padding='same') | 2 5 6 7
LazyConv2d(8, 3) | 3 9 10
ConvTranspose1d(4, 6, 3, stride=2) | 4 7
ConvTranspose1d(4, 6, 3, 2, 1, 1, 2) | 4 7
ConvTranspose2d(4, 6, 2, stride=2) | 4 5 6
ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=1, output_padding=(1, 2), groups=2) | 4 5 6
ConvTranspose2d(4, 6, 3, dilation=2, bias=False) | 4 5 6
ConvTranspose3d(2, 4, 3, stride=2) | 2 3 4 5
BatchNorm1d(5) | 5
BatchNorm1d(5, eps=0.1, momentum=None) | 5 7
BatchNorm1d(5, affine=False) | 5 7
BatchNorm1d(5, bias=False) | 5
BatchNorm2d(5) | 5 4 3
BatchNorm2d(5, track_running_stats=False) | 5 4 3
BatchNorm3d(5) | 5 4 3 2
LazyBatchNorm2d() | 5 4 3
InstanceNorm1d(5) | 5 7
InstanceNorm2d(5, affine=True) | 5 4 3
InstanceNorm2d(5, affine=True, track_running_stats=True) | 5 4 3
InstanceNorm3d(5) | 5 4 3 2
LayerNorm(6) | 6
LayerNorm((4, 6), eps=0.01) | 3 4 6
LayerNorm(6, elementwise_affine=False) | 4 6
LayerNorm(6, bias=False) | 4 6
RMSNorm(6) | 4 6
RMSNorm((4, 6), eps=0.1) | 4 6
GroupNorm(3, 6) | 6 4 4
GroupNorm(2, 6, affine=False) | 6
LocalResponseNorm(3) | 6 5
LocalResponseNorm(4, alpha=0.3, beta=0.5, k=2.0) | 6 5 4
LocalResponseNorm(2) | 6 3 4 2
MaxPool1d(3) | 4 11
MaxPool1d(3, stride=2, padding=1, dilation=2, ceil_mode=True) | 4 11
MaxPool2d(2) | 4 7 8
MaxPool2d((3, 2), stride=(2, 3), padding=1, ceil_mode=True) | 4 8 9
MaxPool2d(3, stride=2, padding=1) | 4 8 9
MaxPool3d(2, ceil_mode=True) | 4 5 6 7
AvgPool1d(3, stride=2, padding=1) | 4 11
AvgPool1d(2, ceil_mode=True, count_include_pad=False) | 4 11
AvgPool2d(3, stride=2, padding=1, count_include_pad=False) | 4 8 9
AvgPool2d((2, 3), ceil_mode=True, divisor_override=5) | 4 7 8
AvgPool3d(2) | 4 5 6 7
LPPool1d(2, 3) | 4 11
LPPool2d(3, 2, stride=1, ceil_mode=True) | 4 7 8
LPPool3d(2, (1, 2, 2)) | 4 5 6 7
AdaptiveAvgPool1d(3) | 4 11
AdaptiveAvgPool2d((3, None)) | 4 7 8
AdaptiveAvgPool2d(1) | 4 7 8
AdaptiveAvgPool3d((2, 3, 1)) | 4 5 6 7
AdaptiveMaxPool1d(4) | 4 11
AdaptiveMaxPool2d((3, 2)) | 4 7 8
AdaptiveMaxPool3d(2) | 4 5 6 7
ZeroPad1d((1, 2)) | 4 5
ZeroPad2d(2) | 4 5 6
ZeroPad2d((1, -1, 0, 2)) | 4 5 6
ZeroPad3d(1) | 4 3 3 3
ConstantPad1d(1, 3.5) | 4 5
ConstantPad2d((1, 2, 0, 1), -1) | 4 5 6
ConstantPad3d(1, 0.5) | 4 3 3 3
ReflectionPad1d(2) | 4 5
ReflectionPad2d((1, 2, 2, 0)) | 4 5 6
ReflectionPad3d(1) | 4 3 3 3
ReplicationPad1d((3, 1)) | 4 5
ReplicationPad2d(3) | 4 5 6
ReplicationPad3d((1, 0, 2, 1, 1, 1)) | 4 3 3 3
CircularPad1d(2) | 4 5
CircularPad2d((1, 2, 2, 0)) | 4 5 6
CircularPad3d(1) | 4 3 3 3
Dropout(0.0) | 5
Dropout1d(0.0) | 5 4
Dropout2d(0.0) | 5 4 3
Dropout3d(0.0) | 5 4 3 2
AlphaDropout(0.0) | 5
FeatureAlphaDropout(0.0) | 5 4
ReLU() | 5
ReLU(inplace=True) | 5
ReLU6() | 5
LeakyReLU() | 5
LeakyReLU(0.3) | 5
RReLU(0.2, 0.2) | 5
PReLU() | 5 3
PReLU(5, init=0.1) | 5 3
ELU() | 5
ELU(alpha=0.5) | 5
CELU(alpha=2.0) | 5
SELU() | 5
GELU() | 5
GELU(approximate='tanh') | 5
SiLU() | 5
Mish() | 5
Hardswish() | 5
Hardsigmoid() | 5
Hardtanh() | 5
Hardtanh(-0.5, 2) | 5
Hardshrink() | 5
Hardshrink(0.1) | 5
Softshrink(lambd=0.2) | 5
Softplus() | 5
Softplus(beta=2.0, threshold=0.5) | 5
Threshold(0.1, 20) | 5
Tanh() | 5
Sigmoid() | 5
LogSigmoid() | 5
Softsign() | 5
Tanhshrink() | 5
Softmax(dim=1) | 5 4
Softmax(dim=-1) | 5 4
Softmin(dim=2) | 5 4
LogSoftmax(dim=-1) | 5
Softmax2d() | 5 4 3
GLU() | 6
GLU(dim=1) | 6 5
Flatten() | 3 4 5
Flatten(2) | 3 4 5
Flatten(start_dim=1, end_dim=2) | 3 4 5
Unflatten(1, (2, 3)) | 6 5
Unflatten(dim=-1, unflattened_size=(5, -1)) | 3 10
Upsample(scale_factor=2) | 3 4
Upsample(scale_factor=1.7, mode='nearest') | 3 5 6
Upsample(size=(7, 9), mode='bilinear') | 3 5 6
Upsample(size=8, mode='bilinear', align_corners=True) | 3 5 6
Upsample(scale_factor=(2.0, 1.5), mode='bicubic') | 3 5 6
Upsample(scale_factor=2, mode='linear') | 3 5
Upsample(scale_factor=2, mode='trilinear') | 3 2 3 4
Upsample(scale_factor=2.5, mode='nearest-exact') | 3 4 5
Upsample(scale_factor=2, mode='nearest-exact') | 3 4
UpsamplingNearest2d(scale_factor=2) | 3 4 5
UpsamplingBilinear2d(size=(6, 7)) | 3 4 5
PixelShuffle(2) | 8 3 4
PixelUnshuffle(2) | 2 6 4
ChannelShuffle(3) | 6 3 4
Fold((6, 7), 3, padding=1, stride=2) | 18 12
Unfold((3, 2), dilation=2, padding=1, stride=2) | 2 8 9
RNN(4, 6) | 5 4
RNN(4, 6, nonlinearity='relu', num_layers=2, bias=False, batch_first=True) | 5 4
LSTM(4, 6) | 5 4
LSTM(4, 6, num_layers=2, bidirectional=True, batch_first=True) | 5 4
LSTM(4, 6, proj_size=3, num_layers=2, batch_first=True) | 5 4
GRU(4, 6, 2, batch_first=True, bidirectional=True) | 5 4
RNNCell(4, 6) | 4
RNNCell(4, 6, nonlinearity='relu', bias=False) | 4
LSTMCell(4, 6) | 4
GRUCell(4, 6) | 4
MultiheadAttention(8, 2) | 5 8
MultiheadAttention(8, 2, bias=False, batch_first=True) | 5 8
MultiheadAttention(8, 4, add_bias_kv=True, add_zero_attn=True, batch_first=True) | 5 8
TransformerEncoderLayer(8, 2, 16, 0.0) | 5 8
TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0, batch_first=True) | 5 8
TransformerEncoderLayer(8, 2, 16, 0.0, 'gelu', 0.01, True, True) | 5 8
TransformerEncoderLayer(8, 2, 16, 0.0, bias=False, norm_first=True, batch_first=True) | 5 8
TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True) | 5 8
TransformerDecoderLayer(8, 2, 16, 0.0, norm_first=True, activation='gelu') | 5 8
Transformer(8, 2, 2, 3, 16, 0.0, batch_first=True) | 5 8
Transformer(8, 2, 1, 1, 16, 0.0, norm_first=True) | 5 8
TransformerEncoder(TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 3) | 5 8
TransformerEncoder(TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 2, LayerNorm(8)) | 5 8
TransformerDecoder(TransformerDecoderLayer(8, 2, 16, 0.0, batch_first=True), 2) | 5 8
Embedding(10, 6) | ids
Embedding(10, 6, padding_idx=-1) | ids
EmbeddingBag(10, 6) | ids
EmbeddingBag(10, 6, mode='max') | ids
EmbeddingBag(10, 6, mode='sum') | ids
SyncBatchNorm(5) | 5 4
""".strip().splitlines()


def halves(case: str) -> tuple[str, str]:
    text, _, shape = case.rpartition("|")
    return text.strip(), shape.strip()


def graph_of(text: str, shape: str) -> Graph:
    entry = Entry(tokens=7, vocabulary=10)
    if shape != "ids":
        entry = Entry(shape=tuple(int(n) for n in shape.split()))
    return assembled(Plan(body=Sequence(items=items_of(text)), entry=entry), origin="spec")


def live(text: str) -> nn.Module:
    torch.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(text, vars(nn))
