//! The zip of a platform: entries with fixed times and modes.

use std::io::{Cursor, Write};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A file in the zip.
#[derive(Debug)]
pub(super) struct Entry {
    name: &'static str,
    mode: u32,
    bytes: Vec<u8>,
}

impl Entry {
    pub(super) fn new(name: &'static str, mode: u32, bytes: Vec<u8>) -> Self {
        Self { name, mode, bytes }
    }
}

/// Packs the entries in their order, all of the same time.
pub(super) fn pack(entries: &[Entry], time: DateTime) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let mut zip = ZipWriter::new(&mut bytes);
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(time)
            .unix_permissions(entry.mode);
        zip.start_file(entry.name, options)
            .and_then(|()| zip.write_all(&entry.bytes).map_err(Into::into))
            .with_context(|| format!("packing {}", entry.name))?;
    }
    zip.finish().context("ending the zip")?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod unit {
    use zip::ZipArchive;

    use super::*;

    #[test]
    fn an_entry_keeps_its_mode_and_has_the_time_that_is_given() -> Result<()> {
        let time = DateTime::from_date_and_time(2026, 1, 2, 3, 4, 6)?;
        let entries = [
            Entry::new("LICENSE", 0o644, b"text".to_vec()),
            Entry::new("program", 0o755, b"code".to_vec()),
        ];
        let packed = pack(&entries, time)?;
        assert_eq!(packed, pack(&entries, time)?);
        let mut zip = ZipArchive::new(Cursor::new(&packed))?;
        assert_eq!((zip.len(), zip.by_index(0)?.name()?), (2, "LICENSE".into()));
        let program = zip.by_name("program")?;
        assert_eq!(program.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(program.last_modified(), Some(time));
        let later = DateTime::from_date_and_time(2026, 1, 2, 3, 4, 8)?;
        assert_ne!(packed, pack(&entries, later)?);
        Ok(())
    }
}
