//! Reads `progress.json`.

use rayclip_data::plain;

use super::summary::{check_widths, no_run_has, within_limits};
use crate::limits;
use crate::progress::Progress;

/// Reads the file, with numbers within the [`limits`].
///
/// # Errors
/// The file is invalid; the reason names the key, or the line and column.
pub fn progress(bytes: &[u8]) -> Result<Progress, String> {
    let mut file: Progress = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    for source in file.energy.iter_mut().flat_map(|energy| &mut energy.sources) {
        *source = plain(source);
    }
    check_widths(&file.widths)?;
    within_limits(&[
        ("cycle", Some(file.cycle)),
        ("batches_done", Some(file.batches_done)),
        ("batches", Some(file.batches)),
        ("resumed", Some(file.resumed)),
    ])?;
    let amounts = [
        ("updated", file.updated, limits::TIME),
        ("train_seconds", file.train_seconds, limits::TIME),
        ("compress_seconds", file.compress_seconds, limits::TIME),
        ("seconds", file.seconds, limits::TIME),
        ("energy.joules", file.energy.as_ref().map_or(0.0, |e| e.joules), limits::AMOUNT),
    ];
    let beyond = amounts.into_iter().find(|(_, value, most)| !(0.0..=*most).contains(value));
    beyond.map_or(Ok(file), |(key, ..)| Err(no_run_has(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_run_has_are_refused_by_key() {
        let text = r#"{"cycle":1,"widths":[4],"batches_done":1,"batches":9,"updated":1,"resumed":0,
            "train_seconds":1,"compress_seconds":0,"seconds":1,"energy":{"joules":1,"sources":["\n"]}}"#;
        let read = |good: &str, bad: &str| progress(text.replacen(good, bad, 1).as_bytes());
        assert_eq!(read("", "").unwrap().energy.unwrap().sources, ["\u{fffd}"]);
        for (good, bad, expected) in [
            ("[4]", "[0]", "no network has"),
            (":9", ":18446744073709551615", "batches is a number"),
            ("\"seconds\":1", "\"seconds\":-1", "seconds is a number"),
            ("\"seconds\":1", "\"seconds\":1e300", "seconds is a number"),
            ("\"joules\":1", "\"joules\":1e40", "energy.joules is a number"),
        ] {
            let message = read(good, bad).unwrap_err();
            assert!(message.contains(expected), "{bad}: {message}");
        }
    }
}
