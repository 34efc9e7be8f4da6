//! Tests of a chunk alone, on `flex`: without folder and session.

mod together;

use std::f64::consts::PI;

use burn::tensor::{Device, TensorData};
use rayclip_run_folder::{Method, Replica, RunConfig};

use super::*;
use crate::folder::checkpoint::HostTensors;
use crate::run::inputs::Uploaded;
use crate::run::position::{Position, ScratchTeacher};
use crate::run::tests::{config as run_config, dataset};

fn config(more: &[&str]) -> RunConfig {
    run_config(&[&["compression.methods=['dtc', 'l2']"], more].concat())
}

fn upload(config: &RunConfig) -> Uploaded {
    Uploaded::new(config, dataset(), &Device::flex(), None, usize::MAX).unwrap()
}

/// Calls `use_inputs` with the inputs of a configuration.
fn with_inputs<T>(config: &RunConfig, use_inputs: impl FnOnce(Inputs<'_>) -> T) -> T {
    let uploaded = upload(config);
    let (splits, rungs) = (&uploaded.splits, &uploaded.rungs);
    use_inputs(Inputs { config, splits, rungs, original: None, device: &Device::flex() })
}

fn start<'a>(inputs: Inputs<'a>, replicas: &[Replica], schedule: TrainingSchedule) -> Chunk<'a> {
    Chunk::start(inputs, replicas, schedule).unwrap()
}

/// Makes steps until `is_last`. Returns their names and the last step.
fn steps(chunk: &mut Chunk<'_>, is_last: impl Fn(&Advance) -> bool) -> (String, Advance) {
    let mut names = String::new();
    loop {
        let advance = chunk.advance().unwrap();
        names.push_str(match &advance {
            Advance::Batch => "batch ",
            Advance::NextCycle => "next ",
            Advance::Trained(_) => "trained ",
            Advance::Scored(_) => "scored ",
            Advance::Clipped(_) => "clipped ",
            Advance::Measured(_) => "measured ",
            Advance::Diverged(_) => "diverged ",
            Advance::Done => "done",
        });
        if is_last(&advance) {
            return (names, advance);
        }
    }
}

fn bits(network: &Population) -> Vec<u32> {
    let values = |tensor: &Tensor<3>| tensor.clone().into_data().try_to_vec::<f32>().unwrap();
    let all = network.parameters().iter().flat_map(|(_, tensor)| values(tensor));
    all.map(f32::to_bits).collect()
}

#[test]
fn a_cycle_trains_tests_scores_clips_and_measures() {
    let config = config(&[]);
    with_inputs(&config, |inputs| {
        let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Trained(_)));
        assert_eq!(names, "batch batch batch trained ");
        let Advance::Trained(Trained { clip, tested }) = advance else { panic!() };
        assert_eq!((clip, tested.accuracies.len(), tested.predictions[3].len()), (None, 4, 9));
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Clipped(_)));
        // Once at the start, then once for each method.
        assert_eq!(names, "scored scored scored clipped ");
        let Advance::Clipped(kept) = advance else { panic!() };
        assert_eq!((kept.len(), kept[1].groups["layer_0"].len()), (4, 3));
        assert!(kept.iter().flat_map(|k| k.groups.values()).all(|k| k.is_sorted()));
        let (_, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
        let Advance::Measured(Measured { clip, rows, rays }) = advance else { panic!() };
        assert_eq!((clip, rows.len(), rays.len()), (0, 4 * 2, 2 * 2));
        let row = &rows[5];
        assert_eq!((row.replica, row.method.as_str(), row.group.as_str()), (2, "l2", "layer_1"));
        assert_eq!((row.width_before, row.width_after, row.at_once), (4, 2, Some(2)));
        // 6 → 3 → 2 → 3 with biases; three batches of four of twenty images.
        assert_eq!((row.parameters, row.macs), (21 + 8 + 9, Some(18 + 6 + 6)));
        assert_eq!((row.batches, row.images), (Some(3), Some(12)));
        assert_eq!(chunk.network().unwrap().graph().widths(), [3, 2]);
        assert_eq!((chunk.cycle(), chunk.wants_batch()), (1, true));
    });
}

#[test]
fn a_chunk_ends_when_every_group_is_small_enough() {
    let config = config(&[]);
    with_inputs(&config, |inputs| {
        let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
        let (names, _) = steps(&mut chunk, |advance| matches!(advance, Advance::Done));
        assert_eq!(names.matches("clipped").count(), 2);
        assert!(names.ends_with("measured batch batch batch trained done"), "{names}");
        assert_eq!(chunk.network().unwrap().graph(), &inputs.rungs.last().graph);
        assert!(matches!(chunk.advance().unwrap(), Advance::Done));
    });
}

#[test]
fn a_schedule_spans_a_cycle_or_what_follows_the_last_clip_and_all_of_a_fresh_network() {
    let rates = |span: &str, schedule: TrainingSchedule| -> Vec<f64> {
        let span = format!("training.schedule_over={span}");
        let config =
            config(&[&span, "training.schedule=cosine", "training.learning_rate=1", "replicas=1"]);
        with_inputs(&config, |inputs| {
            let mut chunk = start(inputs, &config.all_replicas(), schedule);
            let mut rates = vec![];
            loop {
                if chunk.wants_batch() {
                    rates.push(chunk.learning_rate().unwrap());
                }
                if matches!(chunk.advance().unwrap(), Advance::Done) {
                    return rates;
                }
            }
        })
    };
    let half_period = |batches: usize| -> Vec<f64> {
        let at = |batch: usize| f64::midpoint(1.0, (PI * (batch as f64 / batches as f64)).cos());
        (0..batches).map(at).collect()
    };
    // Three batches per cycle, two clips.
    let (cycle, constant) = (half_period(3), vec![1.0; 3]);
    let ladder = TrainingSchedule::Ladder;
    assert_eq!(rates("cycle", ladder), [&cycle[..], &cycle, &cycle].concat());
    assert_eq!(rates("final", ladder), [&constant[..], &constant, &cycle].concat());
    assert_eq!(rates("run", ladder), half_period(9));
    let fresh = TrainingSchedule::Scratch { clip: 0, teacher: ScratchTeacher::None };
    for span in ["run", "cycle", "final"] {
        assert_eq!(rates(span, fresh), half_period(6), "{span}");
    }
    // First the network that they learn from, as on a ladder; then their own batches.
    let learns = TrainingSchedule::Scratch { clip: 1, teacher: ScratchTeacher::FirstCycle };
    for (span, first) in [("run", &half_period(9)[..3]), ("cycle", &cycle), ("final", &constant)] {
        assert_eq!(rates(span, learns), [first, &half_period(6)[..]].concat(), "{span}");
    }
}

#[test]
fn from_scratch_a_network_has_as_many_batches_as_its_operations_allow() {
    let settings = ["compression.methods=['scratch']", "compression.budget=operations"];
    let mut config = config(&settings);
    // As if the first network took three times as many as the last one, and the second a tenth more.
    config.compression.training_flops = vec![300.0, 110.0, 100.0];
    with_inputs(&config, |inputs| {
        let schedule = TrainingSchedule::scratch(&config, Method::Scratch, 1);
        let mut chunk = start(inputs, &config.all_replicas(), schedule);
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
        assert_eq!(names.matches("batch").count(), 9 + 4);
        let Advance::Measured(Measured { rows, .. }) = advance else { panic!() };
        assert_eq!(rows[0].batches, Some(13));
        let (names, _) = steps(&mut chunk, |advance| matches!(advance, Advance::Done));
        assert_eq!(names.matches("batch").count(), 3);
    });
}

#[test]
fn from_scratch_a_network_trains_with_the_budget_and_a_cycle_more() {
    let config = config(&["compression.methods=['scratch']"]);
    with_inputs(&config, |inputs| {
        let schedule = TrainingSchedule::scratch(&config, Method::Scratch, 1);
        let mut chunk = start(inputs, &config.all_replicas(), schedule);
        assert_eq!(chunk.network().unwrap().graph().widths(), [2, 2]);
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
        assert_eq!(names, "batch batch batch next batch batch batch measured ");
        let Advance::Measured(Measured { clip, rows, rays }) = advance else { panic!() };
        assert_eq!((clip, rows.len(), rays.len()), (1, 2 * 2, 0));
        assert_eq!((rows[0].accuracy_before_clip, rows[0].ties), (None, Some(0)));
        assert_eq!((rows[0].width_before, rows[0].batches), (3, Some(6)));
        let (names, _) = steps(&mut chunk, |advance| matches!(advance, Advance::Done));
        assert_eq!(names, "batch batch batch trained done");
    });
}

#[test]
fn all_replicas_may_diverge_and_then_there_is_nothing_left_to_do() {
    let config = config(&["training.learning_rate=1e30"]);
    with_inputs(&config, |inputs| {
        let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Diverged(_)));
        assert_eq!(names, "batch batch batch diverged ");
        let Advance::Diverged(replicas) = advance else { panic!() };
        assert_eq!(replicas.len(), 4);
        assert!(replicas[0].1.starts_with("the training loss is"), "{}", replicas[0].1);
        assert!(matches!(chunk.advance().unwrap(), Advance::Done));
    });
}

#[test]
fn the_others_are_what_they_would_be_without_the_one_that_diverges() {
    let config = config(&[]);
    with_inputs(&config, |inputs| {
        let all = config.all_replicas();
        let mut chunk = start(inputs, &all, TrainingSchedule::Ladder);
        steps(&mut chunk, |advance| matches!(advance, Advance::Measured(_)));
        let network = chunk.network().unwrap().clone();
        // Replica 1 has a NaN weight.
        let ones = |replica: usize| if replica == 1 { f32::NAN } else { 1.0 };
        let spoil: Vec<f32> = (0..4).map(ones).collect();
        let spoil = Tensor::<3>::from_data(TensorData::new(spoil, [4, 1, 1]), &Device::flex());
        let spoilt = network.parameters().clone().map(|name, tensor| {
            if name == "layer_1.bias" { tensor * spoil.clone() } else { tensor }
        });
        chunk.network = Network::Here(network.with_parameters(spoilt));
        let (_, advance) = steps(&mut chunk, |a| matches!(a, Advance::Diverged(_)));
        let Advance::Diverged(replicas) = advance else { panic!() };
        assert_eq!(replicas.iter().map(|(r, _)| r.number).collect::<Vec<_>>(), [1]);
        assert_eq!(chunk.replicas().len(), 3);
        let alone = [all[0], all[2], all[3]];
        let mut alone = start(inputs, &alone, TrainingSchedule::Ladder);
        for chunk in [&mut chunk, &mut alone] {
            steps(chunk, |advance| matches!(advance, Advance::Done));
        }
        assert_eq!(bits(chunk.network().unwrap()), bits(alone.network().unwrap()));
        assert_eq!(chunk.lineage, alone.lineage);
    });
}

#[test]
fn scores_that_are_not_finite_take_a_replica_out_before_the_clip() {
    let config = config(&["compression.methods=['l2']"]);
    with_inputs(&config, |inputs| {
        let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
        let scored = |a: &Advance| matches!(a, Advance::Scored(None));
        steps(&mut chunk, scored);
        // The squares overflow, but the weights themselves are finite.
        let network = chunk.network().unwrap().clone();
        let large = Tensor::<3>::from_data([[[1.0]], [[1e25]]], &Device::flex());
        let spoilt = network.parameters().clone().map(|name, tensor| {
            if name == "layer_0.weight" { tensor * large.clone() } else { tensor }
        });
        chunk.network = Network::Here(network.with_parameters(spoilt));
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Diverged(_)));
        assert_eq!(names, "scored diverged ");
        let Advance::Diverged(replicas) = advance else { panic!() };
        assert_eq!(replicas[0].0.number, 1);
        assert_eq!(replicas[0].1, "the scores of group layer_0 are not finite");
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
        assert_eq!(names, "clipped measured ");
        let Advance::Measured(Measured { rows, .. }) = advance else { panic!() };
        assert!(rows.iter().all(|row| row.replica == 0 && row.at_once == Some(2)));
    });
}

#[test]
fn networks_are_the_same_in_any_number_of_lanes() {
    let trained = |threads: usize, lanes: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let config = config(&["training.clip_norm=0.5", "training.weight_decay=0.1"]);
        pool.install(|| {
            with_inputs(&config, |inputs| {
                let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
                steps(&mut chunk, |advance| matches!(advance, Advance::Measured(_)));
                steps(&mut chunk, |advance| matches!(advance, Advance::Batch));
                let Network::InLanes(of_batch) = &chunk.network else { panic!("no lanes") };
                assert_eq!(of_batch.len(), lanes);
                let (_, advance) = steps(&mut chunk, |a| matches!(a, Advance::Trained(_)));
                let Advance::Trained(Trained { tested, .. }) = advance else { panic!() };
                let losses: Vec<f64> = chunk.losses().unwrap().unwrap();
                (bits(chunk.network().unwrap()), tested.predictions, losses)
            })
        })
    };
    let one = trained(1, 1);
    // Four networks: two in each lane, or two, two and none; or one in each.
    for (threads, lanes) in [(2, 2), (3, 2), (4, 4), (9, 4)] {
        assert!(trained(threads, lanes) == one, "{threads} threads");
    }
}

#[test]
fn a_chunk_that_is_saved_after_any_batch_continues_to_the_bit() {
    let learning = "training.distillation=0.5";
    let of_changes = "compression.methods=['dtc-changes', 'folding']";
    for more in [
        &["compression.compensate=true"][..],
        &["compression.merge=true", "compression.rescale=true", of_changes],
        &[learning, "training.soup=2"],
    ] {
        let config = config(more);
        assert_continues(&config, &config.all_replicas(), TrainingSchedule::Ladder);
    }
    let config = config(&[learning, "compression.methods=['scratch-distilled']"]);
    let schedule = TrainingSchedule::scratch(&config, Method::ScratchDistilled, 1);
    assert_continues(&config, &config.all_replicas(), schedule);
}

/// Checks that a chunk that is saved after any of its nine batches ends like one that is not.
fn assert_continues(config: &RunConfig, replicas: &[Replica], schedule: TrainingSchedule) {
    with_inputs(config, |inputs| {
        let mut whole = start(inputs, replicas, schedule);
        steps(&mut whole, |advance| matches!(advance, Advance::Done));
        for after in 1..9 {
            let mut chunk = start(inputs, replicas, schedule);
            for _ in 0..after {
                steps(&mut chunk, |advance| matches!(advance, Advance::Batch));
            }
            let (mut tensors, position) = (HostTensors::default(), Position::of_chunk(0));
            let state = chunk.save(&mut tensors).unwrap();
            let position = chunk.position(position);
            let saved = SavedChunk { state: &state, tensors: &tensors };
            let mut again = Chunk::restore(inputs, saved, schedule, position, &[]).unwrap();
            steps(&mut again, |advance| matches!(advance, Advance::Done));
            assert_eq!(bits(again.network().unwrap()), bits(whole.network().unwrap()), "{after}");
            assert_eq!(again.lineage, whole.lineage);
        }
    });
}
