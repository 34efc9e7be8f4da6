//! The words of the page: one line for each method and term that it shows.

use maud::{Markup, html};

use crate::facts::Facts;

/// Terms of every page.
const ALWAYS: [(&str, &str); 6] = [
    ("neurons", "the hidden neurons of a network, of all its layers: its size"),
    ("sparsity", "the fraction of the first hidden neurons that are gone"),
    (
        "clip",
        "ranks the neurons of each group (hidden layer), or of all groups together (compression.ranking), \
              removes the last tenth (or what compression.keep or a target says), and rebuilds the network without \
              them",
    ),
    ("right after the clip", "measured on the smaller network before its training continues"),
    (
        "after the training that follows",
        "measured when the smaller network has trained on the batches that follow the clip: the network that \
              one would use",
    ),
    (
        "seed",
        "the number from which a network's first weights and the order of its images are drawn; \
              methods are compared seed by seed",
    ),
];

/// Terms of pages with weight rays.
const OF_RAYS: [(&str, &str); 5] = [
    (
        "y_prev, y_next",
        "measurements: products of a random matrix with the sums of the weights that enter a group's \
              neurons (y_prev), and of those that leave them (y_next)",
    ),
    (
        "weight ray",
        "the few cosine coefficients that explain a measurement, found by a sparse reconstruction (LASSO)",
    ),
    ("ray sum", "the ray of y_prev plus that of y_next; dtc ranks by it"),
    (
        "Gibbs entropy",
        "how evenly the entries of a measurement are spread over the bins of a histogram, in bits",
    ),
    ("null", "the result of noise of the same size, which knows nothing of the network"),
];

/// The first word of each method's name, and its meaning.
const METHODS: [(&str, &str); 11] = [
    (
        "dtc",
        "Dual Tomographic Compression, the paper's method: clips the neurons with the smallest (or, as \
             compression.clip says, largest) entries of the ray sum",
    ),
    ("magnitude", "ranks neurons by the sum of all their weights: the paper's baseline"),
    ("l1", "ranks neurons by the sum of their absolute weights"),
    ("l2", "ranks neurons by the norm of their incoming weights times that of their outgoing ones"),
    (
        "taylor",
        "ranks neurons by how much the loss would change without them, to first order (Molchanov et \
                al. 2017)",
    ),
    ("activation", "ranks neurons by their mean activation"),
    (
        "data-lasso",
        "keeps the neurons that together reproduce the next layer's input; a LASSO chooses them (He et al. \
              2017)",
    ),
    (
        "folding",
        "keeps one neuron of each cluster of neurons with similar incoming weights (Wang et al. 2025)",
    ),
    ("random", "clips neurons at random: any criterion has to beat it"),
    (
        "scratch",
        "ranks nothing: at some widths, it trains a fresh network of that width, on the same batches or \
              with the same operations as the clipped ones",
    ),
    (
        "scratch-distilled",
        "ranks nothing: as scratch, but the fresh network also learns from the outputs of the network before the \
              first clip, or of the original one",
    ),
];

/// The other words of a name that starts with dtc, and their meanings.
const VARIANTS: [(&str, &str); 8] = [
    ("neuron", "ranks the reconstructed sums, one per neuron"),
    ("coefficient", "ranks the cosine coefficients, entry j as neuron j"),
    ("signed", "measures the sum of a neuron's weights"),
    ("l1", "measures the sum of their absolute values"),
    ("l2", "measures the root of the sum of their squares"),
    ("weights", "measures weights"),
    ("changes", "measures how the weights have changed since the start of the run"),
    ("activations", "measures mean activations, and outgoing weights times these"),
];

/// Explains the methods that are shown, then the terms.
pub(super) fn terms(facts: &Facts) -> Markup {
    let methods = facts.comparison.iter().flat_map(|comparison| &comparison.methods);
    let mut methods: Vec<&str> = methods.map(|name| without_folder(name)).collect();
    if facts.runs.is_empty() {
        methods.extend(crate::paper::published::METHODS);
    }
    let mut known = std::collections::BTreeSet::new();
    methods.retain(|name| known.insert(*name));
    let has_rays = !facts.rays.is_empty() || facts.recorded.is_some();
    let of_rays = OF_RAYS.iter().filter(|_| has_rays);
    html! {
        dl.terms {
            @for name in methods {
                @if let Some(text) = of_method(name) { dt { (name) } dd { (text) "." } }
            }
            @for (term, text) in ALWAYS.iter().chain(of_rays) { dt { (term) } dd { (text) "." } }
        }
    }
}

/// Returns a method's name without the folder of its run.
fn without_folder(name: &str) -> &str {
    name.split_once(" (").map_or(name, |(method, _)| method)
}

/// Says what a method does; `None` for an unknown method.
fn of_method(name: &str) -> Option<String> {
    let known = |name: &str| METHODS.iter().find(|(method, _)| *method == name);
    if let Some((_, text)) = known(name) {
        return Some((*text).to_owned());
    }
    let variant = name.strip_prefix("dtc-")?;
    let parts: Option<Vec<&str>> = variant
        .split('-')
        .map(|part| Some(VARIANTS.iter().find(|(word, _)| *word == part)?.1))
        .collect();
    Some(format!("a variant of dtc: {}", parts?.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_that_is_shown_has_its_line() {
        for (name, part) in [
            ("dtc", "Tomographic"),
            ("dtc-coefficient-l2", "cosine coefficients, entry j as neuron j, measures the root"),
            ("data-lasso", "LASSO"),
            ("scratch", "fresh"),
        ] {
            let text = of_method(name).unwrap();
            assert!(text.contains(part), "{name}: {text}");
        }
        assert!(rayclip_run_folder::Method::all().all(|m| of_method(&m.to_string()).is_some()));
        assert_eq!(of_method("dtc-unknown"), None);
        assert_eq!(without_folder("l2 (runs/a)"), "l2");
    }
}
