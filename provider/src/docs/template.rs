//! Templates: text with `{{ directive }}` where something is filled in.
//!
//! Invariant: what is filled in is not looked at again, so that examples may hold braces of their own.

/// The text, with what `filling` gives for each directive.
///
/// # Errors
/// Those of `filling`.
pub(super) fn filled<E>(template: &str, mut filling: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, directive, after)) = next(rest) {
        text.push_str(before);
        text.push_str(&filling(directive)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// What is before the next directive, the directive, and what is behind it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (directive, after) = rest.split_once("}}")?;
    Some((before, directive.trim(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_filled_in_and_what_they_give_is_left_as_it_is() {
        let filling = |directive: &str| match directive {
            "a" => Ok("{{ b }}".to_owned()),
            "c d" => Ok("C".to_owned()),
            other => Err(format!("no {other}")),
        };
        assert_eq!(
            filled("x {{ a }} y {{c d}}\n{{", filling),
            Ok("x {{ b }} y C\n{{".to_owned())
        );
        assert_eq!(filled("{{ e }}", filling), Err("no e".to_owned()));
    }
}
