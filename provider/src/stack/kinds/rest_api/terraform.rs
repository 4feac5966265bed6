//! A REST API as resources of hashicorp/aws: the API, its paths below the root, its methods and their integrations.

use std::collections::BTreeSet;

use super::RestApi;
use crate::render::{At, Block, Body, Expr, Mode, Render};

const API: &str = "aws_api_gateway_rest_api";
const RESOURCE: &str = "aws_api_gateway_resource";
const METHOD: &str = "aws_api_gateway_method";

impl Render for RestApi {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let api = Block::resource(API)
            .set("name", &self.name)
            .set("description", &self.description)
            .set("tags", &self.tags)
            .nested(
                "endpoint_configuration",
                Body::default().set("types", vec![&self.endpoint]),
            )
            .nested("lifecycle", Body::default().set("create_before_destroy", true))
            .name(&self.name, "name")
            .import(at.id());
        let mut blocks = vec![api];
        let paths: BTreeSet<&str> = self
            .routes
            .keys()
            .filter_map(|route| route.split_once(' '))
            .map(|r| r.1)
            .collect();
        let mut made = BTreeSet::new();
        for path in &paths {
            for (end, _) in path.match_indices('/').skip(1).chain([(path.len(), "")]) {
                let path = &path[..end];
                if path.len() > 1 && made.insert(path) {
                    blocks.push(resource(path, at));
                }
            }
        }
        for (route, settings) in &self.routes {
            let Some((verb, path)) = route.split_once(' ') else {
                continue;
            };
            let suffix = format!("{}_{}", verb.to_lowercase(), label(path));
            // The resource of the root comes with the API, and is not managed here: it is looked up as well.
            let id = at.id().map(|id| joined(id, path, &format!("/{verb}")));
            let root = at.id().filter(|_| path == "/").map(|id| lookup(id, path));
            let method = Block::resource(METHOD)
                .suffix(&suffix)
                .set("rest_api_id", Expr::Own("id"))
                .set("resource_id", resource_id(path))
                .set("http_method", verb)
                .set("authorization", &settings.authorization)
                .set("api_key_required", settings.key_required)
                .import(id.clone())
                .lookup(root);
            let of_method = |attribute| Expr::Sibling(Mode::Managed, METHOD, suffix.clone(), attribute);
            let integration = Block::resource("aws_api_gateway_integration")
                .suffix(&suffix)
                .set("rest_api_id", Expr::Own("id"))
                .set("resource_id", of_method("resource_id"))
                .set("http_method", of_method("http_method"))
                .set("type", &settings.integration)
                .set("integration_http_method", "POST")
                .set("uri", Expr::Link(settings.uri(&at.names.place)))
                .import(id);
            blocks.extend([method, integration]);
        }
        blocks
    }
}

/// A path below the root.
fn resource(path: &str, at: &At<'_>) -> Block {
    let (parent, part) = path.rsplit_once('/').unwrap_or_default();
    Block::resource(RESOURCE)
        .suffix(label(path))
        .set("rest_api_id", Expr::Own("id"))
        .set("parent_id", resource_id(parent))
        .set("path_part", part)
        .import(at.id().map(|id| joined(id, path, "")))
        .lookup(at.id().map(|id| lookup(id, path)))
}

/// The id of the resource at a path.
fn resource_id(path: &str) -> Expr {
    if path.len() > 1 {
        Expr::Sibling(Mode::Managed, RESOURCE, label(path), "id")
    } else {
        Expr::Own("root_resource_id")
    }
}

/// AWS makes the ids of resources, and the state does not know them.
fn lookup(api: &str, path: &str) -> Block {
    Block::data(RESOURCE)
        .suffix(label(path))
        .set("rest_api_id", api)
        .set("path", path)
}

/// The id to import a resource by, or something of it.
fn joined(api: &str, path: &str, end: &str) -> Expr {
    let id = Expr::Sibling(Mode::Data, RESOURCE, label(path), "id");
    Expr::Joined(vec![format!("{api}/").into(), id, end.into()])
}

/// A path as a part of a label.
fn label(path: &str) -> String {
    let parts = path.split('/').map(|part| part.trim_matches(['{', '}', '+']));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "root".into()
    } else {
        parts.join("_")
    }
}
