//! Sentences of diagnostics that end in somebody else's words.

use std::fmt::Display;

/// The same as a sentence: with a full stop, unless it ends with a mark of its own, as a question or AWS's message does.
pub(crate) fn sentence(text: &impl Display) -> String {
    let mut text = text.to_string();
    if !text.ends_with(['.', '?', '!', '…']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_one_mark_at_its_end() {
        for (text, expected) in [
            ("not found", "not found."),
            ("refused: no policy allows it.", "refused: no policy allows it."),
            ("not found; did you mean \"x\"?", "not found; did you mean \"x\"?"),
            ("not found (request id 1)", "not found (request id 1)."),
            ("\"a.\"", "\"a.\"."),
        ] {
            assert_eq!(sentence(&text), expected);
        }
    }
}
