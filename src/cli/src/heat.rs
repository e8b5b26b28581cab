//! Heat maps as files: those that the shim keeps beside its counter pages, and what `run --learn` makes of them.
//!
//! What must hold here: a file is written whole or not at all, beside the old one and then renamed over it; where nothing was
//! found hot the old one stays.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use faultless_core::heat::{HEADER, MOST_BYTES, Map, Region, signs};

use crate::pages;

/// Where the heat map of a page's process is.
pub fn path_beside(page: &Path) -> PathBuf {
    let mut name = page.as_os_str().to_owned();
    name.push(".heat");
    name.into()
}

/// The heat map of a page's process, if it has one.
pub fn beside(page: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = pages::open(&path_beside(page), false).ok()?;
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text).ok()?;
    Map::read(&text).ok()?;
    Some(text)
}

/// Whether FAULTLESS_HEAT may be this file; one that isn't there yet may.
///
/// # Errors
/// Why not, in words.
pub fn check(file: &OsStr) -> Result<(), String> {
    let is_regular = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| format!("cannot read it: {error}"))?.is_file(),
    };
    if !is_regular {
        return Err("not a regular file".into());
    }
    let mut text = Vec::new();
    let read = File::open(file).and_then(|file| file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text));
    read.map_err(|error| format!("cannot read it: {error}"))?;
    Map::read(&text).map(|_| ()).map_err(Into::into)
}

/// Whether `--learn` may write this file.
///
/// # Errors
/// Its folder takes no file.
pub fn usable(file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let what = || format!("--learn {}", file.display());
    tempfile::NamedTempFile::new_in(folder).with_context(what)?;
    match file.is_dir() {
        true => Err(io::Error::from(io::ErrorKind::IsADirectory)).with_context(what),
        false => Ok(()),
    }
}

/// Saves what was hot of files in the maps of a tree. Returns what is to be said of it.
pub fn save(file: &Path, maps: &[Option<Vec<u8>>]) -> String {
    let maps = maps.iter().flatten().filter_map(|text| Map::read(text).ok());
    let mut regions: BTreeMap<_, Region<'_>> = BTreeMap::new();
    for region in maps.flat_map(|map| map.regions()).filter(|r| r.is_file() && r.size > 0 && hot(r) > 0) {
        // Of one part of a file that several processes map, what one of them has found most of.
        let entry = regions.entry((region.path.to_vec(), region.offset)).or_insert(region);
        if hot(&region) > hot(entry) {
            *entry = region;
        }
    }
    let bytes = regions.values().map(hot).sum();
    let size = faultless_core::size::Human(bytes);
    match write(file, regions.values()) {
        _ if regions.is_empty() => format!("nothing was found hot, and {} is as it was", file.display()),
        Ok(left_out) => {
            let rest = if left_out > 0 { format!("; {left_out} more did not fit") } else { String::new() };
            let many = regions.len() - left_out;
            let files = if many == 1 { "mapping" } else { "mappings" };
            format!("learnt {size} of {many} {files} of files: {}{rest}; try: --heat {0}", file.display())
        }
        Err(error) => format!("nothing learnt: {}: {error}", file.display()),
    }
}

fn hot(region: &Region<'_>) -> u64 {
    region.bytes_that(|piece| piece.is_wanted || piece.is_locked)
}

/// Returns how many regions did not fit.
fn write<'a>(file: &Path, regions: impl Iterator<Item = &'a Region<'a>>) -> io::Result<usize> {
    let mut text = HEADER.as_bytes().to_vec();
    let mut left_out = 0;
    for region in regions {
        let Region { start, bytes, piece, offset, size, mtime, path, .. } = region;
        let mut lines = format!("region {start:x} {bytes} {piece} {offset} {size} {mtime} ").into_bytes();
        lines.extend_from_slice(path);
        lines.push(b'\n');
        // What is present now says nothing of the next life.
        lines.extend(region.pieces().flat_map(|p| signs(p.heat, p.is_wanted || p.is_locked, false, None)));
        lines.push(b'\n');
        match text.len() + lines.len() <= MOST_BYTES {
            true => text.extend(lines),
            false => left_out += 1,
        }
    }
    if text.len() > HEADER.len() {
        let mut beside = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("/")))?;
        beside.write_all(&text)?;
        beside.as_file().sync_all()?;
        beside.persist(file).map_err(|error| error.error)?;
    }
    Ok(left_out)
}
