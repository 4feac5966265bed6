//! The fuzz target's function over its corpus and over mutations of it, the same ones in every run.
//!
//! `KAIROS_CASES` asks for that many inputs; `cargo xtask fuzz` lets libFuzzer look further.

use std::error::Error;
use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/exercise.rs"]
mod exercise;

/// Inputs of a normal run.
const CASES: usize = 12_000;

/// What mutations put in: the language's own letters, and some that are none.
const PIECES: [&str; 34] = [
    "0", "1", "2", "5", "9", "31", "59", "60", "*", ",", "-", "/", "?", "L", "W", "#", "(", ")", " ", "\n", "MON",
    "SAT", "FEB", "cron(", "rate(", "at(", "minutes", "day", "T", "Z", ":", "ñ", "\u{2028}", "\t",
];

#[test]
fn no_input_panics() -> Result<(), Box<dyn Error>> {
    let seeds = corpus()?;
    assert!(seeds.len() > 20, "the corpus is gone");
    for seed in &seeds {
        exercise::exercise(seed.as_bytes());
    }
    let asked = std::env::var("KAIROS_CASES").ok().and_then(|cases| cases.parse().ok());
    let mut random = Random(7);
    for _ in 0..asked.unwrap_or(CASES) {
        let input = mutated(&seeds, &mut random);
        // Bytes that are no text, too.
        let mut bytes = input.into_bytes();
        if random.below(8) == 0 && !bytes.is_empty() {
            let at = random.below(bytes.len());
            bytes[at] = u8::try_from(random.below(256))?;
        }
        if std::panic::catch_unwind(|| exercise::exercise(&bytes)).is_err() {
            return Err(format!("this input panics: {:?}", String::from_utf8_lossy(&bytes)).into());
        }
    }
    Ok(())
}

/// The seeds in the order of their names.
fn corpus() -> Result<Vec<String>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/schedule");
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    files.iter().map(|file| Ok(fs::read_to_string(file)?)).collect()
}

/// A seed with one to five changes: a piece put in, characters taken out, a part of another seed, two lines exchanged.
fn mutated(seeds: &[String], random: &mut Random) -> String {
    let mut text: Vec<char> = seeds[random.below(seeds.len())].chars().collect();
    for _ in 0..=random.below(5) {
        let at = random.below(text.len() + 1);
        match random.below(5) {
            0 | 1 => {
                let piece = PIECES[random.below(PIECES.len())];
                let end = (at + random.below(3)).min(text.len());
                text.splice(at..end, piece.chars());
            }
            2 => {
                let end = (at + 1 + random.below(4)).min(text.len());
                text.drain(at..end);
            }
            3 => {
                let other: Vec<char> = seeds[random.below(seeds.len())].chars().collect();
                let from = random.below(other.len());
                let until = (from + 1 + random.below(12)).min(other.len());
                text.splice(at..at, other[from..until].iter().copied());
            }
            _ => {
                let whole: String = text.iter().collect();
                let mut lines: Vec<&str> = whole.split('\n').collect();
                let (one, other) = (random.below(lines.len()), random.below(lines.len()));
                lines.swap(one, other);
                text = lines.join("\n").chars().collect();
            }
        }
    }
    text.into_iter().collect()
}

/// A small generator of random numbers (SplitMix64), so that every run is the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from((mixed ^ (mixed >> 31)) % limit).unwrap_or_default()
    }
}
