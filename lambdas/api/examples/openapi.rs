//! Prints the API's document, or with `mensajes` the schemas of the messages: what docs/api holds.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let document = match std::env::args().nth(1).as_deref() {
        None => api::openapi::document(),
        Some("mensajes") => api::openapi::messages(),
        Some(other) => {
            return Err(io::Error::other(format!(
                "\"{other}\" is no document: mensajes, or nothing"
            )));
        }
    };
    io::stdout().write_all(api::openapi::written(&document).as_bytes())
}
