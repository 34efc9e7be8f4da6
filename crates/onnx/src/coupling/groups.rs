//! The groups of a finished walk.

use std::collections::{BTreeMap, BTreeSet};

use super::trace::{Stored, name_of};
use super::{Along, Group, Reason, Role, Tie, Trace};

/// The ending of the name of a weight in files from PyTorch.
const WEIGHT: &str = ".weight";

impl Trace<'_> {
    /// Returns the groups in the order of their first weights, and the number of the group of every axis; `None` for
    /// one that no weight makes or reads.
    pub(crate) fn groups(&mut self) -> (Vec<Group>, Vec<Option<usize>>) {
        let mut groups: Vec<Group> = Vec::new();
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let ties = self.ties();
        // What only vectors follow is no layer: shapes, for example.
        let by_weights = ties.iter().filter(|(_, _, _, role)| *role != Role::Follows);
        let pieces = by_weights.flat_map(|(_, _, along, _)| along.pieces().iter());
        let of_weights: BTreeSet<usize> = pieces.map(|piece| self.axes.first(piece.axis)).collect();
        for (tensor, dimension, along, role) in ties {
            let Along::Channels(pieces) = along else { continue };
            for piece in pieces {
                let first = self.axes.first(piece.axis);
                if !of_weights.contains(&first) {
                    continue;
                }
                let number = *numbers.entry(first).or_insert_with(|| {
                    let fixed = self.axes.reason(first).cloned();
                    let width = self.axes.width(first);
                    groups.push(Group { name: String::new(), width, fixed, ties: vec![] });
                    groups.len() - 1
                });
                let tie = Tie { tensor: tensor.clone(), dimension, span: piece.span, role };
                groups[number].ties.push(tie);
            }
        }
        for group in &mut groups {
            group.name = self.unique_name(group, &mut names);
            group.fixed = group.fixed.take().or_else(|| self.obstacle(group));
        }
        let axes = 0..self.axes.len();
        let number = axes.map(|axis| numbers.get(&self.axes.first(axis)).copied()).collect();
        (groups, number)
    }

    /// Returns what lies along the dimensions of all tensors that nodes read, in the order of the nodes.
    fn ties(&self) -> Vec<(String, usize, Along, Role)> {
        let mut tensors: Vec<(&String, &Stored)> = self.tensors.iter().collect();
        tensors.sort_by_key(|(_, stored)| stored.order);
        let of_tensor = |(name, stored): &(&String, &Stored)| {
            let along = stored.along.iter().enumerate();
            let tied = along.filter_map(|(dimension, tied)| Some((dimension, tied.clone()?)));
            let named = |(dimension, (along, role))| ((*name).clone(), dimension, along, role);
            tied.map(named).collect::<Vec<_>>()
        };
        tensors.iter().flat_map(of_tensor).collect()
    }

    /// Returns why a group whose channels all operations keep apart cannot be clipped all the same.
    fn obstacle(&self, group: &Group) -> Option<Reason> {
        let of_role = |role| group.ties.iter().filter(move |tie| tie.role == role);
        let not_float = |tie: &&Tie| !self.tensors[&tie.tensor].element.is_float();
        if let Some(tie) = of_role(Role::Makes).chain(of_role(Role::Uses)).find(not_float) {
            let element = self.tensors[&tie.tensor].element.to_string();
            return Some(Reason::NotFloat { tensor: tie.tensor.clone(), element });
        }
        match (of_role(Role::Makes).next(), of_role(Role::Uses).next()) {
            (None, _) => Some(Reason::NotMade),
            (_, None) => Some(Reason::NotRead),
            _ => None,
        }
    }

    fn unique_name(&self, group: &Group, names: &mut BTreeSet<String>) -> String {
        let makes = group.ties.iter().find(|tie| tie.role == Role::Makes);
        let Some(tie) = makes.or(group.ties.first()) else { return String::new() };
        let of_node = || {
            let reader = self.tensors[&tie.tensor].reader;
            reader.map_or_else(|| tie.tensor.clone(), |node| name_of(&self.graph.node[node]))
        };
        let name = tie.tensor.strip_suffix(WEIGHT).map_or_else(of_node, ToOwned::to_owned);
        // Parts of one weight are groups of their own.
        let mut numbered = (2..).map(|number| format!("{name}.{number}"));
        let mut unique = name.clone();
        while !names.insert(unique.clone()) {
            unique = numbered.next().unwrap_or_default();
        }
        unique
    }
}
