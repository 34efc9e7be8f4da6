//! One row per clip. It fits the terminal: columns that do not fit are left out, and no row is wrapped.

use std::collections::BTreeSet;

use rayclip_run_folder::config::SolverStatus;
use rayclip_run_folder::{CycleRow, TimingRow};

use crate::output;

/// Spaces between two columns.
const GAP: usize = 2;

/// Width of an accuracy.
const ACCURACY: usize = 6;

/// The most characters for the widths of all groups. If they are longer, the number of neurons is shown instead.
const WIDTHS: usize = 14;

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Cycle,
    Neurons,
    Sparsity,
    AfterClip,
    Trained,
    Method(usize),
    Parameters,
    TrainSeconds,
    ClipSeconds,
    Solver,
}

impl What {
    /// Returns the rank of a column: columns with a larger rank are left out first.
    fn dispensable(self) -> usize {
        match self {
            Self::Cycle | Self::Neurons | Self::Trained | Self::Method(_) => 0,
            Self::AfterClip => 1,
            Self::Sparsity => 2,
            Self::Parameters => 3,
            Self::TrainSeconds => 4,
            Self::ClipSeconds => 5,
            Self::Solver => 6,
        }
    }
}

#[derive(Debug)]
struct Column {
    what: What,
    head: String,
    width: usize,
}

fn column(what: What, head: &str, least: usize) -> Column {
    Column { what, head: head.to_owned(), width: least.max(head.chars().count()) }
}

/// The layout of the rows of a run. With one method, they have the accuracies right after the clip and after
/// training. With several methods, they have one column per method.
#[derive(Debug)]
pub(super) struct Rows {
    columns: Vec<Column>,
    methods: Vec<String>,
    /// Whether methods are shown as numbers because their names do not fit.
    numbered: bool,
    /// Hidden neurons before the first clip.
    neurons: usize,
    room: usize,
}

impl Rows {
    /// Makes the layout for networks that start with `widths`, on a terminal with `room` columns.
    pub(super) fn new(methods: &[String], widths: &[usize], room: usize) -> Self {
        let neurons = column(What::Neurons, "neurons", shown_widths(widths).chars().count());
        let mut columns = vec![
            column(What::Cycle, "cycle", 0),
            neurons,
            column(What::Sparsity, "sparsity", 0),
            column(What::TrainSeconds, "train s", 0),
            column(What::ClipSeconds, "clip s", 7),
        ];
        if methods.len() == 1 {
            columns.extend([
                column(What::AfterClip, "after clip", 0),
                column(What::Trained, "trained", 0),
                column(What::Parameters, "parameters", 0),
                column(What::Solver, "solver", 36),
            ]);
        } else {
            let of_method =
                |(index, name): (usize, &String)| column(What::Method(index), name, ACCURACY + 1);
            columns.extend(methods.iter().enumerate().map(of_method));
        }
        // The order of `What` is the order on the screen.
        columns.sort_by_key(|column| column.what);
        let mut rows = Self {
            columns,
            methods: methods.to_vec(),
            numbered: false,
            neurons: widths.iter().sum(),
            room,
        };
        rows.fit();
        rows
    }

    fn width(&self) -> usize {
        self.columns.iter().map(|column| column.width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// Leaves columns out until the rest fits; then replaces the names of methods by numbers.
    fn fit(&mut self) {
        while self.width() > self.room {
            let ranks = self.columns.iter().map(|column| column.what.dispensable()).enumerate();
            match ranks.max_by_key(|(_, rank)| *rank) {
                Some((index, 1..)) => {
                    self.columns.remove(index);
                }
                _ if !self.numbered && self.methods.len() > 1 => self.number(),
                _ if self.columns.len() > 3 => {
                    self.columns.pop();
                }
                _ => return,
            }
        }
    }

    fn number(&mut self) {
        self.numbered = true;
        for column in &mut self.columns {
            if let What::Method(index) = column.what {
                column.head = (index + 1).to_string();
                column.width = ACCURACY;
            }
        }
    }

    /// Whether the solver has a column.
    pub(super) fn show_solver(&self) -> bool {
        self.columns.iter().any(|column| column.what == What::Solver)
    }

    /// Returns the lines above the rows.
    pub(super) fn heading(&self) -> Vec<String> {
        let what = match self.methods.len() {
            1 => "accuracy on the test images: after the clip, and after training (trained)",
            _ => {
                "accuracy on the test images after the training that follows the clip; mean over the seeds of a chunk"
            }
        };
        let mut lines = output::wrapped(what, self.room);
        if self.numbered {
            let name = |(index, name): (usize, &String)| format!("{} {name}", index + 1);
            let names: Vec<String> = self.methods.iter().enumerate().map(name).collect();
            lines.extend(output::wrapped(&format!("columns: {}", names.join(", ")), self.room));
            let shown = self.columns.iter().filter(|c| matches!(c.what, What::Method(_))).count();
            if shown < self.methods.len() {
                let text = format!("columns from {} on do not fit; cycles.csv has them", shown + 1);
                lines.extend(output::wrapped(&text, self.room));
            }
        }
        lines.push(self.line(|column| column.head.clone()));
        lines
    }

    /// Returns one line for all rows of a cycle: the widths of all groups, and means over the replicas.
    pub(super) fn row(&self, rows: &[CycleRow], timings: &[TimingRow], widths: &[usize]) -> String {
        let Some(first) = rows.first() else { return String::new() };
        let timing = timings.first().cloned().unwrap_or_default();
        let sparsity = 1.0 - widths.iter().sum::<usize>() as f64 / self.neurons as f64;
        self.line(|column| match column.what {
            What::Cycle => first.cycle.to_string(),
            What::Neurons => shown_widths(widths),
            What::Sparsity => format!("{sparsity:.4}"),
            What::AfterClip => mean(rows.iter().map(|row| Some(row.accuracy_after_clip))),
            What::Trained => mean(rows.iter().map(|row| row.accuracy_after_training)),
            What::Method(index) => {
                let of_method = rows.iter().filter(|row| row.method == self.methods[index]);
                let known = of_method.filter(|row| row.accuracy_after_training.is_some());
                mean(known.map(|row| row.accuracy_after_training))
            }
            What::Parameters => first.parameters.to_string(),
            What::TrainSeconds => format!("{:.2}", timing.train_seconds),
            What::ClipSeconds => format!("{:.3}", timing.compress_seconds),
            What::Solver => solver(rows),
        })
    }

    fn line(&self, text: impl Fn(&Column) -> String) -> String {
        let cells = self.columns.iter().map(|column| match column.what {
            What::Solver => text(column),
            _ => format!("{:>width$}", text(column), width = column.width),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

/// Returns the message about tolerances that the solver missed in a clip.
pub(super) fn missed(rows: &[CycleRow]) -> Option<String> {
    let missed = rows.iter().filter_map(|row| row.solver_status);
    let missed: BTreeSet<String> = missed
        .filter(|status| *status != SolverStatus::Converged)
        .map(|status| status.to_string())
        .collect();
    let reasons: Vec<String> = missed.into_iter().collect();
    (!reasons.is_empty()).then(|| {
        format!("cycle {}: the solver missed its tolerance: {}", rows[0].cycle, reasons.join(", "))
    })
}

fn solver(rows: &[CycleRow]) -> String {
    let Some(iterations) = rows.iter().filter_map(|row| row.solver_iterations).max() else {
        return "none".into();
    };
    let statuses: BTreeSet<String> =
        rows.iter().filter_map(|row| Some(row.solver_status?.to_string())).collect();
    let statuses: Vec<String> = statuses.into_iter().collect();
    format!("{}, {iterations} iterations, {}", rows[0].solver, statuses.join(" or "))
}

/// Returns the mean; a dash if a value is unknown, and nothing if there is no value.
fn mean(values: impl Iterator<Item = Option<f64>>) -> String {
    let values: Option<Vec<f64>> = values.collect();
    match values.as_deref() {
        None => "–".into(),
        Some([]) => String::new(),
        Some(values) => format!("{:.4}", values.iter().sum::<f64>() / values.len() as f64),
    }
}

/// Returns the widths of all groups, or the sum of their neurons if there are many groups.
pub(super) fn shown_widths(widths: &[usize]) -> String {
    let texts: Vec<String> = widths.iter().map(ToString::to_string).collect();
    let joined = texts.join("×");
    if joined.chars().count() <= WIDTHS {
        return joined;
    }
    format!("{} in {}", widths.iter().sum::<usize>(), widths.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str, accuracy: f64) -> CycleRow {
        CycleRow {
            method: method.into(),
            cycle: 33,
            parameters: 1_234_567,
            accuracy_after_clip: accuracy,
            accuracy_after_training: Some(accuracy),
            solver: "homotopy".into(),
            solver_iterations: Some(12),
            solver_status: Some(SolverStatus::Converged),
            ..CycleRow::default()
        }
    }

    fn lines(methods: &[&str], widths: &[usize], room: usize) -> Vec<String> {
        let names: Vec<String> = methods.iter().map(ToString::to_string).collect();
        let rows: Vec<CycleRow> = methods.iter().map(|method| row(method, 0.98765)).collect();
        let timing = TimingRow { train_seconds: 123.45, ..TimingRow::default() };
        let table = Rows::new(&names, widths, room);
        let mut lines = table.heading();
        lines.push(table.row(&rows, &[timing], widths));
        lines
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let all: Vec<String> =
            rayclip_run_folder::Method::all().map(|method| method.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for room in [40, 60, 80, 100, 200] {
            for count in 1..=all.len() {
                for widths in [&[512][..], &[512, 256, 128], &[4096; 12]] {
                    for line in lines(&all[..count], widths, room) {
                        assert!(line.chars().count() <= room, "{room}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        let heads = |room| lines(&["dtc"], &[512], room).swap_remove(1);
        let wide = heads(200);
        assert!(wide.ends_with("train s   clip s  solver"), "{wide}");
        assert_eq!(
            heads(80),
            "cycle  neurons  sparsity  after clip  trained  parameters  train s   clip s"
        );
        let narrow = lines(&["dtc"], &[512], 40);
        assert_eq!(narrow[narrow.len() - 2], "cycle  neurons  after clip  trained");
        assert!(narrow[narrow.len() - 1].ends_with("0.9877   0.9877"), "{narrow:?}");
    }

    #[test]
    fn methods_whose_names_do_not_fit_are_numbered_and_never_confused() {
        let methods = ["dtc-coefficient", "dtc-coefficient-l2", "dtc-neuron-l1", "random"];
        let lines = lines(&methods, &[512], 50);
        assert!(lines.iter().any(|line| line.contains("2 dtc-coefficient-l2,")), "{lines:?}");
        let head = &lines[lines.len() - 2];
        assert_eq!(
            head.split_whitespace().collect::<Vec<_>>(),
            ["cycle", "neurons", "1", "2", "3", "4"]
        );
    }

    #[test]
    fn a_solver_that_missed_its_tolerance_is_told_even_without_a_column() {
        let mut rows = [row("dtc", 0.9), row("dtc", 0.9)];
        assert_eq!(missed(&rows), None);
        rows[1].solver_status = Some(SolverStatus::MaxIterations);
        let text = missed(&rows).unwrap();
        assert!(text.contains("cycle 33") && text.contains("missed"), "{text}");
    }
}
