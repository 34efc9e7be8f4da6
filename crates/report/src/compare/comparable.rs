//! Checks whether runs can be compared, and lists the settings that differ.

use std::collections::{BTreeMap, BTreeSet};

use rayclip_data::{is_obeyed, plain, plain_within};
use rayclip_run_folder::limits;
use rayclip_run_folder::read::Rung;

use crate::error::ReportError;
use crate::read::run::Run;
use crate::read::settings::values;

/// Refuses a run with other data or another ladder. Adds the rungs that only this run has.
pub(crate) fn check_same(
    first: &Run,
    run: &Run,
    ladder: &mut BTreeMap<usize, Rung>,
) -> Result<(), ReportError> {
    let differ = |what: &'static str, of_first: String, of_second: String| {
        Err(ReportError::NotComparable {
            what,
            first: first.folder.clone(),
            of_first,
            second: run.folder.clone(),
            of_second,
        })
    };
    let data = |run: &Run| {
        format!("{} ({}…)", run.data.name, run.data.digest.chars().take(8).collect::<String>())
    };
    let not_known = run.data.digest.is_empty() && first.folder != run.folder;
    if first.data.digest != run.data.digest || not_known {
        return differ("data", data(first), data(run));
    }
    let held_out = |run: &Run| format!("{} held-out images", run.data.validation);
    if first.data.validation != run.data.validation {
        return differ("data", held_out(first), held_out(run));
    }
    let accuracy = |run: &Run| {
        let known = run.setting("evaluation", "accuracy");
        known.map_or("unknown".to_owned(), ToString::to_string)
    };
    if accuracy(first) != accuracy(run) {
        return differ("accuracy measures", accuracy(first), accuracy(run));
    }
    let begin = |run: &Run| format!("{:?} neurons before the first clip", run.groups.widths);
    if first.groups.widths != run.groups.widths {
        return differ("ladders", begin(first), begin(run));
    }
    let names = |run: &Run| run.groups.names.join(", ");
    if first.groups.names != run.groups.names {
        return differ("groups", names(first), names(run));
    }
    let have_own_widths = [first, run].iter().any(|run| run.has_own_widths());
    for (cycle, rung) in run.rungs() {
        let known = ladder.entry(cycle).or_insert_with(|| rung.clone());
        if known.widths != rung.widths && !have_own_widths {
            let after = |rung: &Rung| format!("{:?} neurons after clip {cycle}", rung.widths);
            return differ("ladders", after(known), after(&rung));
        }
    }
    Ok(())
}

/// Returns a function that names a method among all runs. If the name alone is ambiguous, it adds the run's folder.
pub(crate) fn labels(runs: &[Run]) -> impl Fn(&Run, &str) -> String + use<> {
    let ambiguous = is_ambiguous(runs);
    move |run: &Run, method: &str| {
        let folder = if ambiguous { format!(" ({})", run.folder.display()) } else { String::new() };
        // A drawing cannot contain control characters.
        format!("{method}{folder}").replace(is_obeyed, "\u{fffd}")
    }
}

/// Returns whether a method's name is ambiguous: two runs have the same method and seed, or the same method with
/// different settings.
fn is_ambiguous(runs: &[Run]) -> bool {
    let mut methods = BTreeSet::new();
    let mut in_two = runs.iter().flat_map(Run::methods).filter(|method| !methods.insert(*method));
    if in_two.next().is_some() && !differing(runs).is_empty() {
        return true;
    }
    let mut seen = BTreeSet::new();
    runs.iter().any(|run| {
        let own: BTreeSet<(&str, u64)> =
            run.rows.iter().map(|row| (row.method.as_str(), row.seed)).collect();
        let again = own.iter().any(|replica| seen.contains(replica));
        seen.extend(own);
        again
    })
}

/// Returns the settings that differ between runs, except those that are compared.
pub(crate) fn differing(runs: &[Run]) -> Vec<String> {
    const EXPECTED: [&str; 9] = [
        "seed",
        "replicas",
        "preset",
        "device",
        "compression.methods",
        "compression.scratch_at",
        // It follows from the budget, which is compared.
        "compression.training_flops",
        "compression.teacher_flops",
        "compression.teacher_once",
    ];
    let compared = |run: &Run| -> BTreeMap<String, String> {
        let shown = |value: &toml::Value| plain_within(&value.to_string(), limits::SETTING);
        let all = values(&run.config).into_iter().map(|(key, value)| (plain(&key), shown(value)));
        all.filter(|(key, _)| !EXPECTED.contains(&key.as_str())).collect()
    };
    let all: Vec<BTreeMap<String, String>> = runs.iter().map(compared).collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let values = |key: &String| -> Vec<&str> {
        all.iter().map(|run| run.get(key).map_or("–", String::as_str)).collect()
    };
    keys.into_iter()
        .filter(|key| values(key).windows(2).any(|pair| pair[0] != pair[1]))
        .map(|key| format!("{key}: {}", values(key).join(" | ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::comparison::Comparison;
    use crate::compare::comparison::tests::run;

    #[test]
    fn runs_that_do_not_compare_are_named() {
        let refused = |change: fn(&mut Run)| {
            let mut other = run("l2", &[0.9]);
            other.folder = "other".into();
            change(&mut other);
            Comparison::of(&[run("dtc", &[0.9]), other]).unwrap_err().to_string()
        };
        let message = refused(|run| run.data.digest = "123456789".into());
        assert!(message.contains("other") && message.contains("12345678…"), "{message}");
        let message = refused(|run| run.rows[1].width_after = 24);
        assert!(message.contains("ladder") && message.contains("[24]"), "{message}");
        let message = refused(|run| run.groups.widths = vec![90]);
        assert!(message.contains("[90]"), "{message}");
        assert!(refused(|run| run.rows.clear()).contains("no clip"));
    }

    #[test]
    fn seeds_of_one_method_are_pooled_only_where_the_settings_agree() {
        let with = |folder: &str, lambda: &str, seed: u64| {
            let mut run = run("dtc", &[0.9]);
            run.rows.iter_mut().for_each(|row| row.seed = seed);
            run.folder = folder.into();
            run.config = format!("[compression]\nlambda = {lambda}").parse().unwrap();
            run
        };
        let methods = |runs: &[Run]| Comparison::of(runs).unwrap().methods;
        assert_eq!(methods(&[with("a", "0.3", 0), with("b", "0.3", 1)]), ["dtc"]);
        let apart = methods(&[with("a", "0.3", 0), with("b", "0.4", 1)]);
        assert_eq!(apart, ["dtc (a)", "dtc (b)"]);
    }

    #[test]
    fn settings_that_differ_are_listed() {
        let with = |lambda: &str| Run {
            config: format!("seed = 1\n[compression]\nlambda = {lambda}\nkeep = 0.9")
                .parse()
                .unwrap(),
            ..run("dtc", &[0.9])
        };
        assert_eq!(differing(&[with("0.3"), with("0.4")]), ["compression.lambda: 0.3 | 0.4"]);
        assert_eq!(differing(&[with("0.3"), with("0.3")]), [""; 0]);
    }
}
