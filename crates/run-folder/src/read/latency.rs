//! Reads `latency.csv`.

use std::path::Path;

use rayclip_data::read_whole;

use super::{WholeRows, whole_rows};
use crate::limits::{self, is_amount};
use crate::paths;
use crate::rows::LatencyRow;

/// Reads how long the networks of a run take to classify. A row with a number beyond the [`limits`] is left out and
/// reported as damaged.
///
/// # Errors
/// The file cannot be read.
pub fn latency(folder: &Path) -> Result<WholeRows<LatencyRow>, String> {
    let bytes = read_whole(&folder.join(paths::LATENCY), limits::TABLE_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let WholeRows { mut rows, damaged } = whole_rows::<LatencyRow>(&bytes);
    let all = rows.len();
    rows.retain(is_possible);
    let dropped = all - rows.len();
    let impossible = (dropped > 0).then(|| format!("{dropped} impossible rows are left out"));
    Ok(WholeRows { rows, damaged: damaged.or(impossible) })
}

fn is_possible(row: &LatencyRow) -> bool {
    let counts = [row.cycle.unwrap_or(0), row.neurons, row.images, row.rounds];
    counts.into_iter().all(|count| count <= limits::COUNT)
        && [row.median_ms, row.least_ms, row.most_ms].into_iter().all(is_amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cannot_be_are_left_out_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let read = |rows: &str| {
            let head = "cycle,neurons,images,rounds,median_ms,least_ms,most_ms\n";
            std::fs::write(folder.path().join(paths::LATENCY), format!("{head}{rows}")).unwrap();
            latency(folder.path()).unwrap()
        };
        let whole = read(",100,1,9,0.5,0.4,0.6\n3,50,512,9,9,8,10\n");
        assert_eq!((whole.rows.len(), whole.damaged), (2, None));
        assert_eq!((whole.rows[0].cycle, whole.rows[1].median_ms), (None, 9.0));
        let odd = read("0,50,1,9,inf,1,1\n,100,1,9,0.5,0.4,0.6\n");
        assert_eq!(
            (odd.rows.len(), odd.damaged.as_deref()),
            (1, Some("1 impossible rows are left out"))
        );
        assert!(read("1,25,512,9,x,1,1\n").damaged.is_some());
    }
}
