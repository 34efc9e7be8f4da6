//! The networks that are exported: all with a name, and graphs with every operation.

use rayclip_model::{Graph, KnownNetwork, Shape};

use super::graph_of;
use crate::convolutional::GRAPH;

/// Every operation in ways that no module of PyTorch has by itself.
const WILD: &str = include_str!("../../../crates/formats/tests/every_operation.toml");

/// Blocks in blocks, of which some differ only in their widths and strides, and lists that are read out of order.
const NESTED: &str = r#"
input = { height = 8, width = 8, channels = 3 }
nodes = [
    { name = "stages.0.0.conv", op = { conv2d = { outputs = 4, kernel = 3, padding = 1, bias = false } } },
    { name = "stages.0.0.norm", op = { batch_norm = {} } },
    { name = "stages.0.0.act", op = "relu" },
    { name = "stages.0.1.body.conv", op = { conv2d = { outputs = 4, kernel = 3, padding = 1, bias = false } } },
    { name = "stages.0.1.body.norm", op = { batch_norm = {} } },
    { name = "stages.0.1.add", op = "add", inputs = ["stages.0.1.body.norm", "stages.0.0.act"] },
    { name = "stages.1.0.conv", op = { conv2d = { outputs = 6, kernel = 3, padding = 1, stride = 2, bias = false } } },
    { name = "stages.1.0.norm", op = { batch_norm = {} } },
    { name = "stages.1.0.act", op = "relu" },
    { name = "stages.1.1.body.conv", op = { conv2d = { outputs = 6, kernel = 3, padding = 1, bias = false } } },
    { name = "stages.1.1.body.norm", op = { batch_norm = {} } },
    { name = "stages.1.1.add", op = "add", inputs = ["stages.1.1.body.norm", "stages.1.0.act"] },
    { name = "sides.1", op = { conv2d = { outputs = 2, kernel = 1 } } },
    { name = "sides.0", op = { conv2d = { outputs = 3, kernel = 1 } }, inputs = ["stages.1.1.add"] },
    { name = "joined", op = "concat", inputs = ["sides.0", "sides.1", "stages.1.1.add"] },
    { name = "heads.a", op = { conv2d = { outputs = 5, kernel = 1 } }, inputs = ["joined"] },
    { name = "heads.b", op = { conv2d = { outputs = 5, kernel = 1 } }, inputs = ["joined"] },
    { name = "product", op = "mul", inputs = ["heads.a", "heads.b"] },
    { name = "pool", op = { max_pool = { kernel = 2 } } },
    { name = "flat", op = "flatten" },
    { name = "fc", op = { linear = { outputs = 4 } } },
]
"#;

/// A sequence that is the whole network, as `torch.nn.Sequential` names it.
const SEQUENCE: &str = r#"
input = { channels = 12 }
nodes = [
    { name = "0", op = { linear = { outputs = 9 } } },
    { name = "1", op = { batch_norm = {} } },
    { name = "2", op = "relu" },
    { name = "4", op = { linear = { outputs = 4, bias = false } } },
]
"#;

/// Functions below the names of layers, and parts whose names a file of Python has for other things.
const NAMES: &str = r#"
input = { height = 8, width = 8, channels = 3 }
nodes = [
    { name = "stem", op = { conv2d = { outputs = 4, kernel = 3, padding = 1 } } },
    { name = "stem.relu", op = "relu" },
    { name = "path.conv", op = { conv2d = { outputs = 4, kernel = 3 } } },
    { name = "path.conv.act", op = "relu" },
    { name = "network.0", op = { conv2d = { outputs = 5, kernel = 1 } } },
    { name = "network.0.act", op = "tanh" },
    { name = "network.1", op = { batch_norm = {} } },
    { name = "f.conv", op = { conv2d = { outputs = 6, kernel = 1 } } },
    { name = "f.norm", op = { batch_norm = {} } },
    { name = "f.norm.act", op = "relu" },
    { name = "blocks.0.nn", op = { conv2d = { outputs = 4, kernel = 1 } } },
    { name = "blocks.0.F", op = { conv2d = { outputs = 5, kernel = 1 } } },
    { name = "blocks.0.act", op = "relu" },
    { name = "blocks.0.out", op = { conv2d = { outputs = 6, kernel = 1 } } },
    { name = "blocks.1.nn", op = { conv2d = { outputs = 7, kernel = 1 } } },
    { name = "blocks.1.F", op = { conv2d = { outputs = 8, kernel = 1 } } },
    { name = "blocks.1.act", op = "relu" },
    { name = "blocks.1.out", op = { conv2d = { outputs = 6, kernel = 1 } } },
    { name = "flat", op = "flatten" },
    { name = "fc", op = { linear = { outputs = 4 } } },
]
"#;

/// Small networks.
pub(super) fn small() -> Vec<(&'static str, Graph)> {
    let digits = Shape { height: 28, width: 28, channels: 1 };
    vec![
        ("perceptron", Graph::perceptron(48, &[20, 10], 5, true)),
        ("lenet5", KnownNetwork::Lenet5.graph(digits, 10)),
        ("own", graph_of(GRAPH)),
        ("wild", graph_of(WILD)),
        ("nested", graph_of(NESTED)),
        ("sequence", graph_of(SEQUENCE)),
        ("names", graph_of(NAMES)),
    ]
}

/// All networks.
pub(super) fn all() -> Vec<(&'static str, Graph)> {
    let colour = Shape { height: 16, width: 16, channels: 3 };
    let named = KnownNetwork::ALL.into_iter().filter(|known| *known != KnownNetwork::Lenet5);
    let named = named.map(|known| (known.name(), known.graph(colour, 10)));
    small().into_iter().chain(named).collect()
}
