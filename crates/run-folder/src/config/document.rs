//! A configuration file as a table of dotted keys, and how a key is set.

use std::path::Path;

use rayclip_data::plain;
use toml::{Table, Value};

use crate::error::RunFolderError;

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The dotted key, for example `training.batch_size`.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Where it comes from, for messages; for example `--hidden`.
    pub origin: String,
}

impl Setting {
    /// Parses `key=value`. A value that is not TOML is a string.
    ///
    /// # Errors
    /// There is no `=`, or no key before it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or_else(|| format!("`{text}` is not of the form key=value"))?;
        let value = value.trim();
        let value =
            value.parse::<Value>().unwrap_or_else(|_| Value::String(value.trim().to_owned()));
        Ok(Self { key: key.trim().to_owned(), value, origin: "--set".into() })
    }
}

/// The content of a configuration file.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) table: Table,
    /// Its name in messages.
    pub(super) origin: String,
}

/// The maximum size of a configuration file in bytes; a whole one has about two thousand. Its dotted keys together
/// can be longer than the file: in the worst case, as long as the square of its length.
const MOST_BYTES: u64 = 1 << 16;

impl Document {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or is not TOML.
    pub(super) fn read(path: &Path) -> Result<Self, RunFolderError> {
        Ok(Self { table: read_table(path)?, origin: path.display().to_string() })
    }
}

fn read_table(path: &Path) -> Result<Table, RunFolderError> {
    let bytes = rayclip_data::read_whole(path, MOST_BYTES);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    let text = text.map_err(|source| RunFolderError::Io {
        action: "read the configuration",
        path: path.to_path_buf(),
        source,
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        let at = error.span().and_then(|span| line_and_column(&text, span.start));
        let reason = plain(error.message());
        let reason = at.map_or(reason.clone(), |(line, column)| {
            format!("line {line}, column {column}: {reason}")
        });
        RunFolderError::Syntax { path: path.to_path_buf(), reason }
    })
}

/// Returns line and column of a byte in a text, both counted from 1.
fn line_and_column(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.rsplit('\n').next().unwrap_or(before);
    Some((before.matches('\n').count() + 1, line.chars().count() + 1))
}

/// Returns the dotted keys of a table with their values.
pub(super) fn leaves(table: &Table) -> Vec<(String, Value)> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            Value::Table(inner) if !inner.is_empty() => leaves(inner)
                .into_iter()
                .map(|(rest, value)| (format!("{key}.{rest}"), value))
                .collect(),
            value => vec![(key.clone(), value.clone())],
        })
        .collect()
}

/// Sets a key that the table must already have.
pub(super) fn insert(table: &mut Table, setting: &Setting) -> Result<(), RunFolderError> {
    if setting.value.as_table().is_some_and(Table::is_empty)
        && table.get(&setting.key).is_some_and(Value::is_table)
    {
        return Ok(());
    }
    if let Some(value) = leaf_mut(table, &setting.key) {
        *value = setting.value.clone();
        return Ok(());
    }
    let nearest = leaves(table)
        .into_iter()
        .map(|(key, _)| (strsim::jaro_winkler(&short(&key), &short(&setting.key)), key))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
        .unwrap_or_default();
    let (key, origin) = (setting.key.clone(), setting.origin.clone());
    Err(RunFolderError::UnknownKey { key, nearest, origin })
}

/// Finds the value of a dotted key; `None` if it is missing or a section.
fn leaf_mut<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    if let Some((section, rest)) = key.split_once('.') {
        return leaf_mut(table.get_mut(section)?.as_table_mut()?, rest);
    }
    table.get_mut(key).filter(|value| value.as_table().is_none_or(Table::is_empty))
}

/// Returns the part after the last dot, because users often leave out or mistype the section.
fn short(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).to_owned()
}
