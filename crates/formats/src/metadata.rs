//! The metadata of a file with one network.

use std::collections::BTreeMap;

use rayclip_model::Graph;

use crate::images::ImageDescription;

/// The file format in the metadata. Raise it when an older reader would misread a file.
const NETWORK_FORMAT: &str = "rayclip-network-1";

/// The format of a network in which a normalisation follows a flattened image: before it, its numbers had another order.
const REORDERED_FORMAT: &str = "rayclip-network-2";

/// Returns the format of the file of a network.
pub fn format(graph: &Graph) -> &'static str {
    if graph.has_reordered_vectors() { REORDERED_FORMAT } else { NETWORK_FORMAT }
}

/// Returns whether a format can be read.
pub fn is_known(format: &str) -> bool {
    [NETWORK_FORMAT, REORDERED_FORMAT].contains(&format)
}

/// The key of the format.
pub(crate) const FORMAT: &str = "format";
/// The key of the graph, as JSON. Its nodes have the names of the tensors.
pub(crate) const GRAPH: &str = "graph";
/// The key of the number of weights and biases.
const PARAMETERS: &str = "parameters";
/// The key of the neurons of every group.
const WIDTHS: &str = "widths";

/// Returns the metadata of a file with one network: what a reader needs, and in `about` what else is known of it.
pub fn metadata(
    graph: &Graph,
    images: Option<&ImageDescription>,
    about: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let graph = graph.exported();
    let images = images.into_iter().flat_map(|images| images.entries(graph.outputs()));
    let own = [
        (FORMAT, format(&graph).to_owned()),
        (WIDTHS, format!("{:?}", graph.widths())),
        (PARAMETERS, graph.parameters().to_string()),
    ];
    let own = own.map(|(key, value)| (key.to_owned(), value));
    let json = serde_json::to_string(&graph).ok().map(|json| (GRAPH.to_owned(), json));
    let about = about.iter().map(|(key, value)| (key.clone(), value.clone()));
    about.chain(images).chain(own).chain(json).collect()
}
