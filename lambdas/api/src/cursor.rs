//! Cursors: where a listing goes on, as text that means nothing to anybody else.
//!
//! Invariant: a cursor is read only by the listing, with the filter, that wrote it; anything else is told as such.
//! Invariant: a cursor holds no secret and grants nothing: whoever made one up could only begin elsewhere in the listing.

use std::fmt::Display;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

/// The version of what is written: the first byte. Cursors live for minutes, so that no other one is ever read.
const VERSION: u8 = 1;

/// How many bytes tell the listing, and how many tell that nothing was changed.
const LISTING: usize = 6;
const CHECK: usize = 8;

/// The longest text that may be a cursor: a place holds a key of 2,048 bytes at most, and base64 adds a third.
const LONGEST: usize = 4_096;

/// Why a text is not a cursor of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCursor {
    /// It is not what the API wrote.
    Garbage,
    /// It belongs to another listing, or to the same with other filters.
    Foreign,
}

impl NoCursor {
    /// What is wrong, and what would be right.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Garbage => {
                "no es un cursor de esta API: use, sin cambios, el Cursor de la página anterior, u omítalo para comenzar"
            }
            Self::Foreign => {
                "es de otro listado o de otros filtros: repita los filtros de la página que lo trajo, u omítalo para comenzar"
            }
        }
    }
}

/// The cursor for a place in a listing, which is told by its name, its stack and its filter.
pub(crate) fn write(listing: &str, place: &impl Display) -> String {
    let (listing, place) = (of_listing(listing), place.to_string());
    let check = check(listing, place.as_bytes());
    BASE64URL_NOPAD.encode(&[&[VERSION], &listing[..], &check[..], place.as_bytes()].concat())
}

/// The place that a cursor tells.
pub(crate) fn read<P: FromStr>(listing: &str, cursor: &str) -> Result<P, NoCursor> {
    if cursor.len() > LONGEST {
        return Err(NoCursor::Garbage);
    }
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes());
    let bytes = bytes.map_err(|_| NoCursor::Garbage)?;
    let (version, rest) = bytes.split_first().ok_or(NoCursor::Garbage)?;
    let (its_listing, rest) = rest.split_first_chunk::<LISTING>().ok_or(NoCursor::Garbage)?;
    let (its_check, place) = rest.split_first_chunk::<CHECK>().ok_or(NoCursor::Garbage)?;
    if *version != VERSION || *its_check != check(*its_listing, place) {
        return Err(NoCursor::Garbage);
    }
    if *its_listing != of_listing(listing) {
        return Err(NoCursor::Foreign);
    }
    let place = std::str::from_utf8(place).map_err(|_| NoCursor::Garbage)?;
    place.parse().map_err(|_| NoCursor::Garbage)
}

fn of_listing(listing: &str) -> [u8; LISTING] {
    head(Sha256::digest(listing))
}

fn check(listing: [u8; LISTING], place: &[u8]) -> [u8; CHECK] {
    head(
        Sha256::new()
            .chain_update([VERSION])
            .chain_update(listing)
            .chain_update(place)
            .finalize(),
    )
}

/// The first bytes of a digest.
fn head<const N: usize>(digest: impl IntoIterator<Item = u8>) -> [u8; N] {
    let mut digest = digest.into_iter();
    std::array::from_fn(|_| digest.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "proceso-wyl3hh7omne5m6jk4uqhpridpi";

    fn cursor() -> String {
        write("procesos demo", &PLACE)
    }

    #[test]
    fn a_cursor_is_read_by_its_listing_alone() {
        assert_eq!(read::<String>("procesos demo", &cursor()).as_deref(), Ok(PLACE));
        for other in ["procesos otra", "calendarizaciones demo", ""] {
            assert_eq!(read::<String>(other, &cursor()), Err(NoCursor::Foreign), "{other}");
        }
    }

    #[test]
    fn the_longest_key_fits() {
        let place = format!("proceso-{}", "a".repeat(2_040));
        let cursor = write("x", &place);
        assert!(cursor.len() <= LONGEST, "{}", cursor.len());
        assert_eq!(read::<String>("x", &cursor), Ok(place));
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let cursor = cursor();
        for at in 0..cursor.len() {
            for by in ["A", "b", "-", "", "=", "ñ", " "] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, by);
                let expected = if changed == cursor {
                    Ok(PLACE.to_owned())
                } else {
                    Err(NoCursor::Garbage)
                };
                assert_eq!(read::<String>("procesos demo", &changed), expected, "{changed}");
            }
            assert_eq!(read::<String>("procesos demo", &cursor[..at]), Err(NoCursor::Garbage));
        }
        for garbage in [
            "",
            "null",
            "0",
            "AAAA",
            &"A".repeat(LONGEST + 1),
            &format!("{cursor}{cursor}"),
        ] {
            assert_eq!(
                read::<String>("procesos demo", garbage),
                Err(NoCursor::Garbage),
                "{garbage}"
            );
        }
    }

    #[test]
    fn a_place_of_another_kind_is_no_place() {
        let text = write("procesos demo", &"siete");
        assert_eq!(read::<u32>("procesos demo", &text), Err(NoCursor::Garbage));
    }
}
