//! The paper's correlations of entropy and accuracy, from its author's recorded run.

use std::path::Path;

use rayclip_report::{CorrelationRow, Recorded, Side, Source};

use crate::support::golden_data;

/// r by vector, accuracy, smoothing and source at the published bin width.
fn r(recorded: &Recorded, side: Side, accuracy_of: &str, smoothed: bool, source: Source) -> f64 {
    let is_it = |row: &&CorrelationRow| {
        row.side == side
            && row.bin_width == 0.2
            && row.accuracy_of == accuracy_of
            && row.smoothed == smoothed
            && row.source == source
    };
    let mut rows = recorded.correlations.iter().filter(is_it);
    let row = rows.next().unwrap();
    assert!(rows.next().is_none());
    row.r
}

#[test]
fn the_published_correlations_are_reproduced_and_so_is_their_null() {
    let Some(data) = golden_data("recorded entropies") else { return };
    let recorded = Recorded::read(&data.join("dtc-reference")).unwrap();
    let of =
        |side, accuracy_of, smoothed, source| r(&recorded, side, accuracy_of, smoothed, source);
    // The paper's 0.9174 and 0.9412; against the accuracies as they are 0.6593 and 0.8564.
    let published = [
        (Side::Next, "dtc", true, 0.9174),
        (Side::Next, "random", true, 0.9412),
        (Side::Next, "dtc", false, 0.6593),
        (Side::Next, "random", false, 0.8564),
        // Without cycle 23, in which no entry lies in the range. SciPy on the same data.
        (Side::Previous, "dtc", true, 0.7920),
        (Side::Previous, "random", true, 0.8237),
        (Side::Previous, "dtc", false, 0.5767),
        (Side::Previous, "random", false, 0.7582),
    ];
    for (side, accuracy_of, smoothed, expected) in published {
        let found = of(side, accuracy_of, smoothed, Source::Measured);
        assert!((found - expected).abs() < 5e-5, "{side:?} {accuracy_of} {smoothed}: {found}");
    }
    let log2_n = of(Side::Next, "dtc", true, Source::Log2N);
    assert!((log2_n - 0.8988).abs() < 5e-5, "{log2_n}");
    // NumPy's noise: uniform 0.901 ± 0.002, Gaussian 0.910 ± 0.006 over draws.
    let uniform = of(Side::Next, "dtc", true, Source::Uniform);
    assert!((uniform - 0.901).abs() < 0.001, "{uniform}");
    let gaussian = of(Side::Next, "dtc", true, Source::Gaussian);
    assert!((gaussian - 0.910).abs() < 0.003, "{gaussian}");
    // The page that documents them says the same.
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/method.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (accuracy_of, smoothed) in
        [("dtc", true), ("random", true), ("dtc", false), ("random", false)]
    {
        let sources = [Source::Measured, Source::Log2N, Source::Uniform, Source::Gaussian];
        let cells = sources.map(|source| of(Side::Next, accuracy_of, smoothed, source));
        let cells = cells.map(|r| format!("{r:.4}").trim_start_matches('0').to_owned());
        let row = format!("| {} |", cells.join(" | "));
        assert!(page.contains(&row), "{accuracy_of} {smoothed}: {row}");
    }
    let cycle_23 = |row: &&rayclip_report::EntropyRow| {
        row.cycle == 23 && row.side == Side::Previous && row.bin_width == 0.2
    };
    let row = recorded.entropies.iter().find(cycle_23).unwrap();
    assert_eq!((row.inside, row.bits, row.n), (0, None, 3));
}
