//! The cost of training and using the networks.

use rayclip_run_folder::METHOD_SCRATCH;

use crate::cost::costs::CostRow;
use crate::cost::widths::WidthRow;
use crate::facts::Facts;
use crate::figures::figure::{Axis, Curve, Figure, GREY, Panel, Point, Style};
use crate::figures::size::NEURONS;

/// Draws training operations at every rung, and the time of a classification.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("cost", "Cost of training and using the networks");
    let panels: Vec<Panel> = training(facts).into_iter().chain(latency(facts)).collect();
    if panels.is_empty() {
        let no_clip = "There is no clip to show.";
        let no_extents =
            "The folder does not say how many images there are, or how they are trained on.";
        let reason = if facts.comparison.is_none() { no_clip } else { no_extents };
        return Figure::gap(name, title, reason);
    }
    let caption = "Operations of the matrix products in training, up to right after the clip, beside those of \
                   the full width on as many batches. Time of a classification: the median of the \
                   timings at the end of the (first) run, on its device.";
    Figure { panels, ..Figure::left_out(name, title, caption) }
}

fn training(facts: &Facts) -> Option<Panel> {
    let mut methods: Vec<&str> = facts.costs.iter().map(|row| row.method.as_str()).collect();
    methods.dedup();
    let points = |method: &str, value: fn(&CostRow) -> Option<f64>| -> Vec<Point> {
        let of_method = facts.costs.iter().filter(|row| row.method == method);
        of_method.filter_map(|row| Some(Point::bare(row.neurons as f64, value(row)?))).collect()
    };
    let (scratch, clipped): (Vec<&str>, Vec<&str>) =
        methods.into_iter().partition(|method| method.starts_with(METHOD_SCRATCH));
    // Methods that clip along one ladder on the same batches have equal costs, so they share one curve.
    let mut groups: Vec<(Vec<&str>, Vec<Point>, Vec<Point>)> = vec![];
    for method in clipped.into_iter().chain(scratch) {
        let spent = points(method, |row| row.training_flops);
        let full = points(method, |row| row.full_width_flops);
        let is_sparse = method.starts_with(METHOD_SCRATCH);
        let same = |(known, other, _): &&mut (Vec<&str>, Vec<Point>, Vec<Point>)| {
            *other == spent && known[0].starts_with(METHOD_SCRATCH) == is_sparse
        };
        match groups.iter_mut().find(same) {
            Some((known, ..)) => known.push(method),
            None => groups.push((vec![method], spent, full)),
        }
    }
    groups.retain(|(_, spent, _)| !spent.is_empty());
    let mut curves: Vec<Curve> = vec![];
    for (methods, spent, full) in groups {
        let is_sparse = methods[0].starts_with(METHOD_SCRATCH);
        // Every method is compared with the full width on its own batches.
        if !is_sparse || curves.is_empty() {
            let style = Style::Dashed;
            let name = format!("full width, as long as {}", methods[0]);
            curves.push(Curve::new(name, GREY, style, full));
        }
        let style = if is_sparse { Style::Dots } else { Style::Line };
        let colour = facts.colour(methods[0]);
        curves.push(Curve::new(methods.join(", "), colour, style, spent));
    }
    (!curves.is_empty()).then(|| Panel {
        title: "training".into(),
        x: Axis::size(NEURONS),
        y: Axis::positive("floating-point operations"),
        curves,
    })
}

fn latency(facts: &Facts) -> Option<Panel> {
    let rows = || facts.widths.iter();
    let times = rows().flat_map(|row| [row.latency_ms, row.batch_latency_ms]).flatten();
    // If any time is below a tenth of a millisecond, the unit is microseconds.
    let is_short = times.filter(|time| *time > 0.0).any(|time| time < 0.1);
    let (unit, factor) = if is_short { ("microseconds", 1e3) } else { ("milliseconds", 1.0) };
    let points = |value: fn(&WidthRow) -> Option<f64>| -> Vec<Point> {
        let point = |row: &WidthRow| Some(Point::bare(row.neurons as f64, factor * value(row)?));
        rows().filter_map(point).collect()
    };
    let batch = rows().find_map(|row| row.batch);
    let curve = |name: String, colour, points| Curve::new(name, colour, Style::Line, points);
    let mut curves = vec![curve("one image".into(), 10, points(|row| row.latency_ms))];
    curves.extend(
        batch.map(|images| {
            curve(format!("{images} images"), 11, points(|row| row.batch_latency_ms))
        }),
    );
    (!curves[0].points.is_empty()).then(|| Panel {
        title: "a classification".into(),
        x: Axis::size(NEURONS),
        y: Axis::log(&format!("{unit} (log scale)")),
        curves,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(neurons: usize, one: f64, batch: f64) -> WidthRow {
        WidthRow {
            cycle: None,
            widths: neurons.to_string(),
            neurons,
            parameters: None,
            bytes: None,
            macs: None,
            latency_ms: Some(one),
            batch: Some(512),
            batch_latency_ms: Some(batch),
        }
    }

    #[test]
    fn times_are_told_in_a_unit_that_shows_them() {
        let panel = |one: f64| {
            let widths = vec![row(512, 2.0 * one, 800.0 * one), row(9, one, 300.0 * one)];
            latency(&Facts { widths, ..Facts::default() }).unwrap()
        };
        let short = panel(0.003);
        assert_eq!(short.y.label, "microseconds (log scale)");
        assert_eq!(short.curves[0].points.iter().map(|p| p.y).collect::<Vec<_>>(), [6.0, 3.0]);
        assert_eq!(panel(3.0).y.label, "milliseconds (log scale)");
    }
}
