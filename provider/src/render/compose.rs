//! Every block of a stack as text, in the topology's order, each with what it waits for.
//!
//! Invariant: what the engine waits for, the rendering waits for, by reference where there is one.

use std::collections::{BTreeMap, BTreeSet};

use super::block::{At, Block};
use super::links::Links;
use super::subject::Subject;
use super::write::Writer;
use crate::stack::component::Component;
use crate::stack::kinds::function::Code;

/// A component as it is written.
#[derive(Debug)]
pub(super) struct Written {
    /// The service, which names the file.
    pub(super) service: &'static str,
    /// The blocks of the resources.
    pub(super) resources: Vec<String>,
    /// The `import` blocks of those that exist, with what they look up.
    pub(super) imports: Vec<String>,
    /// The zips beside.
    pub(super) files: Vec<(String, Code)>,
}

/// What refers to what, by address.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// Writes every component, and says what refers to what.
pub(super) fn compose(subject: &Subject, components: &[Component]) -> (Vec<Written>, Graph) {
    let blocks = |component: &Component| {
        let at = At {
            names: &subject.names,
            component: &component.name,
            ids: &subject.ids,
        };
        component.node.render(&at)
    };
    let all: Vec<Vec<Block>> = components.iter().map(blocks).collect();
    let named = components.iter().map(|c| c.name.as_str());
    let links = Links::of(
        named.zip(all.iter().map(Vec::as_slice)),
        subject.config.kms_key_arn.as_deref(),
    );
    let mut tags = subject.config.tags.clone();
    tags.insert(kairos::names::Names::OWNER_TAG.into(), subject.names.owner());
    let writers: Vec<Writer<'_>> = components.iter().map(|c| Writer::new(&links, &c.name, &tags)).collect();
    let address = |component: &Component, block: &Block| {
        links.address(&component.name, block.mode, block.resource, &block.suffix)
    };
    let mut graph = Graph::new();
    for ((component, writer), blocks) in components.iter().zip(&writers).zip(&all) {
        for block in blocks {
            graph.insert(address(component, block), writer.block(block, &[]).1);
        }
    }
    let essential = essential(components, &all, address);
    let mut written = Vec::new();
    for ((component, writer), blocks) in components.iter().zip(&writers).zip(&all) {
        let mut one = Written {
            service: component.node.service(),
            resources: Vec::new(),
            imports: blocks.iter().filter_map(|block| writer.import(block)).collect(),
            files: blocks.iter().filter_map(|block| block.file.clone()).collect(),
        };
        for (index, block) in blocks.iter().enumerate() {
            let own = address(component, block);
            let mut after = Vec::new();
            if index == 0 {
                let direct = component.deps.iter().filter_map(|dep| links.first(dep));
                let named = awaited(block, components, &all, address);
                let essential = essential.get(&component.name).into_iter().flatten();
                for awaited in direct.chain(essential).chain(&named) {
                    if !reaches(&graph, &own, awaited) && !reaches(&graph, awaited, &own) {
                        graph.entry(own.clone()).or_default().insert(awaited.clone());
                        after.push(awaited.clone());
                    }
                }
            }
            one.resources.push(writer.block(block, &after).0);
        }
        written.push(one);
    }
    (written, graph)
}

/// The resources that a block names as those it waits for.
fn awaited(
    block: &Block,
    components: &[Component],
    blocks: &[Vec<Block>],
    address: impl Fn(&Component, &Block) -> String,
) -> Vec<String> {
    let mut found = Vec::new();
    for (of, resource) in &block.after {
        let held = components.iter().zip(blocks).filter(|(c, _)| c.name == of.0);
        for (component, blocks) in held {
            let of_type = blocks.iter().filter(|b| b.resource == *resource);
            found.extend(of_type.map(|b| address(component, b)));
        }
    }
    found
}

/// Component → the resources that it cannot do without, of whatever it waits for.
fn essential(
    components: &[Component],
    blocks: &[Vec<Block>],
    address: impl Fn(&Component, &Block) -> String,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut essential: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A component comes behind what it waits for, so that one pass sees everything; what does not is taken next time.
    for _ in components {
        let before = essential.clone();
        for component in components {
            let mut of = BTreeSet::new();
            for dep in &component.deps {
                of.extend(essential.get(dep).into_iter().flatten().cloned());
                let held = components.iter().zip(blocks).filter(|(c, _)| c.name == *dep);
                for (awaited, blocks) in held {
                    of.extend(blocks.iter().filter(|b| b.essential).map(|b| address(awaited, b)));
                }
            }
            essential.insert(component.name.clone(), of);
        }
        if essential == before {
            break;
        }
    }
    essential
}

/// Whether there is a way from one resource to another.
pub(super) fn reaches(graph: &Graph, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(at) = next.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            next.extend(graph.get(at).into_iter().flatten().map(String::as_str));
        }
    }
    false
}
