//! Ladders of groups and targets.

use rayclip_run_folder::config::presets::{Layers, Setting, resolve};

use super::*;

fn graph() -> Graph {
    Graph::perceptron(20, &[64, 32, 16], 10, true)
}

fn config(settings: &[&str]) -> CompressionConfig {
    let all = ["network.hidden=[64, 32, 16]", "compression.min_width=4"];
    let settings = all.iter().chain(settings);
    let settings = settings.map(|text| Setting::parse(text).unwrap()).collect();
    resolve(&Layers { settings, ..Layers::default() }).unwrap().compression
}

fn widths(settings: &[&str]) -> Widths {
    Widths::of(&config(settings), &graph()).unwrap()
}

fn refusal(settings: &[&str]) -> String {
    Widths::of(&config(settings), &graph()).err().unwrap().to_string()
}

#[test]
fn a_group_has_its_own_fraction_and_least_width() {
    let widths = widths(&[
        "compression.keep=0.5",
        "compression.keep_of=['layer_[12]=0.9', 'layer_1=0.25']",
        "compression.min_width_of=['layer_0=20']",
        "compression.protect=['layer_2']",
    ]);
    let ladder = widths.by_fraction();
    assert_eq!(ladder[0], [32, 8, 16]);
    assert_eq!(ladder.last().unwrap(), &[16, 2, 16]);
    assert!(ladder.iter().all(|widths| widths[2] == 16));
}

#[test]
fn widths_are_rounded_to_multiples() {
    let ladder = widths(&["compression.keep=0.9", "compression.round_to=8"]).by_fraction();
    assert_eq!(ladder[0], [56, 24, 8]);
    assert!(ladder.iter().flatten().all(|width| width % 8 == 0));
    assert_eq!(ladder.last().unwrap(), &[8, 8, 8]);
}

/// A clock that is not asked.
fn no_timer(_: &[Graph], _: usize) -> Result<Vec<f64>, TrainerError> {
    panic!("nothing is timed")
}

fn resolved(settings: &[&str], timer: Timer<'_>) -> Result<(CompressionConfig, Reached), String> {
    let mut config = config(settings);
    let reached = resolve_ladder(&mut config, &graph(), None, timer);
    reached.map(|reached| (config, reached.unwrap())).map_err(|error| error.to_string())
}

#[test]
fn a_target_is_reached_from_below_in_geometric_steps() {
    for key in ["macs", "parameters"] {
        let target = format!("compression.target_{key}=0.25");
        let of =
            |more: &[&str]| resolved(&[&[target.as_str()], more].concat(), &mut no_timer).unwrap();
        let part = |size: Size, first: Size| match key {
            "macs" => size.macs as f64 / first.macs as f64,
            _ => size.parameters as f64 / first.parameters as f64,
        };
        let (config, Reached { first, last }) = of(&["compression.steps=3"]);
        assert_eq!(first, graph().size(&graph().widths()).unwrap());
        assert_eq!(last, graph().size(&config.ladder[2]).unwrap());
        // No group can be wider.
        assert!(part(last, first) <= 0.25);
        for group in 0..3 {
            let mut wider = config.ladder[2].clone();
            wider[group] += 1;
            assert!(part(graph().size(&wider).unwrap(), first) > 0.25, "{wider:?}");
        }
        assert_eq!(config.ladder.len(), 3);
        assert_eq!(of(&["compression.steps=1"]).0.ladder, &config.ladder[2..]);
        assert!(of(&["compression.keep=0.9"]).0.ladder.len() > 5);
    }
}

#[test]
fn what_one_factor_leaves_goes_to_the_groups_that_keep_the_least() {
    // LeNet-5 has six and sixteen channels, so a factor for all groups is far from the target.
    let graph = rayclip_model::KnownNetwork::Lenet5
        .graph(rayclip_model::Shape { height: 28, width: 28, channels: 1 }, 10);
    let settings =
        ["compression.target_macs=0.25", "compression.steps=2", "compression.min_width=1"];
    let mut config = config(&settings);
    let reached = resolve_ladder(&mut config, &graph, None, &mut no_timer).unwrap().unwrap();
    let part = reached.last.macs as f64 / reached.first.macs as f64;
    assert!(part > 0.24 && part <= 0.25, "{part} {:?}", config.ladder);
    let [before, last] = &config.ladder[..] else { panic!("{:?}", config.ladder) };
    assert!(before.iter().zip(last).all(|(before, last)| before >= last), "{before:?} {last:?}");
    // Widths stay multiples.
    let mut multiples = self::config(&["compression.target_macs=0.5", "compression.round_to=8"]);
    resolve_ladder(&mut multiples, &self::graph(), None, &mut no_timer).unwrap();
    assert!(multiples.ladder.iter().flatten().all(|width| width % 8 == 0), "{multiples:?}");
}

#[test]
fn a_time_is_reached_although_it_is_never_the_same_twice() {
    let settings = ["compression.target_latency=5", "compression.latency_images=7"];
    let settings = [&settings[..], &["compression.steps=2"]].concat();
    // A network takes 0.1 ms per neuron; each timing is a little longer than the one before.
    let mut timings = 0_u32;
    let mut timer = |graphs: &[Graph], images: usize| {
        assert_eq!(images, 7);
        timings += 1;
        let time = |graph: &Graph| {
            let neurons: usize = graph.widths().iter().sum();
            neurons as f64 * (0.1 + 1e-3 * f64::from(timings))
        };
        Ok(graphs.iter().map(time).collect())
    };
    let (config, Reached { first, last }) = resolved(&settings, &mut timer).unwrap();
    assert!(last.milliseconds.unwrap() <= 5.0 && first.milliseconds.unwrap() > 11.2);
    assert!(timings < 15, "{timings}");
    let neurons: usize = config.ladder[1].iter().sum();
    assert!((35..50).contains(&neurons), "{neurons}");
    // When the run goes on, nothing is timed.
    let mut again = self::config(&settings);
    let timed = Some(config.ladder.clone());
    assert_eq!(resolve_ladder(&mut again, &graph(), timed, &mut no_timer).unwrap(), None);
    assert_eq!(again, config);
    let fast = |_: &[Graph], _: usize| Ok(vec![1.0, 1.0]);
    let needless = resolved(&settings, &mut { fast }).unwrap_err();
    assert!(
        needless.contains("5 ms needs no clip: the first network takes 1.0000 ms"),
        "{needless}"
    );
}

#[test]
fn what_cannot_be_is_refused_by_its_key() {
    let unknown = refusal(&["compression.protect=['layer_9']"]);
    assert!(unknown.contains("compression.protect"), "{unknown}");
    assert!(unknown.contains("did you mean `layer_"), "{unknown}");
    let wrong = refusal(&["compression.keep_of=['layer_0=2']"]);
    assert!(wrong.contains("`layer_0=2` is not of the form GROUP=VALUE"), "{wrong}");
    let all = ["compression.protect=['layer_*']", "compression.target_macs=0.5"];
    let least = resolved(&all, &mut no_timer).unwrap_err();
    assert!(least.contains("0.5 cannot be reached") && least.contains("has 1.0000"), "{least}");
}
