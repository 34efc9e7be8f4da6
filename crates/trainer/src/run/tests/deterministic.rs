//! A device that gives different bits when it repeats a batch is an error with `--deterministic`, otherwise a
//! warning.

use burn::tensor::Device;
use rayclip_run_folder::write::RunFolder;

use super::*;
use crate::run::beginning::Environment;

/// Counts the warnings.
#[derive(Default)]
struct Told(usize);

impl Observer for Told {
    fn notify(&mut self, event: &Event<'_>) {
        self.0 += usize::from(matches!(event, Event::NotDeterministic));
    }
}

/// Checks a device that `repeats` its bits or not. Returns the result and the number of warnings.
fn taken(deterministic: bool, repeats: Result<bool, TrainerError>) -> (Result<(), String>, usize) {
    let config = config(&[]);
    let device = Device::flex();
    let uploaded = Uploaded::new(&config, dataset(), &device, None, usize::MAX).unwrap();
    let environment = Environment {
        folder: &RunFolder::from(Path::new("nowhere")),
        backend: Backend { device: &device, name: "a card" },
        options: &RunOptions { deterministic, ..RunOptions::default() },
        data: &uploaded.data,
    };
    let mut told = Told::default();
    let result = check_repeats(|| repeats, environment, &mut told);
    (result.map_err(|error| error.to_string()), told.0)
}

#[test]
fn a_device_that_does_not_repeat_is_refused_or_told() {
    assert_eq!(taken(true, Ok(true)), (Ok(()), 0));
    assert_eq!(taken(false, Ok(true)), (Ok(()), 0));
    assert_eq!(taken(false, Ok(false)), (Ok(()), 1));
    let (refused, told) = taken(true, Ok(false));
    let message = refused.unwrap_err();
    assert!(message.starts_with("--deterministic: a card gives different bits"), "{message}");
    assert!(message.contains("--device flex") && told == 0, "{message}");
    assert!(taken(false, Err(TrainerError::NoImages)).0.is_err());
}

#[test]
fn what_is_tried_are_the_first_batches_of_the_first_chunk() {
    let config = config(&[]);
    let device = Device::flex();
    let uploaded = Uploaded::new(&config, dataset(), &device, None, usize::MAX).unwrap();
    let (splits, rungs) = (&uploaded.splits, &uploaded.rungs);
    let inputs = Inputs { config: &config, splits, rungs, original: None, device: &device };
    let plan = Plan::of(&config, &rungs.first().graph, &device, 20, Some(3)).unwrap();
    assert!(repeats(|| train_again(&plan, inputs)).unwrap());
    // A device whose second attempt has another seed.
    let other = super::config(&["seed=9"]);
    let mut times = 0;
    let differs = repeats(|| {
        times += 1;
        let config = if times == 1 { &config } else { &other };
        let plan = Plan::of(config, &rungs.first().graph, &device, 20, Some(3)).unwrap();
        train_again(&plan, Inputs { config, ..inputs })
    });
    assert!(!differs.unwrap());
}
