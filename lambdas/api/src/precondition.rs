//! `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1): whoever changes a process says which one they saw.
//!
//! Invariant: a tag is never given twice for one id: it holds the creation too, since a process that is deleted and
//! registered again begins with the first version again.

use axum::http::{HeaderMap, HeaderValue, header};
use kairos::proceso::Proceso;

use crate::problem::{Fault, Problem};

/// The tag of a process as it is.
pub(crate) fn etag(proceso: &Proceso) -> HeaderValue {
    // Digits, a hyphen and quotes are a header's value.
    HeaderValue::from_str(&format!("\"{}\"", tag(proceso))).unwrap_or(HeaderValue::from_static("\"\""))
}

fn tag(proceso: &Proceso) -> String {
    format!("{}-{:x}", proceso.version, proceso.fecha_creacion.as_millisecond())
}

/// What the caller expects of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nothing, or that there is one.
    Anything,
    /// That it has one of these tags.
    OneOf(Vec<String>),
}

impl Expected {
    /// Reads the `If-Match` of a request.
    ///
    /// # Errors
    /// A header that is neither `*` nor a list of tags.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut lines = Vec::new();
        for line in headers.get_all(header::IF_MATCH) {
            lines.push(line.to_str().map_err(|_| malformed())?);
        }
        if lines.is_empty() {
            return Ok(Self::Anything);
        }
        // Lines of one header are one list.
        let list = lines.join(",");
        if list.trim() == "*" {
            return Ok(Self::Anything);
        }
        tags(&list).map(Self::OneOf).ok_or_else(malformed)
    }

    /// Whether the process is the expected one.
    pub(crate) fn holds(&self, proceso: &Proceso) -> bool {
        match self {
            Self::Anything => true,
            Self::OneOf(tags) => tags.contains(&tag(proceso)),
        }
    }
}

/// The strong tags of a list, or nothing where it is no list of tags. Weak ones never match (the comparison is strong).
fn tags(list: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut seen = false;
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if let Some(after) = rest.strip_prefix(',') {
            // Empty members are to be ignored.
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return seen.then_some(found);
        }
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        // A tag may hold commas, but neither quotes nor spaces.
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if tag.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
            return None;
        }
        seen = true;
        if !weak {
            found.push(tag.to_owned());
        }
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

fn malformed() -> Problem {
    let right =
        "debe ser *, o una o más etiquetas entre comillas separadas por comas, como las entrega el encabezado ETag";
    Problem::invalid(vec![Fault::new("If-Match", right)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, expected: Option<&[&str]>) {
        let expected = expected.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
        assert_eq!(tags(list), expected, "{list:?}");
    }

    #[test]
    fn lists_of_tags_are_read_as_the_standard_has_them() {
        check(r#""1-a""#, Some(&["1-a"]));
        check(r#""1-a", "2-b""#, Some(&["1-a", "2-b"]));
        check(r#""1-a","2-b""#, Some(&["1-a", "2-b"]));
        check(r#" , "1-a" ,, "2-b"	,"#, Some(&["1-a", "2-b"]));
        check(r#""with,comma""#, Some(&["with,comma"]));
        check(r#""""#, Some(&[""]));
        check(r#"W/"1-a""#, Some(&[]));
        check(r#"W/"1-a", "2-b""#, Some(&["2-b"]));
    }

    #[test]
    fn what_is_no_list_of_tags_is_none() {
        for wrong in [
            "",
            " ",
            ",",
            "1-a",
            "'1-a'",
            r#""1-a"#,
            r#"1-a""#,
            r#""1" "2""#,
            r#"w/"1-a""#,
            r#"*, "1-a""#,
            r#""a b""#,
            r#""1"x"#,
        ] {
            check(wrong, None);
        }
    }
}
