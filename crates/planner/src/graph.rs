//! What needs what: the dependency graph of everything that a configuration declares.
//!
//! Owns the rules for edges and the closures over them. It knows no host, so it is the same graph
//! that `phoenix apply --graph` prints without one.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef, Reversed};
use phoenix_config::address::Address;
use phoenix_config::model::{Config, Dataset};

use crate::object::{Object, objects};

/// A directed acyclic graph of addresses. Edges run from what is needed to what needs it.
///
/// Nodes are kept in address order, which is a topological order: see [`Address`].
#[derive(Debug, Clone, Default)]
pub struct Graph {
    graph: DiGraph<Address, ()>,
    index: BTreeMap<Address, NodeIndex>,
}

impl Graph {
    /// Every object, dependencies before their dependents.
    pub fn nodes(&self) -> impl Iterator<Item = &Address> {
        self.index.keys()
    }

    /// Every edge as (what is needed, what needs it), sorted.
    pub fn edges(&self) -> impl Iterator<Item = (&Address, &Address)> {
        self.index.iter().flat_map(|(from, &node)| {
            let to = self.neighbours(node, Direction::Outgoing);
            to.into_iter().map(move |to| (from, to))
        })
    }

    /// The objects that `address` needs directly, sorted.
    pub fn dependencies(&self, address: &Address) -> Vec<&Address> {
        self.near(address, Direction::Incoming)
    }

    /// The objects that need `address` directly, sorted.
    pub fn dependents(&self, address: &Address) -> Vec<&Address> {
        self.near(address, Direction::Outgoing)
    }

    /// `targets` and everything that they need, directly or through others. Addresses that are
    /// not in the graph are left out.
    pub(crate) fn with_dependencies(&self, targets: &[Address]) -> BTreeSet<Address> {
        let graph = Reversed(&self.graph);
        let mut search = Dfs::empty(graph);
        let mut found = BTreeSet::new();
        for &start in targets.iter().filter_map(|target| self.index.get(target)) {
            search.move_to(start);
            while let Some(node) = search.next(graph) {
                found.extend(self.graph.node_weight(node).cloned());
            }
        }
        found
    }

    /// `excludes` and everything that needs them, directly or through others. Addresses that are
    /// not in the graph are left out.
    pub(crate) fn with_dependents(&self, excludes: &[Address]) -> BTreeSet<Address> {
        let mut search = Dfs::empty(&self.graph);
        let mut found = BTreeSet::new();
        for &start in excludes.iter().filter_map(|target| self.index.get(target)) {
            search.move_to(start);
            while let Some(node) = search.next(&self.graph) {
                found.extend(self.graph.node_weight(node).cloned());
            }
        }
        found
    }

    /// The positions, in the order of [`Self::nodes`], of what the object at a position needs
    /// directly.
    pub(crate) fn needed_at(&self, position: usize) -> impl Iterator<Item = usize> {
        let edges = self
            .graph
            .edges_directed(NodeIndex::new(position), Direction::Incoming);
        edges.map(|edge| edge.source().index())
    }

    fn near(&self, address: &Address, direction: Direction) -> Vec<&Address> {
        let node = self.index.get(address);
        node.map_or_else(Vec::new, |&node| self.neighbours(node, direction))
    }

    // petgraph keeps neighbours in reverse order of insertion; nobody should have to know.
    fn neighbours(&self, node: NodeIndex, direction: Direction) -> Vec<&Address> {
        let mut found: Vec<_> = self
            .graph
            .edges_directed(node, direction)
            .map(|edge| match direction {
                Direction::Incoming => edge.source(),
                Direction::Outgoing => edge.target(),
            })
            .filter_map(|node| self.graph.node_weight(node))
            .collect();
        found.sort();
        found
    }
}

/// The graph of everything that `config` declares.
///
/// A dataset needs its parent dataset or its pool. What hangs on a dataset forms a chain:
/// permissions, storage, exports, mounts; each object needs the nearest link before it that
/// exists. Exports of one dataset do not need one another, and neither do its mounts.
pub fn graph(config: &Config) -> Graph {
    let objects = objects(config);
    let exports = exports_by_dataset(config);
    let mut graph = DiGraph::with_capacity(objects.len(), objects.len());
    let index: BTreeMap<_, _> = objects
        .keys()
        .map(|address| (address.clone(), graph.add_node(address.clone())))
        .collect();
    for (address, object) in &objects {
        for needed in dependencies(*object, &objects, &exports) {
            if let (Some(&from), Some(&to)) = (index.get(&needed), index.get(address)) {
                graph.add_edge(from, to, ());
            }
        }
    }
    Graph { graph, index }
}

type Objects<'a> = BTreeMap<Address, Object<'a>>;

fn exports_by_dataset(config: &Config) -> BTreeMap<&str, Vec<Address>> {
    let mut exports: BTreeMap<&str, Vec<Address>> = BTreeMap::new();
    for export in &config.exports {
        if let Some(dataset) = &export.dataset {
            exports.entry(dataset).or_default().push(export.address());
        }
    }
    exports
}

fn dependencies(
    object: Object<'_>,
    objects: &Objects<'_>,
    exports: &BTreeMap<&str, Vec<Address>>,
) -> Vec<Address> {
    match object {
        Object::Arc(_) | Object::Nfs(_) | Object::Pool(_) => Vec::new(),
        Object::Dataset(dataset) => vec![parent(&dataset.name, objects)],
        Object::Permissions(dataset, _) => vec![dataset.address()],
        Object::Storage(dataset, _) => vec![permissions_or_dataset(dataset)],
        Object::Export(export) => last_link(export.dataset.as_deref(), objects),
        Object::Mount(mount) => {
            let name = mount.dataset.as_deref();
            match name.and_then(|name| exports.get(name)) {
                Some(exports) => exports.clone(),
                None => last_link(name, objects),
            }
        }
    }
}

/// The nearest declared dataset above the dataset `name`, or its pool.
fn parent(name: &str, objects: &Objects<'_>) -> Address {
    let mut rest = name;
    while let Some((above, _)) = rest.rsplit_once('/') {
        let address = Address::Dataset(above.to_owned());
        if objects.contains_key(&address) {
            return address;
        }
        rest = above;
    }
    Address::Pool(rest.to_owned())
}

/// The last link of a dataset's chain before its exports.
fn last_link(dataset: Option<&str>, objects: &Objects<'_>) -> Vec<Address> {
    let object = dataset.and_then(|name| objects.get(&Address::Dataset(name.to_owned())));
    let Some(Object::Dataset(dataset)) = object else {
        return Vec::new();
    };
    match &dataset.storage {
        Some(storage) => vec![storage.address()],
        None => vec![permissions_or_dataset(dataset)],
    }
}

fn permissions_or_dataset(dataset: &Dataset) -> Address {
    match &dataset.permissions {
        Some(_) => dataset.permissions_address(),
        None => dataset.address(),
    }
}
