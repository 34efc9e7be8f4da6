//! Figures of the results of a registered test.

use rayclip_report::{Axis, Curve, Figure, Panel, Point, Style};

use super::Protocol;
use super::results::Result;

/// Returns the methods on the first budget, and the first method on all budgets.
pub(super) fn figures(protocol: &Protocol, results: &[Result]) -> [Figure; 2] {
    let Protocol { settings, budgets, baseline, .. } = protocol;
    let mut methods: Vec<&String> = vec![];
    for method in settings.iter().flat_map(|setting| &setting.methods) {
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    let (method, budget) = (methods.first().copied(), budgets.first());
    let of_methods: Vec<_> =
        methods.iter().map(|method| (*method, Some(*method), budget)).collect();
    let of_budgets: Vec<_> = budgets.iter().map(|budget| (budget, method, Some(budget))).collect();
    let name = |name: Option<&String>| name.map_or("", String::as_str).to_owned();
    [
        figure(
            "methods",
            &format!("Differences from {baseline}, budget {}", name(budget)),
            protocol,
            results,
            &of_methods,
        ),
        figure(
            "budgets",
            &format!("Differences of {} from {baseline}", name(method)),
            protocol,
            results,
            &of_budgets,
        ),
    ]
}

/// Returns a figure with a panel for each setting, and a curve for each name with its method and its budget.
fn figure(
    name: &'static str,
    title: &str,
    protocol: &Protocol,
    results: &[Result],
    curves: &[(&String, Option<&String>, Option<&String>)],
) -> Figure {
    let curve = |setting: &str, (colour, (name, method, budget)): (usize, &(&String, _, _))| {
        let own = results.iter().filter(|result| {
            result.setting == setting
                && Some(&result.method) == *method
                && Some(&result.budget) == *budget
        });
        let points = own.map(|result| Point {
            x: result.sparsity,
            y: result.difference.mean,
            interval: result.difference.low.zip(result.difference.high),
            n: result.difference.n,
        });
        Curve::new((*name).clone(), colour, Style::Bars, points.collect())
    };
    let zero = protocol.sparsities.iter().map(|sparsity| Point::bare(*sparsity, 0.0)).collect();
    let baseline = Curve::new(protocol.baseline.clone(), curves.len(), Style::Dashed, zero);
    let panel = |setting: &str| Panel {
        title: setting.to_owned(),
        x: Axis::new("fraction of the parameters that are gone"),
        y: Axis::new("difference in accuracy"),
        curves: curves.iter().enumerate().map(|named| curve(setting, named)).collect(),
    };
    // Settings without results have no panel.
    let panels = protocol.settings.iter().map(|setting| panel(&setting.name));
    let panels = panels.filter(|panel| panel.curves.iter().any(|curve| !curve.points.is_empty()));
    let panels = panels.map(|mut panel| {
        panel.curves.insert(0, baseline.clone());
        panel
    });
    Figure {
        panels: panels.collect(),
        ..Figure::left_out(name, title, "Means over the seeds with 95 % intervals.")
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::result;
    use super::super::tests::committed;
    use super::*;

    #[test]
    fn methods_are_shown_on_the_first_budget_and_budgets_for_the_first_method() {
        let protocol = committed();
        let setting = &protocol.settings[0].name;
        let results = [
            result(setting, "batches", "l2", 0.01),
            result(setting, "batches", "random", 0.01),
            result(setting, "parent", "l2", 0.01),
            result(setting, "parent", "random", 0.01),
        ];
        let points = |figure: &Figure| {
            let [panel] = &figure.panels[..] else { panic!("{}", figure.panels.len()) };
            let curves = panel.curves.iter().filter(|curve| !curve.points.is_empty());
            curves.map(|curve| (curve.name.clone(), curve.points.len())).collect::<Vec<_>>()
        };
        let [methods, budgets] = figures(&protocol, &results);
        let shown = |names: [&str; 2]| {
            let baseline = ("scratch".to_owned(), protocol.sparsities.len());
            [baseline].into_iter().chain(names.map(|name| (name.to_owned(), 1))).collect::<Vec<_>>()
        };
        assert_eq!(points(&methods), shown(["l2", "random"]));
        assert_eq!(points(&budgets), shown(["batches", "parent"]));
    }
}
