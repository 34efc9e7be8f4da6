//! The groups of neurons of a run, and their widths before the first clip.

use toml::Table;

use super::neurons;
use crate::config::ladder::hidden_group;
use crate::limits;
use crate::rows::CycleRow;
use crate::summary::Summary;

/// The groups of neurons that a run clips, in the order of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// Their names.
    pub names: Vec<String>,
    /// Their neurons before the first clip.
    pub widths: Vec<usize>,
}

impl Groups {
    /// Returns the groups that a summary names.
    pub fn of_summary(summary: &Summary) -> Self {
        Self { names: summary.groups.clone(), widths: summary.widths_before.clone() }
    }

    /// Returns the hidden layers of a configuration as groups; `None` if it has none that are possible.
    pub fn of_config(config: &Table) -> Option<Self> {
        let widths = config.get("network")?.get("hidden")?.as_array()?.iter();
        let widths: Option<Vec<usize>> =
            widths.map(|width| usize::try_from(width.as_integer()?).ok()).collect();
        let widths = widths.filter(|widths| limits::are_widths(widths))?;
        Some(Self { names: (0..widths.len()).map(hidden_group).collect(), widths })
    }

    /// Returns the groups that rows name, in the order of their first rows. A group that was never clipped is not
    /// among them.
    pub fn of_rows(rows: &[CycleRow]) -> Self {
        let mut groups = Self::default();
        for row in rows.iter().filter(|row| limits::are_widths(&[row.width_before])) {
            match groups.position(&row.group) {
                Some(at) => groups.widths[at] = row.width_before.max(groups.widths[at]),
                None if groups.names.len() < limits::GROUPS => {
                    groups.names.push(row.group.clone());
                    groups.widths.push(row.width_before);
                }
                None => {}
            }
        }
        groups
    }

    /// Returns the index of a group.
    pub fn position(&self, group: &str) -> Option<usize> {
        self.names.iter().position(|known| known == group)
    }

    /// Returns the neurons of a group before the first clip.
    pub fn width(&self, group: &str) -> Option<usize> {
        self.widths.get(self.position(group)?).copied()
    }

    /// Returns the neurons of all groups before the first clip.
    pub fn neurons(&self) -> usize {
        neurons(&self.widths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(group: &str, width_before: usize) -> CycleRow {
        CycleRow { group: group.into(), width_before, ..CycleRow::default() }
    }

    #[test]
    fn first_widths_are_of_groups_that_can_be() {
        let rows = [row("b", 7), row("a", usize::MAX), row("a", 5), row("a", 6), row("c", 0)];
        let groups = Groups::of_rows(&rows);
        assert_eq!(groups.names, ["b", "a"]);
        assert_eq!((groups.widths.as_slice(), groups.neurons()), (&[7, 6][..], 13));
        assert_eq!((groups.width("a"), groups.width("c")), (Some(6), None));
        let many: Vec<CycleRow> = (0..100).map(|n| row(&format!("g{n}"), 3)).collect();
        assert_eq!(Groups::of_rows(&many).widths.len(), limits::GROUPS);
    }

    #[test]
    fn a_configuration_names_hidden_layers() {
        let groups = |text: &str| Groups::of_config(&text.parse().unwrap());
        let Groups { names, widths } = groups("[network]\nhidden = [8, 4]").unwrap();
        assert_eq!((names, widths), (vec!["layer_0".to_owned(), "layer_1".to_owned()], vec![8, 4]));
        for text in ["", "network = 3", "[network]\nhidden = [0]", "[network]\nhidden = [-1]"] {
            assert_eq!(groups(text), None, "{text}");
        }
    }
}
