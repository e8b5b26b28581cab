//! FAULTLESS_HEAT: what an earlier life of the program found hot, read once at the start.
//!
//! What must hold here: all of it is checked before any of it is used; the text is memory of ours, which stays; a file that
//! is not what it was then is told from one that is.

use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

use faultless_core::heat::{HEADER, MOST_BYTES, Map, Region};

use crate::sys::{self, Stat};
use crate::text::Text;

static TEXT: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// What is known of a file: where it stands, and whether the file is as it was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Known(u32);

impl Known {
    const CHANGED: u32 = 1 << 31;

    /// As a word, which is not 0.
    pub fn word(self) -> u32 {
        self.0
    }

    /// The reverse.
    pub fn from_word(word: u32) -> Option<Known> {
        (word != 0).then_some(Known(word))
    }

    /// The file is not what it was.
    pub fn has_changed(self) -> bool {
        self.0 & Known::CHANGED != 0
    }

    /// What was known of all mappings of the file.
    pub fn regions(self) -> impl Iterator<Item = Region<'static>> {
        let first = map().into_iter().flat_map(|map| map.regions()).nth((self.0 & !Known::CHANGED) as usize - 1);
        let path = first.map_or(&[][..], |region| region.path);
        map().into_iter().flat_map(|map| map.regions()).filter(move |region| region.path == path)
    }
}

/// Reads the file. One that isn't there yet is as good as an empty one: it comes to be when the first life ends.
///
/// # Errors
/// Why it can't be had, in words.
pub fn read(path: &[u8]) -> Result<(), &'static str> {
    let mut name = Text::<1024>::new();
    name.push(path).map_err(|_| "path too long")?;
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let fd = match sys::open(name.as_c(), flags, 0) {
        Ok(fd) => fd,
        Err(libc::ENOENT) => return Ok(()),
        Err(_) => return Err("cannot be read"),
    };
    let text = text_of(fd);
    sys::close(fd);
    let text = text?;
    Map::read(text)?;
    LENGTH.store(text.len(), Relaxed);
    TEXT.store(text.as_ptr().cast_mut(), Release);
    Ok(())
}

fn text_of(fd: i32) -> Result<&'static [u8], &'static str> {
    let st = sys::fstat(fd).map_err(|_| "cannot be read")?;
    if st.mode & libc::S_IFMT != libc::S_IFREG {
        return Err("not a regular file");
    }
    if st.size > MOST_BYTES as u64 {
        return Err("larger than 4 MiB");
    }
    let room = (st.size as usize).max(HEADER.len());
    let at = sys::map_apart(room).map_err(|_| "no memory for it")?;
    // SAFETY: a fresh mapping of so many bytes, zeroes, which stays for ever and to which nobody else has a reference.
    let text = unsafe { slice::from_raw_parts_mut(at as *mut u8, room) };
    let mut filled = 0;
    while let Some(rest) = text.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match sys::read(fd, rest).map_err(|_| "cannot be read")? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(text.get(..filled).unwrap_or(&[]))
}

fn map() -> Option<Map<'static>> {
    let text = TEXT.load(Acquire);
    // SAFETY: what `read` has stored: memory that stays, and is not written any more.
    let text = (!text.is_null()).then(|| unsafe { slice::from_raw_parts(text, LENGTH.load(Relaxed)) });
    text.map(Map::accepted)
}

/// Whether anything is known of any file.
pub fn is_any() -> bool {
    !TEXT.load(Relaxed).is_null()
}

/// What is known of the file with this path.
pub fn find(path: &[u8], st: &Stat) -> Option<Known> {
    let (index, region) = map()?.regions().enumerate().find(|(_, region)| region.path == path)?;
    let changed = if region.size == st.size && region.mtime == st.mtime { 0 } else { Known::CHANGED };
    Some(Known(u32::try_from(index + 1).ok()? | changed))
}
