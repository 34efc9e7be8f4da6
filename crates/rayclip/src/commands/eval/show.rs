//! Shows how well a network classifies: tables, or one JSON object.

use rayclip_formats::Loaded;
use rayclip_report::{
    Classification, Latency, Table, classes_table, confusion_table, confusions_table,
    latency_table, measures_table, reliability_table,
};
use serde_json::{Value, json};

use crate::args::SplitChoice;
use crate::commands::reads::{Reads, extents};
use crate::{output, tables};

/// The most classes of which the whole confusion matrix is printed.
const WHOLE: usize = 20;

/// The most confusions that are printed otherwise.
const SHOWN: usize = 20;

/// A network, the images that it classified, and how well.
pub(super) struct Evaluation<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) reads: &'a Reads,
    /// Name of the data.
    pub(super) data: &'a str,
    pub(super) split: SplitChoice,
    /// Backend and adapter.
    pub(super) device: &'a str,
    pub(super) classification: Classification,
    pub(super) latencies: Vec<Latency>,
}

impl Evaluation<'_> {
    /// Prints the tables.
    pub(super) fn print(&self) {
        let Self { loaded, reads, classification, .. } = self;
        let graph = &loaded.graph;
        let macs = graph.macs().map_or("too many".to_owned(), |macs| macs.all.to_string());
        output::sentence(&format!(
            "{}: {} parameters, {macs} multiply-accumulates per image",
            output::path(&loaded.source.path),
            graph.parameters(),
        ));
        output::sentence(&format!(
            "{} {} images of {}, {}, {} classes",
            classification.images,
            self.split.name(),
            output::text(self.data),
            extents(&reads.shape),
            classification.classes.len(),
        ));
        table(&measures_table(classification));
        table(&classes_table(classification));
        self.print_confusions();
        output::sentence(
            "confidence, the probability of the predicted class, beside the accuracy; their mean distance is the \
             calibration error",
        );
        table(&reliability_table(classification));
        output::sentence(&format!("time of a classification on {}", output::text(self.device)));
        table(&latency_table(&self.latencies));
    }

    fn print_confusions(&self) {
        let found = &self.classification;
        if found.classes.len() <= WHOLE {
            output::sentence("images of each class, by the class that was predicted");
            tables::print_in_parts(&confusion_table(found).to_terminal(), 1);
            return;
        }
        let all = found.confusions().len();
        match all.saturating_sub(SHOWN) {
            0 => output::sentence("confusions, the most frequent first"),
            _ => output::sentence(&format!(
                "the {SHOWN} most frequent confusions, of {all}; --json has all"
            )),
        }
        table(&confusions_table(found, SHOWN));
    }

    /// Returns everything.
    pub(super) fn json(&self) -> Value {
        let Self { loaded, reads, classification: found, latencies, .. } = self;
        let graph = &loaded.graph;
        let about = |key: &str| loaded.about.get(key);
        let number = |key: &str| about(key).and_then(|text| text.parse::<u64>().ok());
        json!({
            "event": "evaluated",
            "network": {
                "file": loaded.source.path,
                "method": about("method"),
                "seed": number("seed"),
                "clip": number("cycle"),
                "parameters": graph.parameters(),
                "macs": graph.macs().map(|macs| macs.all),
                "image_shape": reads.shape,
                "mean": reads.statistics.mean,
                "deviation": reads.statistics.deviation,
            },
            "data": self.data,
            "split": self.split.name(),
            "device": self.device,
            "images": found.images,
            "top_1": found.top_1,
            "top_k": found.top_k,
            "k": found.k,
            "loss": found.loss,
            "calibration_error": found.calibration_error,
            "classes": found.classes,
            "confusion": found.confusion,
            "reliability": found.reliability,
            "latency": latencies,
        })
    }
}

fn table(table: &Table) {
    output::result(&table.to_string());
}
