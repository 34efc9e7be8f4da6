//! Networks that train together: those of a seed before the first clip, copies of a network after it, and networks that
//! learn from others.

use super::*;

fn finished(config: &RunConfig, replicas: &[Replica], schedule: TrainingSchedule) -> Vec<u32> {
    with_inputs(config, |inputs| {
        let mut chunk = start(inputs, replicas, schedule);
        steps(&mut chunk, |advance| matches!(advance, Advance::Done));
        bits(chunk.network().unwrap())
    })
}

#[test]
fn the_replicas_of_a_seed_have_one_network_before_the_first_clip_and_then_their_own() {
    // Each learns from the network of its own seed.
    let config = config(&["training.distillation=0.5"]);
    with_inputs(&config, |inputs| {
        let all = config.all_replicas();
        let mut chunk = start(inputs, &all, TrainingSchedule::Ladder);
        assert_eq!(chunk.network().unwrap().replicas(), 2);
        let (_, advance) = steps(&mut chunk, |a| matches!(a, Advance::Trained(_)));
        assert_eq!(chunk.network().unwrap().replicas(), 4);
        let Advance::Trained(Trained { tested, .. }) = advance else { panic!() };
        assert_eq!(tested.predictions[0], tested.predictions[2]);
        steps(&mut chunk, |advance| matches!(advance, Advance::Done));
        let together = bits(chunk.network().unwrap());
        let values = together.len() / 4;
        for (index, replica) in all.iter().enumerate() {
            let alone = finished(&config, &[*replica], TrainingSchedule::Ladder);
            let of_replica = chunk.network().unwrap().keep_replicas(&[index]);
            assert_eq!(alone.len(), values);
            assert_eq!(alone, bits(&of_replica), "replica {index}");
        }
    });
}

#[test]
fn networks_learn_from_their_seed_before_the_first_clip_and_a_part_of_nothing_is_nothing() {
    let bits_with = |settings: &[&str]| {
        let config = config(&[settings, &["training.temperature=2"]].concat());
        finished(&config, &config.all_replicas(), TrainingSchedule::Ladder)
    };
    let (without, with) = (bits_with(&[]), bits_with(&["training.distillation=0.5"]));
    assert_ne!(without, with);
    // Images that are shifted are not those of before, so their logits are computed for each batch of twelve.
    for (more, images) in [("training.shift=0", 20.0), ("training.shift=1", 12.0)] {
        let config = config(&["training.distillation=0.5", more]);
        with_inputs(&config, |inputs| {
            let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
            steps(&mut chunk, |advance| matches!(advance, Advance::Trained(_)));
            assert!(chunk.teacher.is_none());
            let before = chunk.network().unwrap().keep_replicas(&[0, 1]);
            let (_, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
            let teacher = chunk.teacher.as_ref().unwrap().to_save().unwrap();
            assert_eq!(bits(teacher), bits(&before));
            // Until the first clip, nobody learns from it.
            let Advance::Measured(Measured { rows, .. }) = advance else { panic!() };
            let (_, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
            let Advance::Measured(Measured { rows: later, .. }) = advance else { panic!() };
            let spent = |rows: &[CycleRow]| rows[0].training_flops.unwrap();
            let first = &inputs.rungs.first().graph;
            let forward = 2.0 * first.macs().unwrap().all as f64;
            // Twelve images of 6 → 3 → 2 → 3, whose first layer has no gradient to pass on.
            let own = f64::from(12 * (4 * 18 + 6 * (6 + 6)));
            assert_eq!(spent(&later) - spent(&rows), own + images * forward, "{more}");
        });
    }
}

#[test]
fn what_a_teacher_says_of_all_images_is_what_it_says_of_each_batch() {
    let config = config(&[]);
    with_inputs(&config, |inputs| {
        let all = config.all_replicas();
        let mut chunk = start(inputs, &all, TrainingSchedule::Ladder);
        steps(&mut chunk, |advance| matches!(advance, Advance::Trained(_)));
        let network = chunk.network().unwrap();
        let order: Vec<Vec<usize>> = vec![vec![3, 1], vec![19, 0], vec![3, 1], vec![19, 0]];
        let images = inputs.splits.train.batch(&order).unwrap().images;
        let [asked, remembered] = [false, true].map(|remembers| -> Vec<f32> {
            let teacher = Teacher::by_seed(network, &all);
            let images_of = &inputs.splits.train;
            let teacher = if remembers { teacher.remember(images_of, 3).unwrap() } else { teacher };
            let lesson = teacher.lesson(&Trainees::own(&all), &all);
            lesson.logits(&images, &order).into_data().try_to_vec().unwrap()
        });
        assert_eq!(asked.len(), 4 * 2 * 3);
        assert_eq!(asked[..6], asked[12..18]);
        let is_near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        assert!(asked.iter().zip(&remembered).all(is_near), "{asked:?} {remembered:?}");
    });
}

#[test]
fn copies_of_a_network_are_averaged_after_each_cycle() {
    let config = config(&["training.soup=3", "training.order=shuffled"]);
    with_inputs(&config, |inputs| {
        let mut chunk = start(inputs, &config.all_replicas(), TrainingSchedule::Ladder);
        assert_eq!(chunk.network().unwrap().replicas(), 2);
        steps(&mut chunk, |advance| matches!(advance, Advance::Measured(_)));
        assert_eq!(chunk.network().unwrap().replicas(), 12);
        for _ in 0..3 {
            steps(&mut chunk, |advance| matches!(advance, Advance::Batch));
        }
        let copies = chunk.network().unwrap().clone();
        assert_ne!(bits(&copies.keep_replicas(&[3])), bits(&copies.keep_replicas(&[4])));
        let (_, advance) = steps(&mut chunk, |advance| matches!(advance, Advance::Trained(_)));
        let united = chunk.network().unwrap();
        assert_eq!(united.replicas(), 4);
        let value = |network: &Population, replica: usize| {
            let weight =
                network.keep_replicas(&[replica]).parameters().get("layer_1.weight").cloned();
            f64::from(weight.unwrap().into_data().try_to_vec::<f32>().unwrap()[1])
        };
        let mean = (3..6).map(|copy| value(&copies, copy)).sum::<f64>() / 3.0;
        assert!((value(united, 1) - mean).abs() < 1e-6);
        let Advance::Trained(Trained { tested, .. }) = advance else { panic!() };
        assert_eq!(tested.accuracies.len(), 4);
        let (_, advance) = steps(&mut chunk, |advance| matches!(advance, Advance::Measured(_)));
        let Advance::Measured(Measured { rows, .. }) = advance else { panic!() };
        // Three batches before the first clip, then three of each copy.
        assert_eq!((rows[0].batches, rows[0].at_once), (Some(3 + 9), Some(4)));
    });
}

#[test]
fn a_distilled_fresh_network_first_trains_the_network_from_which_it_learns() {
    let settings = ["compression.methods=['l2', 'scratch-distilled']", "training.distillation=0.5"];
    let config = config(&settings);
    let all = config.all_replicas();
    let (clipped, fresh) = all.split_at(2);
    let schedule = TrainingSchedule::scratch(&config, Method::ScratchDistilled, 1);
    with_inputs(&config, |inputs| {
        let mut ladder = start(inputs, clipped, TrainingSchedule::Ladder);
        steps(&mut ladder, |advance| matches!(advance, Advance::Trained(_)));
        let mut chunk = start(inputs, fresh, schedule);
        assert_eq!(chunk.network().unwrap().graph().widths(), [5, 4]);
        let (names, _) = steps(&mut chunk, |advance| matches!(advance, Advance::NextCycle));
        assert_eq!(names, "batch batch batch next ");
        let teacher = chunk.teacher.as_ref().unwrap().to_save().unwrap();
        assert_eq!(bits(teacher), bits(ladder.network().unwrap()));
        // It begins like a network that learns from nobody.
        let alone = TrainingSchedule::scratch(&config, Method::Scratch, 1);
        let alone = start(inputs, fresh, alone);
        assert_eq!(bits(chunk.network().unwrap()), bits(alone.network().unwrap()));
        let (names, advance) = steps(&mut chunk, |a| matches!(a, Advance::Measured(_)));
        assert_eq!(names, "batch batch batch measured ");
        let Advance::Measured(Measured { rows, .. }) = advance else { panic!() };
        assert_eq!((rows[0].method.as_str(), rows[0].batches), ("scratch-distilled", Some(6)));
        let teacher = inputs.rungs.spent(TrainingSchedule::Ladder, 0).training_flops.unwrap();
        assert!(rows[0].training_flops.unwrap() > teacher);
    });
}
