//! The path of a request below the API: without stage and without the mapping key of a custom domain.
//!
//! Invariant: what API Gateway matched with `{proxy+}` decides; the key may contain `/` and may look like a path of ours.

use axum::http::Uri;
use axum::http::uri::{InvalidUri, PathAndQuery};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// The path of a request below the API, beginning with `/`.
pub(crate) fn below(request: &Request) -> String {
    let resource = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.resource_path.as_deref(),
        _ => None,
    };
    if resource == Some("/") {
        return "/".to_owned();
    }
    let path = match request
        .path_parameters_ref()
        .and_then(|parameters| parameters.first("proxy"))
    {
        Some(proxy) => proxy,
        None => request.raw_http_path(),
    };
    let path = path.trim_matches('/');
    format!("/{}", readable(path))
}

/// The same address with another path.
pub(crate) fn with_path(uri: &Uri, path: &str) -> Result<Uri, InvalidUri> {
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    path.parse::<PathAndQuery>().map(Uri::from)
}

/// A path that can stand in an address: API Gateway may hand over some characters decoded. What is encoded stays so.
fn readable(path: &str) -> String {
    const DECODED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'`')
        .add(b'{')
        .add(b'}')
        .add(b'\\')
        .add(b'^')
        .add(b'|')
        .add(b'[')
        .add(b']');
    percent_encoding::utf8_percent_encode(path, DECODED).to_string()
}
