//! The results of classifying images, as tables.

use crate::classification::{
    ClassRow, Classification, Confusion, Latency, Proportion, Ranked, ReliabilityBin,
};
use crate::tables::table::{Cell, Table};

/// Returns accuracies, loss and calibration error.
pub fn measures_table(found: &Classification) -> Table {
    let proportion = |name: &str, part: Proportion| {
        let interval = format!("{:.4} … {:.4}", part.low, part.high);
        let of = format!("{} of {}", part.count, found.images);
        let value = Cell::rounded(Some(part.value), 4);
        vec![Cell::text(name), value, Cell::text(interval), Cell::text(of)]
    };
    let number = |name: &str, value| {
        vec![Cell::text(name), Cell::rounded(Some(value), 4), Cell::text(""), Cell::text("")]
    };
    let mut table = Table::new(["measure", "value", "95 % interval", "images"]);
    table.rows = vec![
        proportion("accuracy (top 1)", found.top_1),
        proportion(&format!("top {}", found.k), found.top_k),
        number("loss (cross-entropy)", found.loss),
        number("calibration error", found.calibration_error),
    ];
    table
}

/// Returns the classes.
pub fn classes_table(found: &Classification) -> Table {
    let heads = ["class", "images", "recall (accuracy)", "precision", "F1"];
    let mut table = Table::new(heads);
    let row = |row: &ClassRow| {
        let fraction = |value| Cell::rounded(value, 4);
        vec![
            Cell::text(&row.name),
            Cell::count(Some(row.images)),
            fraction(row.recall),
            fraction(row.precision),
            fraction(row.f1),
        ]
    };
    table.rows = found.classes.iter().map(row).collect();
    table
}

/// Returns the confusion matrix: a row for every class, with its images by the class that was predicted.
pub fn confusion_table(found: &Classification) -> Table {
    let names = found.classes.iter().map(|class| class.name.as_str());
    let mut table = Table::new(std::iter::once("class").chain(names.clone()));
    let row = |(name, row): (&str, &Vec<usize>)| {
        let images = row.iter().map(|images| Cell::count(Some(*images)));
        std::iter::once(Cell::text(name)).chain(images).collect()
    };
    table.rows = names.zip(&found.confusion).map(row).collect();
    table
}

/// Returns the most frequent confusions, at most `count`.
pub fn confusions_table(found: &Classification, count: usize) -> Table {
    let mut table = Table::new(["class", "predicted", "images", "of the class"]);
    let row = |confusion: Confusion| {
        let [class, predicted] = [confusion.class, confusion.predicted].map(|c| &found.classes[c]);
        let share = confusion.images as f64 / class.images as f64;
        vec![
            Cell::text(&class.name),
            Cell::text(&predicted.name),
            Cell::count(Some(confusion.images)),
            Cell::rounded(Some(share), 4),
        ]
    };
    table.rows = found.confusions().into_iter().take(count).map(row).collect();
    table
}

/// Returns the bins of confidence that have images.
pub fn reliability_table(found: &Classification) -> Table {
    let mut table = Table::new(["confidence", "images", "mean confidence", "accuracy"]);
    let row = |bin: &ReliabilityBin| {
        vec![
            Cell::text(format!("{:.3} … {:.3}", bin.above, bin.up_to)),
            Cell::count(Some(bin.images)),
            Cell::rounded(bin.confidence, 4),
            Cell::rounded(bin.accuracy, 4),
        ]
    };
    table.rows = found.reliability.iter().filter(|bin| bin.images > 0).map(row).collect();
    table
}

/// Returns the times of a classification.
pub fn latency_table(rows: &[Latency]) -> Table {
    let heads = ["images", "p50 ms", "p90 ms", "p99 ms", "images/s", "repetitions", "warm-up"];
    let mut table = Table::new(heads);
    let row = |row: &Latency| {
        vec![
            Cell::count(Some(row.images)),
            Cell::rounded(Some(row.p50_ms), 3),
            Cell::rounded(Some(row.p90_ms), 3),
            Cell::rounded(Some(row.p99_ms), 3),
            Cell::rounded(Some(row.images_per_second()), 0),
            Cell::count(Some(row.repetitions)),
            Cell::count(Some(row.warm_up)),
        ]
    };
    table.rows = rows.iter().map(row).collect();
    table
}

/// Returns the most probable classes of images, by their names. Only the first row of an image has its name.
pub fn predictions_table(images: &[(String, Vec<Ranked>)], class_names: &[String]) -> Table {
    let mut table = Table::new(["image", "class", "probability"]);
    for (image, classes) in images {
        for (rank, Ranked { class, probability }) in classes.iter().enumerate() {
            let name = class_names.get(*class).cloned().unwrap_or(class.to_string());
            table.rows.push(vec![
                Cell::text(if rank == 0 { image } else { "" }),
                Cell::text(name),
                Cell::rounded(Some(*probability), 4),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classification::Tally;

    fn found() -> Classification {
        let mut tally = Tally::new(["cat", "dog", "owl"].map(str::to_owned).to_vec());
        let scores = [[2.0, 1.0, 0.0], [2.0, 1.0, 0.0], [3.0, 2.0, 1.0], [0.0, 5.0, 0.0]];
        tally.add(&scores.concat(), &[0, 1, 1, 2]).unwrap();
        tally.conclude().unwrap()
    }

    fn texts(table: &Table) -> Vec<Vec<&str>> {
        table.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect()
    }

    #[test]
    fn measures_have_their_images_and_intervals() {
        let (found, table) = (found(), measures_table(&found()));
        let rows = texts(&table);
        let first = ["accuracy (top 1)", "0.2500", "0.0456 … 0.6994", "1 of 4"];
        assert_eq!((&rows[0][..], rows[1][0]), (&first[..], "top 3"));
        assert_eq!(rows[2][1], format!("{:.4}", found.loss));
    }

    #[test]
    fn rows_of_the_matrix_are_classes_and_columns_are_predictions() {
        let (found, table) = (found(), confusion_table(&found()));
        let heads: Vec<&str> = table.columns.iter().map(|column| column.head.as_str()).collect();
        assert_eq!(heads, ["class", "cat", "dog", "owl"]);
        assert_eq!(texts(&table)[1], ["dog", "2", "0", "0"]);
        let most = confusions_table(&found, 1);
        assert_eq!(texts(&most), [["dog", "cat", "2", "1.0000"]]);
        assert_eq!(texts(&confusions_table(&found, 9))[1], ["owl", "dog", "1", "1.0000"]);
        assert_eq!(texts(&classes_table(&found))[0], ["cat", "1", "1.0000", "0.3333", "0.5000"]);
        assert_eq!(texts(&classes_table(&found))[2], ["owl", "1", "0.0000", "–", "0.0000"]);
    }

    #[test]
    fn bins_without_an_image_have_no_row() {
        let rows = reliability_table(&found());
        let images: f64 = rows.rows.iter().filter_map(|row| row[1].value).sum();
        assert_eq!((rows.rows.len(), images), (2, 4.0));
    }

    #[test]
    fn an_image_is_named_once() {
        let classes = [(1, 0.75), (7, 0.25)];
        let classes = classes.map(|(class, probability)| Ranked { class, probability });
        let table = predictions_table(
            &[("a.png".into(), classes.to_vec())],
            &["cat", "dog"].map(str::to_owned),
        );
        assert_eq!(texts(&table), [["a.png", "dog", "0.7500"], ["", "7", "0.2500"]]);
    }
}
