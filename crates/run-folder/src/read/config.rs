//! Reads `config.toml`.

use serde::Deserialize;
use toml::Table;

use crate::config::RunConfig;

/// The content of a configuration file.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Every key in the file.
    pub table: Table,
    /// The same as the configuration of a run; `None` if a key is missing, unknown or out of range.
    pub config: Option<RunConfig>,
}

/// Reads the file.
///
/// # Errors
/// The file is not TOML.
pub fn config(bytes: &[u8]) -> Result<ConfigFile, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let config = RunConfig::deserialize(table.clone()).ok();
    let config = config.filter(|config| config.validate().is_ok());
    Ok(ConfigFile { table, config })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets::PRESETS;

    #[test]
    fn a_whole_configuration_is_one_that_a_run_can_have() {
        let whole = format!("preset = \"corrected\"\n{}", PRESETS[0].1);
        assert_eq!(config(whole.as_bytes()).unwrap().config.unwrap().preset, "corrected");
        // A later version may have more keys. They are shown, but not used in computations.
        let more = config(format!("new = 1\n{whole}").as_bytes()).unwrap();
        assert_eq!((more.table["new"].as_integer(), more.config), (Some(1), None));
        let absurd = whole.replacen("batch_size = 512", "batch_size = 4611686018427387904", 1);
        assert_ne!(absurd, whole);
        assert!(config(absurd.as_bytes()).unwrap().config.is_none());
        assert!(config(b"a = ").is_err() && config(b"\xff").is_err());
    }
}
