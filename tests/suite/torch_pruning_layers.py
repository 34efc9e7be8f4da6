"""The layers of a group, as rayclip and as Torch-Pruning have it, each with the side on which a clip cuts it."""

from torch import nn


def ours(group):
    """Returns the layers of a group of `rayclip inspect --json`."""
    named = lambda role, side: {(tensor.rpartition(".")[0], side) for tensor in group[role]}
    return frozenset(named("makes", "out") | named("follows", "out") | named("uses", "in"))


def theirs(group, coupling, layers):
    """Returns the layers of a group of Torch-Pruning. `layers` has the name of every module."""

    def side(layer, cuts):
        # What has one parameter for each channel is cut once, whichever side is named.
        is_channelwise = isinstance(layer, nn.BatchNorm2d) or getattr(layer, "groups", 1) > 1
        return "out" if is_channelwise or coupling.is_out_channel_pruning_fn(cuts) else "in"

    cuts = [(item.dep.target.module, item.dep.handler) for item in group]
    return frozenset((layers[layer], side(layer, cut)) for layer, cut in cuts if layer in layers)


def widths(coupling, layers, ignored):
    """Returns the channels of every group of Torch-Pruning without those of some layers, by its members."""
    groups = coupling.get_all_groups(ignored_layers=ignored)
    return {theirs(group, coupling, layers): len(group[0].idxs) for group in groups}
