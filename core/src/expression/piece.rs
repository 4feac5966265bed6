//! A piece of the user's text that remembers where it stands in it.
//!
//! Invariant: a piece's range always lies on character boundaries of the text that it was cut from.

use crate::error::Rule;
use std::ops::Range;

/// A part of a text, with the byte at which it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    start: usize,
}

/// A broken rule and where: what the parsers return; the whole text is added at the top.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) rule: Rule,
    pub(super) range: Range<usize>,
}

impl<'a> Piece<'a> {
    pub(super) fn whole(text: &'a str) -> Self {
        Self { text, start: 0 }
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    pub(super) fn fault(&self, rule: Rule) -> Fault {
        Fault {
            rule,
            range: self.range(),
        }
    }

    /// The rule is broken from the beginning of this piece to the end of a later one.
    pub(super) fn fault_until(&self, last: Self, rule: Rule) -> Fault {
        Fault {
            rule,
            range: self.start..last.range().end,
        }
    }

    /// The place just after the piece.
    pub(super) fn end(self) -> Self {
        self.bytes(self.text.len()..self.text.len())
    }

    /// These bytes of the piece; all of it where they are not on character boundaries.
    pub(super) fn bytes(self, range: Range<usize>) -> Self {
        let start = self.start + range.start;
        self.text.get(range).map_or(self, |text| Self { text, start })
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn trim(self) -> Self {
        let text = self.text.trim_start();
        Self {
            text: text.trim_end(),
            start: self.start + self.text.len() - text.len(),
        }
    }

    /// Both sides of the first `separator`, without it.
    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (before, after) = self.text.split_once(separator)?;
        let start = self.start + before.len() + separator.len_utf8();
        Some((Self { text: before, ..self }, Self { text: after, start }))
    }

    /// The piece without its last character, where that is `last` in either case.
    pub(super) fn strip_suffix(self, last: char) -> Option<Self> {
        let text = self
            .text
            .strip_suffix(last.to_ascii_uppercase())
            .or_else(|| self.text.strip_suffix(last.to_ascii_lowercase()))?;
        Some(Self { text, ..self })
    }

    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let piece = rest?;
            match piece.split_once(separator) {
                Some((before, after)) => {
                    rest = Some(after);
                    Some(before)
                }
                None => rest.take(),
            }
        })
    }

    pub(super) fn words(self) -> impl Iterator<Item = Self> {
        // `split_whitespace` hands out slices of the text, so the distance of their addresses is their offset.
        let origin = self.text.as_ptr() as usize;
        self.text.split_whitespace().map(move |text| Self {
            text,
            start: self.start + (text.as_ptr() as usize - origin),
        })
    }

    /// The piece as a number, where it is made of digits only; a number too great for us is the greatest.
    pub(super) fn number(&self) -> Option<u32> {
        if self.text.is_empty() || !self.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(self.text.parse().unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_knows_its_bytes() {
        let text = "  ñ 1,2-3\t* ";
        let pieces: Vec<_> = Piece::whole(text).words().collect();
        assert_eq!(
            pieces.iter().map(Piece::range).collect::<Vec<_>>(),
            [2..4, 5..10, 11..12]
        );
        let entries: Vec<_> = pieces[1].split(',').map(|entry| (entry.text, entry.range())).collect();
        assert_eq!(entries, [("1", 5..6), ("2-3", 7..10)]);
        assert_eq!(Piece::whole(text).trim().range(), 2..12);
        assert_eq!(pieces[1].end().range(), 10..10);
        assert_eq!(pieces[1].bytes(2..5).text, "2-3");
        // Not a character boundary.
        assert_eq!(pieces[0].bytes(1..2).range(), 2..4);
        assert_eq!(pieces[0].fault_until(pieces[1], Rule::Empty).range, 2..10);
        assert_eq!(
            Piece::whole("a,")
                .split(',')
                .map(|entry| entry.range())
                .collect::<Vec<_>>(),
            [0..1, 2..2]
        );
    }
}
