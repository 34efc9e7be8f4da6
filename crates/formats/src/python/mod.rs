//! Writes a network as the source of a PyTorch module, to be read by people: submodules have the network's own names,
//! parts that compute by themselves are classes or sequences, and `forward` is plain lines.

mod classes;
mod forward;
mod operations;
mod parts;
mod scope;
mod text;
mod words;

use rayclip_data::ValueType;
use rayclip_model::{Shape, Value};

use self::classes::{Classes, Object};
use self::parts::{Part, Unit};
use self::scope::{Network, Scope};
use self::words::quoted;
use crate::error::FormatError;
use crate::folder::WEIGHTS;
use crate::images::ImageDescription;
use crate::loaded::Loaded;
use crate::ranks::{Rank, Ranks};

/// The name of the file.
pub(crate) const MODEL: &str = "model.py";

/// The most classes whose names are listed.
const MOST_CLASSES: usize = 1000;

/// Returns the source of the module of a network.
///
/// # Errors
/// PyTorch allows no module with a name of the network.
pub(crate) fn model(loaded: &Loaded) -> Result<String, FormatError> {
    let graph = &loaded.graph;
    let unwritten = |reason| FormatError::Unwritten { format: "a PyTorch module", reason };
    let part = Part::tree(graph).map_err(unwritten)?;
    let network = Network { graph, ranks: Ranks::of(graph) };
    let Value::Node(exit) = graph.output else {
        return Err(unwritten("its result is its input".into()));
    };
    let unit = Unit { entry: Value::Input, exit };
    let is_vector = network.ranks.shape(graph.output).positions() == 1;
    let to = if is_vector { Rank::Vector } else { Rank::Image };
    let mut classes = Classes::default();
    let (content, object) = Scope::class(&network, &mut classes, &part, unit, to);
    let class = classes.class_of(content, &part);
    let is_image = network.ranks.at(Value::Input) == Rank::Image;
    let reads = if is_image { "images [image, channel, height, width]" } else { "rows of numbers" };
    let description = format!("Computes a score for every class, from normalised {reads}.");
    let classes = classes.text(Object { class, ..object }, &description);
    let functions = functions(loaded, is_image);
    let top = [head(loaded, &[&classes, &functions]), constants(loaded)];
    let top: Vec<&str> =
        top.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect();
    Ok(format!("{}\n\n\n{classes}\n\n\n{functions}\n", top.join("\n\n")))
}

/// Returns the description of the file and its imports, for what follows.
fn head(loaded: &Loaded, body: &[&str]) -> String {
    let graph = &loaded.graph;
    let about = |key: &str| loaded.about.get(key).map(|value| rayclip_data::plain(value));
    let (parameters, outputs) = (graph.parameters(), graph.outputs());
    let reads = match graph.input {
        Shape { height: 1, width: 1, channels } => format!("{channels} numbers"),
        Shape { height, width, channels: 1 } => format!("grey images of {height} × {width} pixels"),
        Shape { height, width, channels } => {
            format!("images of {height} × {width} pixels with {channels} channels")
        }
    };
    let mut lines = vec![format!(
        "A network with {parameters} parameters that reads {reads} and gives {outputs} scores."
    )];
    if let Some(accuracy) = about("accuracy_test") {
        lines.push(format!("Its accuracy on the test images was {accuracy}."));
    }
    lines.push(String::new());
    lines.push(format!("Written by rayclip. `load()` returns it with the weights of {WEIGHTS}."));
    let text = lines.join("\n").replace(['"', '\\'], "'");
    let uses = |word: &str| body.iter().any(|part| part.contains(word));
    let torch = if uses("torch.") { "import torch\n" } else { "" };
    let functional = if uses("F.") { "import torch.nn.functional as F\n" } else { "" };
    format!(
        "\"\"\"{text}\n\"\"\"\n\nfrom pathlib import Path\n\n{torch}{functional}from safetensors.torch import load_file\nfrom torch import nn\n"
    )
}

/// Returns the names of the classes and the normalisation of images.
fn constants(loaded: &Loaded) -> String {
    let Some(images) = &loaded.images else { return String::new() };
    let ImageDescription { class_names, mean, deviation, .. } = images;
    let mut text = String::new();
    if !class_names.is_empty() && class_names.len() <= MOST_CLASSES {
        let names: Vec<String> = class_names.iter().map(|name| quoted(name)).collect();
        let line = format!("CLASSES = [{}]\n", names.join(", "));
        text = if line.chars().count() <= text::COLUMNS {
            line
        } else {
            format!("CLASSES = [\n    {},\n]\n", names.join(",\n    "))
        };
    }
    text + &format!("MEAN = {mean}\nDEVIATION = {deviation}\n")
}

/// Returns the functions that normalise images and that load the network.
fn functions(loaded: &Loaded, is_image: bool) -> String {
    let normalise = loaded.images.as_ref().map_or(String::new(), |images| {
        normalise(images, if is_image { None } else { Some(loaded.graph.input.channels) })
    });
    normalise + &LOAD.replace("WEIGHTS", &quoted(WEIGHTS))
}

/// Returns the function that normalises images, or vectors with some entries.
fn normalise(images: &ImageDescription, entries: Option<usize>) -> String {
    let (name, fraction, doc) = match (images.values, entries) {
        (ValueType::Bytes, None) => {
            ("pixels", " / 255", "pixels from 0 to 255, [image, channel, height, width]")
        }
        (ValueType::Bytes, Some(_)) => {
            ("pixels", " / 255", "pixels from 0 to 255, [image, pixel], row by row")
        }
        (ValueType::Floats, _) => ("values", "", "values as the data have them"),
    };
    let numbers = |constant: &str, count: usize| match entries {
        _ if count == 1 => constant.to_owned(),
        None => format!("torch.tensor({constant}).view(1, -1, 1, 1)"),
        Some(entries) if entries > count => {
            format!("torch.tensor({constant}).repeat({})", entries / count)
        }
        Some(_) => format!("torch.tensor({constant})"),
    };
    let mean = numbers("MEAN", images.mean.numbers().len());
    let deviation = numbers("DEVIATION", images.deviation.numbers().len());
    let parts = [
        ("NAME", name),
        ("FRACTION", fraction),
        ("DOC", doc),
        ("THE_MEAN", &mean),
        ("THE_DEVIATION", &deviation),
    ];
    let replaced = |text: String, (word, part): (&str, &str)| text.replace(word, part);
    parts.into_iter().fold(NORMALISE.to_owned(), replaced)
}

/// The function that normalises images.
const NORMALISE: &str = r#"def normalise(NAME):
    """Returns what the network reads, from DOC."""
    return (NAME.float()FRACTION - THE_MEAN) / THE_DEVIATION


"#;

/// The function that loads the network.
const LOAD: &str = r#"def load(path=Path(__file__).with_name(WEIGHTS)):
    """Returns the network with its weights, ready to classify."""
    network = Network()
    network.load_state_dict(load_file(path), strict=True)
    return network.eval()"#;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rayclip_model::{Exported, Graph};

    use super::*;
    use crate::loaded::{Kind, Source};

    fn source(nodes: &str) -> String {
        let text =
            format!("input = {{ height = 8, width = 8, channels = 3 }}\nnodes = [\n{nodes}\n]\n");
        let graph: Graph = toml::from_str(&text).unwrap();
        let source = Source { path: "n.onnx".into(), kind: Kind::Onnx };
        let tensors = Exported::default();
        let (images, about, notes) = (None, BTreeMap::new(), vec![]);
        model(&Loaded { graph, tensors, images, about, notes, source }).unwrap()
    }

    #[test]
    fn functions_below_the_name_of_a_layer_leave_it_a_layer() {
        let source = source(
            r#"{ name = "a", op = { conv2d = { outputs = 4, kernel = 3 } } },
            { name = "a.relu", op = "relu" },
            { name = "path.0", op = { conv2d = { outputs = 4, kernel = 3 } } },
            { name = "path.0.act.relu", op = "relu" },
            { name = "flat", op = "flatten" },
            { name = "fc", op = { linear = { outputs = 2 } } },"#,
        );
        for expected in [
            "self.a = nn.Conv2d(3, 4, 3)",
            "F.relu(self.a(x))",
            "class PathBlock(nn.Module):",
            "self.add_module(\"0\", nn.Conv2d(4, 4, 3))",
            "F.relu(self._modules[\"0\"](x))",
            "self.path = PathBlock()",
        ] {
            assert!(source.contains(expected), "{expected}: {source}");
        }
        assert!(!source.contains("class A") && !source.contains("= (x)"), "{source}");
    }
}
