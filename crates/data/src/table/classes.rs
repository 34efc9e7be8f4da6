//! The classes of a table: its distinct labels, sorted.

use std::collections::HashMap;

use crate::dataset::CLASSES;
use crate::text::plain;

/// Distinct labels, numbered in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Classes {
    found: HashMap<String, u8>,
    is_closed: bool,
}

impl Classes {
    /// Returns the number of a label.
    ///
    /// # Errors
    /// It is a new one, but there are as many as possible, or they are closed.
    pub(super) fn number(&mut self, label: &str) -> Result<u8, String> {
        if let Some(number) = self.found.get(label) {
            return Ok(*number);
        }
        if self.is_closed {
            return Err(plain(&format!("no row of train.csv has the label {label}")));
        }
        let Ok(number) = u8::try_from(self.found.len()) else {
            return Err(format!(
                "there are more than {CLASSES} different labels, and at most {CLASSES} classes are possible; is it \
                 the column of the labels?"
            ));
        };
        self.found.insert(label.to_owned(), number);
        Ok(number)
    }

    /// From now on, new labels are refused.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Returns the names of the classes: sorted as numbers if all are numbers, otherwise as text.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.found.keys().cloned().collect();
        names.sort_unstable();
        let number = |name: &String| name.parse::<f64>().ok().filter(|number| number.is_finite());
        if let Some(numbers) = names.iter().map(number).collect::<Option<Vec<f64>>>() {
            let mut numbered: Vec<(f64, String)> = numbers.into_iter().zip(names).collect();
            numbered.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            return numbered.into_iter().map(|(_, name)| name).collect();
        }
        names
    }

    /// Returns the class of every number.
    pub(super) fn order(&self) -> Vec<u8> {
        let mut order = vec![0; self.found.len()];
        for (class, name) in (0..=u8::MAX).zip(self.names()) {
            order[usize::from(self.found[&name])] = class;
        }
        order
    }
}
