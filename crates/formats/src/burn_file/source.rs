//! The source of a module of Burn.

use rayclip_model::{Activation, Graph, Node, Op, Slide, Value};

use super::fields::fields;
use crate::loaded::Loaded;
use crate::ranks::{Rank, Ranks};

/// The source, with words in capitals for what is different in each.
const TEMPLATE: &str = r#"//! A network with PARAMETERS parameters, written by rayclip.
//!
//! ```ignore
//! let network = Network::load("network.bpk", &Device::default())?;
//! let scores = network.forward(images);
//! ```

use burn::module::Module;
use burn::nn;
use burn::store::{BurnpackStore, ModuleSnapshot};
use burn::tensor::{Device, Tensor};

/// Computes a score for every class.
#[derive(Module, Debug)]
pub struct Network {
FIELDS}

impl Network {
    /// Returns the network with drawn weights.
    pub fn new(device: &Device) -> Self {
        Self {
MODULES        }
    }

    /// Returns the network with the weights of a file.
    ///
    /// # Errors
    /// The file cannot be read, or has other tensors.
    pub fn load(path: &str, device: &Device) -> Result<Self, Box<dyn std::error::Error>> {
        let mut network = Self::new(device);
        network.load_from(&mut BurnpackStore::from_file(path))?;
        Ok(network)
    }

    /// Computes the scores of normalised images.
    ///
    /// # Shapes
    /// `READS → GIVES`.
    pub fn forward(&self, input: Tensor<RANK_OF_INPUT>) -> Tensor<RANK_OF_OUTPUT> {
LINES    }
}
"#;

/// Returns the source of the module of a network.
pub(crate) fn source(loaded: &Loaded) -> String {
    let graph = &loaded.graph;
    let source = Source { graph, ranks: Ranks::of(graph), fields: fields(graph) };
    let [mut declared, mut made, mut lines] = [const { String::new() }; 3];
    for number in 0..graph.nodes.len() {
        if let Some((kind, config)) = source.module(number) {
            let field = &source.fields[number];
            declared.extend(["    ", field, ": nn::", kind, ",\n"]);
            made.extend(["            ", field, ": nn::", &config, ",\n"]);
        }
        lines += &source.line(number);
    }
    let (output, own) = (source.output_rank(), source.ranks.at(graph.output));
    let result = held(source.name(graph.output).to_owned(), own, output);
    lines.extend(["        ", &result, "\n"]);
    let input = source.ranks.at(Value::Input);
    let reads = ["[image, number]", "[image, channel, height, width]"];
    let gives = ["[image, class]", "[image, class, height, width]"];
    let of = |texts: [&str; 2], rank: Rank| texts[usize::from(rank == Rank::Image)].to_owned();
    let parts = [
        ("PARAMETERS", graph.parameters().to_string()),
        ("FIELDS", declared),
        ("MODULES", made),
        ("READS", of(reads, input)),
        ("GIVES", of(gives, output)),
        ("RANK_OF_INPUT", of(["2", "4"], input)),
        ("RANK_OF_OUTPUT", of(["2", "4"], output)),
        ("LINES", lines),
    ];
    parts.into_iter().fold(TEMPLATE.to_owned(), |text, (word, part)| text.replacen(word, &part, 1))
}

struct Source<'a> {
    graph: &'a Graph,
    ranks: Ranks,
    fields: Vec<String>,
}

impl Source<'_> {
    /// Returns how the result is held.
    fn output_rank(&self) -> Rank {
        let positions = self.ranks.shape(self.graph.output).positions();
        if positions == 1 { Rank::Vector } else { Rank::Image }
    }

    fn name(&self, value: Value) -> &str {
        match value {
            Value::Input => "input",
            Value::Node(number) => &self.fields[number],
        }
    }

    /// Returns the type of the module of a node, and the expression that makes it; `None` if it has none.
    fn module(&self, number: usize) -> Option<(&'static str, String)> {
        let node = &self.graph.nodes[number];
        let inputs = self.ranks.shape(node.inputs[0]).channels;
        let bias = |bias: bool| if bias { "" } else { ".with_bias(false)" };
        let conv = |outputs: usize, slide: Slide, groups: usize, has_bias: bool| {
            let [height, width] = slide.kernel;
            let groups = if groups > 1 { format!(".with_groups({groups})") } else { String::new() };
            let window = window(slide, "stride", [1, 1]);
            let bias = bias(has_bias);
            let new = format!("Conv2dConfig::new([{inputs}, {outputs}], [{height}, {width}])");
            Some(("conv::Conv2d", format!("conv::{new}{window}{groups}{bias}.init(device)")))
        };
        match node.op {
            Op::Linear { outputs, bias: has_bias } => {
                let new = format!("LinearConfig::new({inputs}, {outputs})");
                Some(("Linear", format!("{new}{}.init(device)", bias(has_bias))))
            }
            Op::Conv2d { outputs, slide, bias } => conv(outputs, slide, 1, bias),
            Op::DepthwiseConv2d { slide, bias } => conv(inputs, slide, inputs, bias),
            Op::BatchNorm { epsilon, momentum } => {
                let new = format!("BatchNormConfig::new({inputs})");
                let numbers = format!(".with_epsilon({epsilon:?}).with_momentum({momentum:?})");
                Some(("BatchNorm", format!("{new}{numbers}.init(device)")))
            }
            Op::LayerNorm { epsilon } => {
                let new = format!("LayerNormConfig::new({inputs})");
                Some(("LayerNorm", format!("{new}.with_epsilon({epsilon:?}).init(device)")))
            }
            Op::Dropout { probability } => {
                Some(("Dropout", format!("DropoutConfig::new({probability:?}).init()")))
            }
            _ => None,
        }
    }

    /// Returns the line that computes a node.
    fn line(&self, number: usize) -> String {
        let node = &self.graph.nodes[number];
        let mut values = vec![];
        for (place, value) in node.inputs.iter().enumerate() {
            // A value that is read again later is cloned.
            let again =
                node.inputs[place + 1..].contains(value) || self.is_read_after(number, *value);
            let name = self.name(*value);
            let own = if again { format!("{name}.clone()") } else { name.to_owned() };
            let needed = self.ranks.needed(number, node, *value);
            values.push(held(own, self.ranks.at(*value), needed));
        }
        let expression = self.expression(number, node, &values);
        format!("        let {} = {expression};\n", self.fields[number])
    }

    fn is_read_after(&self, number: usize, value: Value) -> bool {
        let mut later = self.graph.nodes[number + 1..].iter();
        self.graph.output == value || later.any(|node| node.inputs.contains(&value))
    }

    fn expression(&self, number: usize, node: &Node, values: &[String]) -> String {
        let (from, to) = (self.ranks.at(node.inputs[0]), self.ranks.at(Value::Node(number)));
        let x = values[0].clone();
        let field = &self.fields[number];
        match node.op {
            Op::Linear { .. } | Op::LayerNorm { .. } if to == Rank::Image => {
                format!("self.{field}.forward({x}.permute([0, 2, 3, 1])).permute([0, 3, 1, 2])")
            }
            Op::Linear { .. }
            | Op::Conv2d { .. }
            | Op::DepthwiseConv2d { .. }
            | Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::Dropout { .. } => format!("self.{field}.forward({x})"),
            Op::Activation(function) => activation(&x, function),
            Op::MaxPool(slide) => {
                let [height, width] = slide.kernel;
                let window = window(slide, "strides", slide.kernel);
                format!(
                    "nn::pool::MaxPool2dConfig::new([{height}, {width}]){window}.init().forward({x})"
                )
            }
            Op::AveragePool { slide, count_padding } => {
                self.average(node, &x, slide, count_padding)
            }
            Op::GlobalAveragePool => match (from, to) {
                (Rank::Image, Rank::Image) => format!("{x}.mean_dim(2).mean_dim(3)"),
                (Rank::Image, Rank::Vector) => {
                    format!("{x}.mean_dim(2).mean_dim(3).flatten::<2>(1, 3)")
                }
                (from, to) => held(x, from, to),
            },
            Op::Flatten => held(x, from, to),
            Op::Add => values.join(" + "),
            Op::Mul => values.join(" * "),
            Op::Concat => format!("Tensor::cat(vec![{}], 1)", values.join(", ")),
        }
    }

    fn average(&self, node: &Node, x: &str, slide: Slide, count_padding: bool) -> String {
        let [height, width] = slide.kernel;
        if slide.dilation == [1, 1] {
            let window = window(slide, "strides", slide.kernel);
            let counted = if count_padding { "" } else { ".with_count_include_pad(false)" };
            let new = format!("nn::pool::AvgPool2dConfig::new([{height}, {width}])");
            return format!("{new}{window}{counted}.init().forward({x})");
        }
        // A pool of Burn has no dilation: a convolution with equal weights has.
        let channels = self.ranks.shape(node.inputs[0]).channels;
        let window = window(slide, "stride", [1, 1]);
        let share = 1.0 / (height * width) as f64;
        format!(
            "nn::conv::Conv2dConfig::new([{channels}, {channels}], [{height}, {width}]){window}\
             .with_groups({channels}).with_bias(false)\
             .with_initializer(nn::Initializer::Constant {{ value: {share:?} }})\
             .init(&{x}.device()).forward({x})"
        )
    }
}

/// Returns a value held in another way.
fn held(value: String, from: Rank, to: Rank) -> String {
    match (from, to) {
        (Rank::Vector, Rank::Image) => format!("{value}.unsqueeze_dims::<4>(&[2, 3])"),
        (Rank::Image, Rank::Vector) => format!("{value}.flatten::<2>(1, 3)"),
        _ => value,
    }
}

/// Returns the calls that configure a window; `usual` is the stride without one.
fn window(slide: Slide, stride: &str, usual: [usize; 2]) -> String {
    let mut calls = vec![];
    if slide.stride != usual {
        let [rows, columns] = slide.stride;
        calls.push(format!(".with_{stride}([{rows}, {columns}])"));
    }
    if slide.padding != [0; 4] {
        let [top, left, bottom, right] = slide.padding;
        let sides = format!("{top}, {left}, {bottom}, {right}");
        calls.push(format!(".with_padding(nn::PaddingConfig2d::Explicit({sides}))"));
    }
    if slide.dilation != [1, 1] {
        let [rows, columns] = slide.dilation;
        calls.push(format!(".with_dilation([{rows}, {columns}])"));
    }
    calls.concat()
}

fn activation(x: &str, function: Activation) -> String {
    let call = |name: &str| format!("burn::tensor::activation::{name}({x})");
    match function {
        Activation::Relu => call("relu"),
        Activation::Relu6 => format!("{x}.clamp(0.0, 6.0)"),
        Activation::LeakyRelu { slope } => {
            format!("burn::tensor::activation::leaky_relu({x}, {slope:?})")
        }
        Activation::Gelu => call("gelu"),
        Activation::Silu => call("silu"),
        Activation::Sigmoid => call("sigmoid"),
        Activation::HardSwish => call("hard_swish"),
        Activation::HardSigmoid => format!("({x} + 3.0).clamp(0.0, 6.0) / 6.0"),
        Activation::Tanh => call("tanh"),
    }
}
