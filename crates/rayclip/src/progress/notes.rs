//! The messages about events that a user should know of.

use rayclip_data::plain;
use rayclip_run_folder::Divergence;
use rayclip_trainer::Event;

use super::Mode;
use crate::output;

/// Returns the messages about an event. With `--quiet`, only warnings remain.
pub(super) fn notes(event: &Event<'_>, mode: Mode) -> Vec<String> {
    let is_quiet = mode == Mode::Quiet;
    match event {
        Event::Chunked { replicas, at_once, reason }
            if !matches!(mode, Mode::Bars | Mode::Quiet) =>
        {
            vec![format!("{replicas} replicas, {at_once} of them in parallel: {reason}")]
        }
        Event::CheckpointSkipped { path, reason } => {
            vec![format!("skipped: checkpoint {}: {}", output::path(path), plain(reason))]
        }
        Event::NotDeterministic => vec![
            "the device gives different bits for the same batch: the results of a resumed run may differ from those \
             of an uninterrupted run"
                .to_owned(),
        ],
        Event::Resumed { batches_done, was } => {
            let resumed = format!("resumed: {batches_done} batches were already done");
            let other = was.map(|was| {
                format!(
                    "these batches were done on {was}: from now on, the results may differ from those of an \
                     uninterrupted run"
                )
            });
            (!is_quiet).then_some(resumed).into_iter().chain(other).collect()
        }
        Event::Diverged { divergence, left, replicas } => {
            frozen(divergence, *left, *replicas).into_iter().collect()
        }
        Event::FewerNetworks { bytes } => vec![format!(
            "the networks of all widths would take {:.1} GiB: those at the halvings of the width are kept, and the \
             last; --keep-networks all keeps all",
            *bytes as f64 / (1_u64 << 30) as f64
        )],
        Event::Stopped { method, seed, cycle, validation } if !is_quiet => vec![format!(
            "stopped: {method}, seed {seed}, is not clipped again: after clip {cycle}, its accuracy on the held-out \
             images is {validation:.4}"
        )],
        _ => vec![],
    }
}

/// Returns the message about a frozen replica; `None` for the only replica, whose error ends the run.
fn frozen(divergence: &Divergence, left: usize, replicas: usize) -> Option<String> {
    let others = match left {
        0 if replicas == 1 => return None,
        0 => "no replica is left".to_owned(),
        1 => "the other one continues".to_owned(),
        _ => format!("the other {left} continue"),
    };
    Some(format!("frozen: {divergence}; {others}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_replica_is_reported_with_those_that_continue() {
        let divergence = Divergence {
            replica: 0,
            method: "dtc".into(),
            seed: 3,
            cycle: 1,
            reason: "the training loss is NaN".into(),
        };
        let text = |left, replicas| frozen(&divergence, left, replicas);
        assert_eq!(text(0, 1), None);
        assert!(text(0, 2).unwrap().ends_with("; no replica is left"));
        assert!(text(1, 2).unwrap().ends_with("; the other one continues"));
        let several = text(4, 5).unwrap();
        assert!(several.starts_with("frozen: replica 0 (dtc, seed 3) in cycle 1: "), "{several}");
        assert!(several.ends_with("; the other 4 continue"), "{several}");
    }

    #[test]
    fn a_quiet_run_tells_only_what_its_results_depend_on() {
        let resumed = Event::Resumed { batches_done: 3, was: Some("ndarray by rayclip 0.1.0") };
        assert_eq!(notes(&resumed, Mode::Lines).len(), 2);
        let quiet = notes(&resumed, Mode::Quiet);
        assert!(quiet.len() == 1 && quiet[0].contains("ndarray by rayclip 0.1.0"), "{quiet:?}");
        assert_eq!(notes(&Event::NotDeterministic, Mode::Quiet).len(), 1);
        let chunked = Event::Chunked { replicas: 9, at_once: 6, reason: "as requested" };
        assert_eq!(
            notes(&chunked, Mode::Lines),
            ["9 replicas, 6 of them in parallel: as requested"]
        );
        assert_eq!(notes(&chunked, Mode::Quiet), [""; 0]);
    }
}
