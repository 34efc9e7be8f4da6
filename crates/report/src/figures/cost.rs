//! What training and using the networks takes.

use crate::cost::{CostRow, WidthRow};
use crate::facts::Facts;
use crate::figure::{Axis, Curve, Figure, Panel, Point, Style};
use crate::plot::GREY;

/// Training operations down the ladder, and the time of a classification.
pub(super) fn figure(facts: &Facts) -> Figure {
    let (name, title) = ("cost", "What training and using the networks takes");
    let panels: Vec<Panel> = training(facts).into_iter().chain(latency(facts)).collect();
    if panels.is_empty() {
        return Figure::gap(name, title, "The folder does not tell the extents of the images.");
    }
    Figure {
        name,
        title: title.into(),
        caption: "Operations of the matrix products of training until right after the clip, against the full \
                  width trained on the same batches; methods that clip take the same. Time of a \
                  classification: the median of the timings at the end of the run, on its device."
            .into(),
        panels,
    }
}

fn training(facts: &Facts) -> Option<Panel> {
    let points = |method: &str, value: fn(&CostRow) -> Option<f64>| -> Vec<Point> {
        let of_method = facts.costs.iter().filter(|row| row.method == method);
        of_method.filter_map(|row| Some(Point::bare(row.sparsity, value(row)?))).collect()
    };
    let is_scratch = |row: &&CostRow| row.method.starts_with("scratch");
    let clipped = facts.costs.iter().find(|row| !is_scratch(row)).map(|row| row.method.as_str());
    let scratch = facts.costs.iter().find(is_scratch).map(|row| row.method.as_str());
    let first = clipped.or(scratch)?;
    let full = points(first, |row| row.full_width_flops);
    let curve =
        |name: &str, colour, style, points| Curve { name: name.into(), colour, style, points };
    let mut curves = vec![curve("full width", GREY, Style::Dashed, full)];
    if let Some(method) = clipped {
        let points = points(method, |row| row.training_flops);
        curves.push(curve("clipped while it trains", 0, Style::Line, points));
    }
    if let Some(method) = scratch {
        let points = points(method, |row| row.training_flops);
        curves.push(curve("from scratch at that width", 1, Style::Dots, points));
    }
    curves.iter().any(|curve| !curve.points.is_empty()).then(|| Panel {
        title: "training".into(),
        x: Axis::new("sparsity"),
        y: Axis::positive("floating-point operations"),
        curves,
    })
}

fn latency(facts: &Facts) -> Option<Panel> {
    let points = |value: fn(&WidthRow) -> Option<f64>| -> Vec<Point> {
        let rows = facts.widths.iter().rev();
        rows.filter_map(|row| Some(Point::bare(row.neurons as f64, value(row)?))).collect()
    };
    let batch = facts.widths.iter().find_map(|row| row.batch);
    let one = points(|row| row.latency_ms);
    let curve = |name: String, colour, points| Curve { name, colour, style: Style::Line, points };
    (!one.is_empty()).then(|| Panel {
        title: "a classification".into(),
        x: Axis::new("hidden neurons"),
        y: Axis::positive("milliseconds"),
        curves: vec![
            curve("one image".into(), 2, one),
            curve(
                format!("{} images", batch.unwrap_or_default()),
                3,
                points(|row| row.batch_latency_ms),
            ),
        ],
    })
}
