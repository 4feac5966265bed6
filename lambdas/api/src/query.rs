//! The query of a request: known parameters, in any case, each once, of the right form, or a problem that names them.
//!
//! Invariant: nothing is guessed or ignored: what is unknown, repeated, empty or of another form is refused.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::cursor;
use crate::problem::{Fault, Problem};

/// How many items a page has where nobody says, and at most.
pub(crate) const DEFAULT_LIMIT: u32 = 50;
/// The most items of a page.
pub(crate) const MAX_LIMIT: u32 = 100;

/// How much of a value an answer repeats, in characters.
const SHOWN: usize = 100;

/// The parameters by name, and what is wrong with them so far.
pub(crate) struct Query {
    given: BTreeMap<&'static str, String>,
    faults: Vec<Fault>,
}

impl Query {
    /// Reads the query of an address that may have these parameters.
    pub(crate) fn read(uri: &Uri, known: &[&'static str]) -> Self {
        let mut query = Self {
            given: BTreeMap::new(),
            faults: Vec::new(),
        };
        let pairs = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        let mut pairs: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        // API Gateway hands them over without an order.
        pairs.sort_unstable();
        for (name, value) in pairs {
            let name = decoded(name).unwrap_or_else(|| name.to_owned());
            let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(&name)) else {
                query.faults.push(Fault::new(&name, unknown(known)));
                continue;
            };
            match decoded(value) {
                None => query.fault(known, "no es texto UTF-8"),
                Some(value) if value.trim().is_empty() => query.fault(known, "está vacío: omítalo, o dele un valor"),
                Some(_) if query.given.contains_key(known) => query.fault(known, "viene más de una vez"),
                Some(value) => {
                    query.given.insert(known, value);
                }
            }
        }
        query
    }

    /// Whether the parameter was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.given.remove(name)
    }

    /// What `read` makes of a text; where it makes nothing, `right` says what would be right.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        right: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = read(text.trim());
        if value.is_none() {
            self.wrong(name, &text, right);
        }
        value
    }

    /// The same of a parameter that must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        right: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let told = self.faults.iter().any(|fault| fault.field == name);
        if !told && !self.has(name) {
            self.fault(name, format!("es obligatorio: {right}"));
        }
        self.parsed(name, right, read)
    }

    /// How many items the page may have.
    pub(crate) fn limit(&mut self) -> u32 {
        let right = format!("debe ser un número entero entre 1 y {MAX_LIMIT}");
        let digits = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| text.parse().ok())
        };
        let limit = self.parsed("limite", &right, |text| {
            digits(text).flatten().filter(|limit| (1..=MAX_LIMIT).contains(limit))
        });
        limit.unwrap_or(DEFAULT_LIMIT)
    }

    /// The place where the page begins, in this listing. It is not looked at where the filter is not clear.
    pub(crate) fn cursor<P: FromStr>(&mut self, listing: &str) -> Option<P> {
        let text = self.text("cursor").filter(|_| self.faults.is_empty())?;
        let place = cursor::read(listing, &text);
        place.map_err(|error| self.wrong("cursor", &text, error.detail())).ok()
    }

    /// Something is wrong with a parameter.
    pub(crate) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(name, detail));
    }

    fn wrong(&mut self, name: &str, value: &str, detail: &str) {
        let shown: String = value.chars().take(SHOWN).collect();
        let cut = if shown.len() < value.len() { "…" } else { "" };
        self.faults.push(Fault {
            value: Some(format!("{shown}{cut}")),
            ..Fault::new(name, detail)
        });
    }

    /// Everything that was wrong, this too.
    pub(crate) fn done(mut self, more: Vec<Fault>) -> Result<(), Problem> {
        self.faults.extend(more);
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }
}

fn unknown(known: &[&str]) -> String {
    if known.is_empty() {
        return "no es un parámetro de esta ruta, que no tiene ninguno".to_owned();
    }
    format!(
        "no es un parámetro de esta ruta; los parámetros son {}",
        known.join(", ")
    )
}

/// A part of a query as a form writes it: `+` is a space. None where it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}
