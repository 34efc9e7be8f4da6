//! Grids of configurations.
//!
//! A grid file is a configuration file with one more section: `[grid]` lists the values of each key to try. Every
//! combination of values is a cell.

use std::path::Path;

use rayclip_data::plain;
use toml::Value;

use super::RunConfig;
use super::document::{Document, Setting, leaves};
use super::presets::{Layers, resolve_document};
use crate::error::RunFolderError;

/// The fraction that a sweep holds out by default, so that nothing is chosen by the test images.
const VALIDATION: f64 = 0.1;

/// The maximum number of cells of a grid.
const MOST_CELLS: usize = 10_000;

/// A grid file.
#[derive(Debug, Clone)]
pub struct Grid {
    /// The other sections of the file.
    file: Document,
    /// Keys and the values that each takes.
    axes: Vec<(String, Vec<Value>)>,
}

/// One combination of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// A unique name: `c` and the first eleven hexadecimal digits of the SHA-256 of its configuration.
    pub id: String,
    /// The keys of the grid and its values.
    pub values: Vec<(String, String)>,
    /// Every setting.
    pub config: RunConfig,
}

impl Grid {
    /// Reads a grid file.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or a key of the grid has no list of values.
    pub fn read(path: &Path) -> Result<Self, RunFolderError> {
        let mut file = Document::read(path)?;
        let origin = file.origin.clone();
        let refuse = |key: &str, reason: String| {
            Err(RunFolderError::Value {
                key: key.to_owned(),
                reason: format!("{origin}: {reason}"),
            })
        };
        let grid = match file.table.remove("grid") {
            Some(Value::Table(grid)) if !grid.is_empty() => grid,
            _ => {
                let example = "for example \"compression.lambda\" = [0.1, 0.3]";
                return refuse("grid", format!("expected a section [grid] with lists, {example}"));
            }
        };
        let mut axes = Vec::new();
        for (key, value) in leaves(&grid) {
            match value {
                Value::Array(values) if !values.is_empty() => axes.push((key, values)),
                Value::Array(_) => {
                    return refuse(&key, "the list of values is empty: name at least one".into());
                }
                other => {
                    let reason = format!("expected a list of values, found {other}");
                    return refuse(&key, reason);
                }
            }
        }
        if let Some((key, _)) = axes.iter().find(|(key, _)| key == "device" || key == "preset") {
            return refuse(key, "it cannot be swept: run one sweep for each value".into());
        }
        Ok(Self { file, axes })
    }

    /// Returns the keys of the grid.
    pub fn keys(&self) -> Vec<&str> {
        self.axes.iter().map(|(key, _)| key.as_str()).collect()
    }

    /// Returns all cells; the last key changes fastest. `settings` apply to every cell, but the values of the grid
    /// override them.
    ///
    /// # Errors
    /// A cell is not a valid configuration or holds no images out, two cells are the same, or there are too many.
    pub fn cells(
        &self,
        preset: Option<&str>,
        settings: &[Setting],
    ) -> Result<Vec<Cell>, RunFolderError> {
        let lengths = self.axes.iter().map(|(_, values)| values.len());
        let count = lengths.fold(1_usize, usize::saturating_mul);
        if count > MOST_CELLS {
            return Err(RunFolderError::Value {
                key: "grid".into(),
                reason: format!("it has more than {MOST_CELLS} cells; give its keys fewer values"),
            });
        }
        let mut cells: Vec<Cell> = Vec::with_capacity(count);
        for number in 0..count {
            let cell = self.cell(number, preset, settings)?;
            if cell.config.data.validation == 0.0 {
                return Err(RunFolderError::Value {
                    key: "data.validation".into(),
                    reason: "a sweep chooses by images that are held out: set it above 0".into(),
                });
            }
            if let Some(same) = cells.iter().find(|other| other.id == cell.id) {
                return Err(RunFolderError::Value {
                    key: "grid".into(),
                    reason: format!(
                        "{} and {} are the same cell: remove one",
                        same.label(),
                        cell.label()
                    ),
                });
            }
            cells.push(cell);
        }
        Ok(cells)
    }

    fn cell(
        &self,
        number: usize,
        preset: Option<&str>,
        settings: &[Setting],
    ) -> Result<Cell, RunFolderError> {
        let mut rest = number;
        let mut chosen: Vec<Setting> = Vec::new();
        for (key, values) in self.axes.iter().rev() {
            let value = values[rest % values.len()].clone();
            rest /= values.len();
            chosen.push(Setting { key: key.clone(), value, origin: self.file.origin.clone() });
        }
        chosen.reverse();
        let values = chosen.iter().map(|s| (s.key.clone(), shown(&s.value))).collect();
        let default = Setting {
            key: "data.validation".into(),
            value: Value::Float(VALIDATION),
            origin: "the sweep".into(),
        };
        let settings = [settings, &chosen].concat();
        let layers = Layers { preset, defaults: vec![default], settings, ..Layers::default() };
        let config = resolve_document(&layers, self.file.clone())?;
        let text = toml::to_string(&config).map_err(|error| RunFolderError::Value {
            key: "grid".into(),
            reason: format!("a cell cannot be written as TOML: {error}"),
        })?;
        // The name starts with a letter, so that no table reads it as a number.
        let mut id = format!("c{}", rayclip_data::sha256([text.as_bytes()]));
        id.truncate(12);
        Ok(Cell { id, values, config })
    }
}

impl Cell {
    /// Returns the cell for messages: `compression.lambda = 0.3, compression.keep = 0.9`.
    pub fn label(&self) -> String {
        let values = self.values.iter().map(|(key, value)| format!("{key} = {value}"));
        values.collect::<Vec<_>>().join(", ")
    }
}

/// Formats a value, without the quotes of a string.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        // Debug writes 1e30; Display writes thirty digits.
        Value::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Grid, RunFolderError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Grid::read(file.path())
    }

    fn cells(text: &str) -> Result<Vec<Cell>, RunFolderError> {
        read(text)?.cells(None, &[])
    }

    #[test]
    fn every_combination_is_a_cell() {
        let grid = "replicas = 2\n[grid]\n\"compression.lambda\" = [0.1, 1]\n[grid.compression]\n\
                    domain = [\"neuron\", \"coefficient\"]\n";
        let cells = cells(grid).unwrap();
        assert_eq!(cells.len(), 4);
        assert_eq!(cells[1].config.compression.lambda, 1.0);
        assert_eq!(cells[0].label(), "compression.domain = neuron, compression.lambda = 0.1");
        assert!(cells.iter().all(|cell| cell.config.replicas == 2 && cell.id.len() == 12));
        assert!(cells.iter().all(|cell| cell.config.data.validation == VALIDATION));
    }

    #[test]
    fn a_cell_is_known_by_its_whole_configuration() {
        let id = |text: &str| cells(text).unwrap()[0].id.clone();
        let grid = "[grid]\n\"seed\" = [1]\n";
        assert_eq!(id(grid), id(&format!("preset = \"corrected\"\n{grid}")));
        assert_ne!(id(grid), id(&format!("[data]\nvalidation = 0.2\n{grid}")));
        let none = cells(&format!("[data]\nvalidation = 0.0\n{grid}")).unwrap_err().to_string();
        assert!(none.contains("held out"), "{none}");
    }

    #[test]
    fn what_is_no_grid_is_named() {
        let message = |text: &str| cells(text).unwrap_err().to_string();
        assert!(message("seed = 1").contains("[grid]"));
        assert!(message("[grid]\n\"compression.lambda\" = 3").contains("list of values"));
        assert!(message("[grid]\n\"compression.lambda\" = []").contains("empty"));
        assert!(message("[grid]\nlamda = [1]").contains("compression.lambda"));
        assert!(message("[grid]\n\"compression.lambda\" = [-1]").contains("positive"));
        assert!(message("[grid]\ndevice = [\"flex\"]").contains("swept"));
        assert!(message("[grid]\nseed = [1, 1]").contains("same cell"));
        let many = |key: &str| format!("{key} = [{}]\n", "1,".repeat(1000));
        let grid = format!("[grid]\n{}{}", many("seed"), many("replicas"));
        assert!(message(&grid).contains("more than 10000 cells"));
        let grid: String = (0..7).fold("[grid]\n".into(), |text, n| text + &many(&format!("k{n}")));
        assert!(message(&grid).contains("more than 10000 cells"));
    }
}
