//! What the expressions of a configuration refer to.

use std::ops::Range;

/// The references in a text, where they stand: `var.x`, `local.x`, `module.x`, `aws_iam_role.x`, `data.kairos_stack.x`. What
/// stands in comments and in the plain part of strings refers to nothing.
pub(super) fn references(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    // For each brace and quote that is open: whether it is a quote.
    let mut open: Vec<bool> = Vec::new();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let quoted = open.last() == Some(&true);
        let step = if quoted && (rest.starts_with('\\') || rest.starts_with("$${") || rest.starts_with("%%{")) {
            1 + rest.chars().nth(1).map_or(0, char::len_utf8)
        } else if quoted && (rest.starts_with("${") || rest.starts_with("%{")) {
            open.push(false);
            2
        } else if rest.starts_with('"') {
            if quoted {
                open.pop();
            } else {
                open.push(true);
            }
            1
        } else if quoted {
            rest.chars().next().map_or(1, char::len_utf8)
        } else if rest.starts_with('#') || rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with(is_of_a_name) {
            let chain = rest.len() - rest.trim_start_matches(|c| is_of_a_name(c) || c == '.').len();
            let chain = rest.get(..chain).unwrap_or_default();
            if let Some(address) = address(chain)
                && !text.get(..at).is_some_and(|before| before.ends_with('.'))
            {
                found.push((at..at + address.len(), address));
            }
            chain.len()
        } else {
            match rest.chars().next() {
                Some('{') => open.push(false),
                Some('}') => drop(open.pop()),
                _ => {}
            }
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
    }
    found
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// The address at the head of `aws_iam_role.x.arn`.
fn address(chain: &str) -> Option<String> {
    let names: Vec<&str> = chain.split('.').collect();
    let length = match *names.first()? {
        "data" => 3,
        "var" | "local" | "module" => 2,
        kind if kind.starts_with("aws_") || kind.starts_with("kairos_") => 2,
        _ => return None,
    };
    let names = names.get(..length)?;
    names.iter().all(|name| !name.is_empty()).then(|| names.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_what_only_looks_so() {
        let text = r#"
a = aws_iam_role.uno[each.key].arn # not aws_iam_role.dos
b = "var.c ${join(",", [for k in keys({ x = var.d }) : "${local.e}-${k}"])} \"${"$${var.f}"} ${module.g.h}"
"data.i.j" = [data.kairos_stack.k.name, each.value.aws_iam_role.l, kairos_proceso.m]
// var.n
o = provider::kairos::cron_canonico("var.p")
"#;
        let found: Vec<String> = references(text).into_iter().map(|(_, address)| address).collect();
        assert_eq!(
            found,
            [
                "aws_iam_role.uno",
                "var.d",
                "local.e",
                "module.g",
                "data.kairos_stack.k",
                "kairos_proceso.m"
            ]
        );
        for (range, address) in references(text) {
            assert_eq!(text.get(range), Some(address.as_str()));
        }
    }
}
