//! Reads `summary.json`.

use std::collections::BTreeSet;

use rayclip_data::{plain, plain_within};

use crate::limits;
use crate::summary::{ReplicaSummary, Summary};

/// Reads the file, with numbers within the [`limits`].
///
/// # Errors
/// The file is invalid; the reason names the key, or the line and column.
pub fn summary(bytes: &[u8]) -> Result<Summary, String> {
    let mut summary: Summary = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    make_plain(&mut summary);
    check_widths(&summary.widths_before)?;
    check_widths(&summary.widths)?;
    check_groups(&summary)?;
    check_counts(&summary)?;
    summary.replicas.iter().try_for_each(check_replica)?;
    Ok(summary)
}

/// Replaces control characters in all text, and limits its length.
fn make_plain(summary: &mut Summary) {
    let Summary { version, error, without, device, groups, data, replicas, .. } = summary;
    for text in [version, device, &mut data.name, &mut data.digest] {
        *text = plain(text);
    }
    for text in error.iter_mut().chain(without) {
        *text = plain_within(text, limits::ERROR);
    }
    for text in groups {
        *text = plain(text);
    }
    for replica in replicas {
        replica.method = plain(&replica.method);
        if let Some(divergence) = &mut replica.divergence {
            divergence.method = plain(&divergence.method);
            divergence.reason = plain_within(&divergence.reason, limits::ERROR);
        }
    }
}

fn check_groups(summary: &Summary) -> Result<(), String> {
    let Summary { groups, widths_before, .. } = summary;
    let names: BTreeSet<&String> = groups.iter().collect();
    let is_name = |name: &&String| (1..=limits::NAME).contains(&name.chars().count());
    // Version 0.1 names no groups.
    if groups.is_empty()
        || (groups.len() == widths_before.len()
            && names.len() == groups.len()
            && names.iter().all(is_name))
    {
        return Ok(());
    }
    let (named, wide) = (groups.len(), widths_before.len());
    Err(format!("groups must be {wide} different names: there are {named}, or two are the same"))
}

fn check_counts(summary: &Summary) -> Result<(), String> {
    let data = &summary.data;
    let pixels = data.image_shape.as_ref().map(|shape| {
        let product = shape.iter().try_fold(1_usize, |all, extent| all.checked_mul(*extent));
        product.unwrap_or(usize::MAX)
    });
    within_limits(&[
        ("clips", summary.clips),
        ("parameters_before", Some(summary.parameters_before)),
        ("parameters_after", summary.parameters_after),
        ("bytes_before", summary.bytes_before),
        ("macs_before", summary.macs_before),
        ("data.test", Some(data.test)),
        ("data.validation", Some(data.validation)),
        ("data.train", data.train),
        ("data.classes", data.classes),
        ("data.image_shape", pixels),
    ])
}

fn check_replica(replica: &ReplicaSummary) -> Result<(), String> {
    within_limits(&[
        ("replicas.replica", Some(replica.replica)),
        ("replicas.network", replica.network),
        ("replicas.stopped_at", replica.stopped_at),
        ("replicas.divergence.cycle", replica.divergence.as_ref().map(|d| d.cycle)),
    ])?;
    let accuracies = [
        ("replicas.accuracy_before", replica.accuracy_before),
        ("replicas.validation_before", replica.validation_before),
        ("replicas.accuracy_after", replica.accuracy_after),
    ];
    let beyond = accuracies
        .iter()
        .find(|(_, accuracy)| accuracy.is_some_and(|value| !(0.0..=1.0).contains(&value)));
    beyond.map_or(Ok(()), |(key, _)| Err(no_run_has(key)))
}

/// Refuses widths that no network has.
pub(super) fn check_widths(widths: &[usize]) -> Result<(), String> {
    if limits::are_widths(widths) {
        return Ok(());
    }
    let shown: Vec<_> = widths.iter().take(limits::GROUPS).collect();
    Err(format!("no network has groups of {shown:?} neurons"))
}

/// Refuses a count that no run has.
pub(super) fn within_limits(counts: &[(&str, Option<usize>)]) -> Result<(), String> {
    let is_beyond = |count: &Option<usize>| count.is_some_and(|count| count > limits::COUNT);
    let beyond = counts.iter().find(|(_, count)| is_beyond(count));
    beyond.map_or(Ok(()), |(key, _)| Err(no_run_has(key)))
}

/// Returns the message for a number beyond the limits.
pub(super) fn no_run_has(key: &str) -> String {
    format!("{key} is a number that no run has")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"widths_before":[4],"groups":["a"],"parameters_before":9,"replicas":[
        {"replica":0,"method":"d","seed":1,"outcome":"diverged","accuracy_before":0.5,"divergence":
        {"replica":0,"method":"d","seed":1,"cycle":2,"reason":"x"}}],
        "data":{"name":"d","digest":"","test":1,"validation":0},"version":"","device":"",
        "outcome":"interrupted"}"#;

    #[test]
    fn numbers_that_no_run_has_are_refused_by_key() {
        let read = |good: &str, bad: &str| {
            assert!(TEXT.contains(good), "{good}");
            summary(TEXT.replacen(good, bad, 1).as_bytes()).map_err(|error| error.clone())
        };
        assert!(read("[4]", "[4]").is_ok());
        let huge = "18446744073709551615";
        for (good, bad, expected) in [
            ("[4]", "[18446744073709551615]", "no network has"),
            ("[4]", "[0]", "no network has"),
            ("[4]", "[4, 5]", "groups"),
            (r#"["a"]"#, r#"[""]"#, "groups"),
            (":9", &format!(":{huge}"), "parameters_before"),
            (r#""test":1"#, &format!(r#""test":1,"classes":{huge}"#), "data.classes"),
            (r#""cycle":2"#, &format!(r#""cycle":{huge}"#), "replicas.divergence.cycle"),
            (":0.5", ":1.5", "replicas.accuracy_before"),
            ("interrupted", "x", "unknown variant"),
        ] {
            let message = read(good, bad).unwrap_err();
            assert!(message.contains(expected), "{bad}: {message}");
        }
    }

    #[test]
    fn text_is_made_plain() {
        let text = TEXT.replacen("\"d\"", "\"d\\u001b\"", 1).replacen("\"x\"", "\"\\n\"", 1);
        let summary = summary(text.as_bytes()).unwrap();
        let replica = &summary.replicas[0];
        let shown = (replica.method.as_str(), replica.divergence.as_ref().unwrap().reason.as_str());
        assert_eq!(shown, ("d\u{fffd}", "\u{fffd}"));
    }
}
