//! The constructor: kill switch, options, allow or deny, policy, on. Every doubt means stand down.
//!
//! What must hold here: at most 12 system calls where no rule asks for more; nothing is printed but one line about a
//! value that can't be read; the environment is only read.

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::fmt::Write;
use core::sync::atomic::Ordering::Relaxed;

use faultless_core::counters::C;
use faultless_core::options::{Level, Report, SetError, Settings};
use faultless_core::ownership::{Objection, Ownership};
use faultless_core::page::{State, Why};
use faultless_core::parse::{Form, ParseError};
use faultless_core::policies;
use faultless_core::rules::{Policy, Stay};

use crate::text::Text;
use crate::{
    descriptors, early, exports, heap, learnt, logger, opened, opening, pages, process, real, report, stacks, startup,
    state, sys,
};

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// Room for the options' texts: the program may overwrite its environment later (setproctitle does).
const TEXTS: usize = 8 << 10;

struct Arena(UnsafeCell<[u8; TEXTS]>);

// SAFETY: used by the constructor only.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; TEXTS]));

/// Copies a text to where it stays.
struct Keeper(&'static mut [u8]);

impl Keeper {
    fn keep(&mut self, text: &[u8]) -> Option<&'static [u8]> {
        let room = core::mem::take(&mut self.0);
        let (mine, rest) = room.split_at_mut_checked(text.len())?;
        self.0 = rest;
        mine.copy_from_slice(text);
        Some(mine)
    }
}

/// What is wrong with a value.
struct Bad {
    name: &'static [u8],
    why: Text<96>,
}

fn bad(name: &'static [u8], why: impl core::fmt::Display) -> Bad {
    let mut text = Text::new();
    let _ = write!(text, "{why}");
    Bad { name, why: text }
}

/// What stands where reading stopped; the command says the rest, with a caret under it.
fn not_understood(name: &'static [u8], source: &[u8], error: &ParseError) -> Bad {
    let piece = source.get(error.start..error.end.min(error.start + 32)).unwrap_or(&[]);
    match core::str::from_utf8(piece).unwrap_or("?") {
        "" => bad(name, format_args!("something is missing at byte {}", error.start)),
        piece => bad(name, format_args!("`{piece}` at byte {} is not understood", error.start)),
    }
}

#[ctor::ctor(unsafe)]
fn start() {
    if !state::begin() {
        return;
    }
    if !state::resolved() {
        real::resolve();
    }
    // AT_SECURE: the environment is another user's.
    // SAFETY: getauxval only reads.
    let (secure, uid, random) = unsafe {
        (libc::getauxval(libc::AT_SECURE) != 0, libc::getauxval(libc::AT_UID) as u32, libc::getauxval(libc::AT_RANDOM))
    };
    if secure {
        return state::stand_down();
    }
    // SAFETY: the constructor, once; nothing else looks before `publish`.
    let (settings, policy) = unsafe { state::owned() };
    let mut unknown = 0;
    let read = read_environment(settings, &mut unknown);
    let mut link = Text::<256>::new();
    let exe = exe_name(&mut link);
    if settings.disable || !settings.admits(exe) {
        return state::stand_down();
    }
    let read = read.and_then(|()| read_policy(settings, uid, policy));
    let wrong = read.and_then(|()| read_heat(settings, policy)).err();
    logger::start(settings.log);
    report::remember_stderr();
    // SAFETY: AT_RANDOM points at 16 bytes, given by the kernel at exec.
    let random = unsafe { (random as *const [u64; 2]).as_ref() }.copied().unwrap_or([0; 2]);
    // SAFETY: the constructor.
    unsafe { pages::folder::choose(settings.pages, uid) };
    let birth = pages::Birth {
        uid,
        tree: if settings.tree != 0 { settings.tree } else { random[0] | 1 },
        exe,
        policy_name: settings.policy,
        state: if wrong.is_none() { State::On } else { State::StoodDown },
        why: if wrong.is_none() { Why::No } else { Why::BadValue },
        random: random[1] as u32,
        lazy: settings.tree == 0 && matches!(settings.report, Report::Auto | Report::None),
    };
    if let Some(bad) = wrong {
        return refuse(&bad, &pages::Birth { lazy: false, ..birth });
    }
    pages::make(&birth, policy);
    process::watch_forks();
    stacks::start(policy);
    state::publish();
    let live = state::live();
    live.page.add(C::UnknownNames, unknown);
    live.page.add(C::EarlyBytes, early::BYTES.load(Relaxed));
    if startup::is_wanted(policy) {
        // Before there are mappings of ours that it would have to know.
        state::enter().iter().for_each(startup::apply);
    }
    descriptors::start(policy);
    if descriptors::is_wanted() {
        exports::watch_opens();
        // `program < FILE`: the shell has opened it.
        state::enter().iter().for_each(|live| opened::opened(live, 0));
    }
    if !real::is_allocator_ours() {
        opening::ensure(); // no countdown will be used up: says now what can't be had
    }
    if settings.log != Level::Off {
        log::info!(
            "on: {} rules, policy {}",
            policy.rules().len(),
            core::str::from_utf8(settings.policy).unwrap_or("?")
        );
    }
}

/// Says what is wrong, and stands down. Apart from its caller, because its frame is large and each page of it costs a fault
/// at every start.
#[inline(never)]
fn refuse(bad: &Bad, birth: &pages::Birth<'_>) {
    pages::make(birth, &Policy::empty());
    // An ancestor has said the same already, or the whole of a shell script would repeat it line by line.
    if !pages::ancestor_stood_down() {
        complain(bad);
    }
    state::stand_down();
}

/// Reads all FAULTLESS_ variables.
fn read_environment(settings: &mut Settings<'static>, unknown: &mut u64) -> Result<(), Bad> {
    // SAFETY: the constructor is the only user of the arena.
    let mut keeper = Keeper(unsafe { &mut *ARENA.0.get() });
    // SAFETY: the C library has set it up before any constructor of ours runs (we depend on it).
    let mut next = unsafe { environ };
    while !next.is_null() {
        // SAFETY: the list ends with a null.
        let entry = unsafe { next.read() };
        if entry.is_null() {
            break;
        }
        // SAFETY: not past the null; each entry is a C string.
        let (text, after) = unsafe { (CStr::from_ptr(entry).to_bytes(), next.add(1)) };
        next = after;
        if !text.starts_with(b"FAULTLESS_") {
            if is_malloc_tuned_by(text) {
                heap::yield_to_program(0);
            }
            if has_malloc_fill(text) {
                state::refuse_malloc_rules();
            }
            continue;
        }
        let Some(equals) = text.iter().position(|b| *b == b'=') else { continue };
        let name = text.get(..equals).unwrap_or(&[]);
        let Some(row) = faultless_core::options::TABLE.iter().find(|row| row.env.as_bytes() == name) else {
            *unknown += 1; // Kubernetes puts FAULTLESS_PORT and its like beside a service of our name
            continue;
        };
        let env = row.env.as_bytes();
        let value = keeper.keep(text.get(equals + 1..).unwrap_or(&[])).ok_or_else(|| bad(env, "too long"))?;
        match settings.set(env, value) {
            Ok(()) | Err(SetError::UnknownName) => {}
            Err(SetError::BadValue { why, .. }) => return Err(bad(env, why)),
        }
    }
    Ok(())
}

/// Whether a variable tells glibc's malloc how to get or give back memory, or to fill what it gives: MALLOC_TOP_PAD_ and its
/// like, and their later spelling.
fn is_malloc_tuned_by(entry: &[u8]) -> bool {
    let has = |word: &[u8]| entry.windows(word.len()).any(|w| w == word);
    match entry.first() {
        Some(b'M') => entry.starts_with(b"MALLOC_") && has(b"_=") && !entry.starts_with(b"MALLOC_ARENA_"),
        Some(b'G') => {
            const TUNABLES: [&[u8]; 7] =
                [b".top_pad", b".trim_", b".mmap_", b".perturb", b".hugetlb", b".check", b".mem.tagging"];
            entry.starts_with(b"GLIBC_TUNABLES=") && TUNABLES.iter().any(|name| has(name))
        }
        _ => false,
    }
}

/// Whether a variable has glibc's malloc fill the blocks that it gives, of every size: a block of ours would have zeroes.
fn has_malloc_fill(entry: &[u8]) -> bool {
    entry.starts_with(b"MALLOC_PERTURB_=")
        || entry.starts_with(b"GLIBC_TUNABLES=") && entry.windows(9).any(|word| word == b".perturb=")
}

/// Puts the policy together: FAULTLESS_RULES first, then the named policy or the file.
fn read_policy(settings: &Settings<'static>, uid: u32, policy: &mut Policy) -> Result<(), Bad> {
    policy.append(settings.rules, Form::Line).map_err(|e| not_understood(b"FAULTLESS_RULES", settings.rules, &e))?;
    const NAME: &[u8] = b"FAULTLESS_POLICY";
    if !settings.policy.contains(&b'/') {
        let built_in = policies::find(settings.policy).ok_or_else(|| bad(NAME, "no such policy"))?;
        return policy.append(built_in.rules.as_bytes(), Form::Line).map_err(|e| bad(NAME, e.kind));
    }
    read_file(settings.policy, uid, policy)
}

/// Only where a rule asks what is hot: the file is nothing to all the others.
fn read_heat(settings: &Settings<'static>, policy: &Policy) -> Result<(), Bad> {
    let asks = policy.rules().iter().any(|rule| rule.actions.stay == Some(Stay::Hot));
    if !asks || settings.heat.is_empty() {
        return Ok(());
    }
    learnt::read(settings.heat).map_err(|why| bad(b"FAULTLESS_HEAT", why))
}

/// Apart from its caller, because its frame is large and each page of it costs a fault at every start.
#[inline(never)]
fn read_file(path: &[u8], uid: u32, policy: &mut Policy) -> Result<(), Bad> {
    const NAME: &[u8] = b"FAULTLESS_POLICY";
    let mut name = Text::<1024>::new();
    name.push(path).map_err(|_| bad(NAME, "path too long"))?;
    let mut file = [0u8; policies::LARGEST_FILE];
    let unreadable = |errno| bad(NAME, format_args!("cannot be read, errno {errno}"));
    // A fifo must not hold up the program, and a terminal not become its own.
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let fd = sys::open(name.as_c(), flags, 0).map_err(unreadable)?;
    let result = match sys::fstat(fd).map(|st| Ownership { mode: st.mode, user: st.uid, group: st.gid }.objection(uid))
    {
        Ok(Some(Objection { why, remedy: "" })) => Err(bad(NAME, why)),
        Ok(Some(Objection { why, remedy })) => Err(bad(NAME, format_args!("{why} ({remedy})"))),
        Ok(None) => sys::read_all(fd, &mut file).map_err(unreadable),
        Err(errno) => Err(unreadable(errno)),
    };
    sys::close(fd);
    let text = result?;
    if text.len() == policies::LARGEST_FILE {
        return Err(bad(NAME, "file over 16 KiB"));
    }
    policy.append(text, Form::File).map_err(|e| not_understood(NAME, text, &e))
}

/// One line, all or nothing: a half-read policy is not a policy.
fn complain(bad: &Bad) {
    let mut line = Text::<512>::new();
    let _ = line.push(b"faultless: ");
    let _ = line.push(bad.name);
    let _ = line.push(b": ");
    let _ = line.push(bad.why.as_bytes());
    let _ = line.push(b"; running without it (try: faultless policy show)\n");
    let _ = sys::write_quietly(2, line.as_bytes());
}

/// Base name of the executable as it was started; where that was by way of /proc/self/exe, of what this leads to.
fn exe_name(link: &mut Text<256>) -> &[u8] {
    // SAFETY: AT_EXECFN is a C string on the initial stack, or 0.
    let path = unsafe {
        let path = libc::getauxval(libc::AT_EXECFN) as *const c_char;
        if path.is_null() { c"" } else { CStr::from_ptr(path) }
    };
    let mut path = path.to_bytes();
    if path.starts_with(b"/proc/") || path.starts_with(b"/dev/fd/") {
        let mut target = [0u8; 255];
        if let Ok(real) = sys::readlink(c"/proc/self/exe", &mut target) {
            let _ = link.push(real.strip_suffix(b" (deleted)").unwrap_or(real));
            path = link.as_bytes();
        }
    }
    path.rsplit(|b| *b == b'/').next().unwrap_or(&[])
}

/// Finishes the report after the program's exit handlers.
#[used]
#[unsafe(link_section = ".fini_array")]
static FINISH: extern "C" fn() = finish;

extern "C" fn finish() {
    report::finish();
}
