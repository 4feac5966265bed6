//! Texts from targets, cut to what the table and the message attributes hold.

/// The most characters of an answer or of an error in the history.
const HISTORY: usize = 2_000;

/// The most characters of a reason in a message attribute: the message may be as large as SQS takes already.
const ATTRIBUTE: usize = 500;

/// A text as the history keeps it.
pub(crate) fn for_history(text: &str) -> String {
    cut(text, HISTORY)
}

/// A text as a message attribute takes it: not empty, and without control characters.
pub(crate) fn for_attribute(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() || c > '\u{fffd}' { ' ' } else { c })
        .collect();
    if plain.is_empty() {
        "-".to_owned()
    } else {
        cut(&plain, ATTRIBUTE)
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(for_history(&"ñ".repeat(3_000)).chars().count(), HISTORY + 1);
        assert_eq!(for_history("corto"), "corto");
    }

    #[test]
    fn attributes_hold_no_control_characters_and_are_never_empty() {
        assert_eq!(for_attribute("a\nb\u{0}c"), "a b c");
        assert_eq!(for_attribute(""), "-");
        assert_eq!(for_attribute(&"x".repeat(1_000)).chars().count(), ATTRIBUTE + 1);
    }
}
