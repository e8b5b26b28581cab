//! The folder of the pages, and the names of what is in it.
//!
//! What must hold here: nothing is created through a link or in a folder that another user could change; no descriptor outlives a
//! call.

use core::cell::UnsafeCell;
use core::fmt::Write;

use crate::sys;
use crate::text::Text;

struct Folder(UnsafeCell<Text<192>>);

// SAFETY: written by the constructor only, before anything is on.
unsafe impl Sync for Folder {}

#[unsafe(link_section = ".bss.start")]
static FOLDER: Folder = Folder(UnsafeCell::new(Text::new()));

fn folder() -> &'static Text<192> {
    // SAFETY: see Folder.
    unsafe { &*FOLDER.0.get() }
}

/// Decides on the folder: the option, or /dev/shm/faultless-UID. Constructor only.
///
/// # Safety
/// Nothing else may run yet.
pub unsafe fn choose(option: &[u8], uid: u32) {
    // SAFETY: as the caller says.
    let folder = unsafe { &mut *FOLDER.0.get() };
    if option.is_empty() {
        let _ = write!(folder, "/dev/shm/faultless-{uid}");
    } else {
        let _ = folder.push(option);
    }
}

/// Whether the folder is ours alone: a real folder, owned by us, open to nobody else. Made if it isn't there.
pub fn is_safe(uid: u32) -> bool {
    let path = folder().as_c();
    let is_ours = |st: sys::Stat| st.mode & libc::S_IFMT == libc::S_IFDIR && st.uid == uid && st.mode & 0o022 == 0;
    match sys::stat(path, false) {
        Ok(st) => is_ours(st),
        Err(libc::ENOENT) => {
            let _ = sys::mkdir(path, 0o700);
            sys::stat(path, false).is_ok_and(is_ours)
        }
        Err(_) => false,
    }
}

/// A page's name ends so until all of it is there.
pub const UNFINISHED: &[u8] = b"~";

/// What is hot of a process stands beside its page, under the page's name and this; the second while it is being written.
pub const HEAT: [&[u8]; 2] = [b".heat", b".heat~"];

/// Calls `each` with the name of every entry of the folder.
pub fn entries(mut each: impl FnMut(&[u8])) {
    let Ok(fd) = sys::open(folder().as_c(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW, 0) else { return };
    let mut buffer = [0u8; 2048];
    while let Ok(filled @ 1..) = sys::getdents(fd, &mut buffer) {
        let mut rest = buffer.get(..filled).unwrap_or(&[]);
        // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name.
        while let Some(length) = rest.get(16..18).map(|l| u16::from_ne_bytes([l[0], l[1]]) as usize) {
            let name = rest.get(19..length).unwrap_or(&[]);
            each(name.split(|b| *b == 0).next().unwrap_or(&[]));
            rest = rest.get(length.max(1)..).unwrap_or(&[]);
        }
    }
    sys::close(fd);
}

/// The path of a page.
pub fn page_path(pid: u32, suffix: u32) -> Text<256> {
    let mut name = Text::<32>::new();
    let _ = write!(name, "{pid}.{suffix:08x}");
    entry_path(name.as_bytes())
}

/// The process id in the name of a page, or of what stands beside one.
pub fn owner_of(name: &[u8]) -> Option<u32> {
    let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
    pid_of(name.strip_suffix(HEAT[0]).unwrap_or(name))
}

/// The process id in a page's file name.
pub fn pid_of(name: &[u8]) -> Option<u32> {
    let (pid, suffix) = core::str::from_utf8(name).ok()?.split_once('.')?;
    (suffix.len() == 8).then(|| pid.parse().ok()).flatten()
}

/// The path of an entry.
pub fn entry_path(name: &[u8]) -> Text<256> {
    let mut path = Text::new();
    let _ = path.push(folder().as_bytes());
    let _ = path.push(b"/");
    let _ = path.push(name);
    path
}

/// The name of a tree's file begins so.
pub const TREE: &str = "tree.";

/// The tree in the name of such a file.
pub fn tree_of(name: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(name).ok()?.strip_prefix(TREE)?;
    u64::from_str_radix(digits, 16).ok()
}
