//! The hooks of exec and spawn: which programs the preload cannot reach, and which it must not.
//!
//! What must hold here: works in a vfork child, so nothing is written but the stack and atomic counters of the page; the
//! program's own call is made with its own arguments, but for one thing: a target with AddressSanitizer inside is
//! started without us in LD_PRELOAD, because it aborts when anything precedes it. A look that fails means "reached".

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::Ordering::Relaxed;

use faultless_core::counters::C;
use faultless_core::page::Unreached;

use crate::elf;
use crate::real::*;
use crate::text::Text;
use crate::{captive, pages, report, state, symbols, sys};

type Strings = *const *const c_char;

/// The name under which LD_PRELOAD knows us.
const NAME: &[u8] = b"libfaultless.so";
/// The variable, and what stands before its value.
const LIST: &[u8] = b"LD_PRELOAD=";
/// Most environment strings that are copied on the stack; a longer environment is passed on as it is.
const ENV_MAX: usize = 768;

unsafe extern "C" {
    static environ: Strings;
}

/// Whether an environment can be read: what the program passes may be no pointer at all, or hold such, and the call then
/// fails as it would. The kernel is asked about each page of the array and the beginning of each string.
///
/// # Safety
/// Nothing is read that the kernel has not shown to be readable.
unsafe fn is_sound(at: Strings) -> bool {
    let mut next = at;
    loop {
        let place = next as usize;
        let is_new_page = next == at || place % sys::PAGE < size_of::<usize>();
        if next.is_null() {
            return true;
        }
        if is_new_page && !sys::is_readable(place) {
            return false;
        }
        // SAFETY: as shown.
        let string = unsafe { next.read() };
        if string.is_null() {
            return true;
        }
        if !sys::is_readable(string as usize) {
            return false;
        }
        next = next.wrapping_add(1);
    }
}

/// A string of an environment, of which no byte is read that the kernel has not shown to be readable: it may have no end.
#[derive(Clone, Copy)]
struct Entry(*const c_char);

impl Entry {
    /// The byte at a place, where those before it have been read.
    fn byte(self, place: usize) -> Option<u8> {
        let at = self.0.wrapping_add(place);
        let is_new_page = place > 0 && (at as usize).is_multiple_of(sys::PAGE);
        // SAFETY: in a page that has been read from, or that the kernel has just read from.
        (!is_new_page || sys::is_readable(at as usize)).then(|| unsafe { at.cast::<u8>().read() })
    }

    fn has_name(self, name: &[u8]) -> bool {
        name.iter().enumerate().all(|(place, byte)| self.byte(place) == Some(*byte))
    }

    /// What follows the name and its `=`, if this is it.
    fn value(self, name: &[u8]) -> Option<&'static [u8]> {
        const MOST: usize = 128 << 10; // the kernel takes none that is longer
        if !self.has_name(name) {
            return None;
        }
        let end = (name.len()..MOST).find(|place| matches!(self.byte(*place), Some(0) | None))?;
        self.byte(end)?;
        // SAFETY: all of them have been read.
        Some(unsafe { core::slice::from_raw_parts(self.0.cast::<u8>().wrapping_add(name.len()), end - name.len()) })
    }
}

/// The strings of an environment.
///
/// # Safety
/// `at` must be null or end with a null, and the first byte of each be readable.
unsafe fn strings(at: Strings) -> impl Iterator<Item = Entry> {
    let mut next = at;
    core::iter::from_fn(move || {
        // SAFETY: not yet past the null.
        let string = if next.is_null() { core::ptr::null() } else { unsafe { next.read() } };
        next = next.wrapping_add(1);
        (!string.is_null()).then_some(Entry(string))
    })
}

/// What LD_PRELOAD is set to, if it names us.
///
/// # Safety
/// As [`strings`].
unsafe fn preload(env: Strings) -> Option<&'static [u8]> {
    // SAFETY: as the caller says.
    unsafe { strings(env) }
        .filter_map(|s| s.value(LIST))
        .last()
        .filter(|list| list.windows(NAME.len()).any(|w| w == NAME))
}

fn is_there(path: &CStr) -> bool {
    sys::stat(path, true).is_ok()
}

/// Whether there is no such file as LD_PRELOAD names: since a chroot, or a move into a container. Of the loaders only
/// glibc's says so.
#[inline(never)]
fn is_elsewhere(list: &[u8]) -> bool {
    let ours = list.split(|b| matches!(b, b' ' | b':')).find(|entry| entry.ends_with(NAME));
    let mut path = Text::<512>::new();
    // A name without a slash is looked for by the loader.
    ours.is_some_and(|entry| entry.contains(&b'/') && path.push(entry).is_ok() && !is_there(path.as_c()))
}

/// # Safety
/// `env` as [`strings`].
unsafe fn prepare(path: Option<&CStr>, env: Strings) -> Option<&'static [u8]> {
    let page = pages::current();
    page.add(C::Execs, 1);
    // SAFETY: as the caller says.
    let ours = unsafe { preload(env) };
    let why = match path.map(elf::look) {
        Some(Unreached::No) | None if ours.is_none() => Unreached::Environment,
        Some(Unreached::No) if ours.is_some_and(is_elsewhere) && path.is_some_and(is_there) => Unreached::Root,
        Some(why) => why,
        None => Unreached::No,
    };
    if why == Unreached::No {
        return None;
    }
    // A forked child that has done nothing else makes its page for this.
    let page = state::enter().map_or(page, |live| live.page);
    page.add(C::NotReached, 1);
    let name = path.map_or(&b"?"[..], |p| p.to_bytes().rsplit(|b| *b == b'/').next().unwrap_or(b"?"));
    for (to, from) in page.unreached_exe.iter().zip(name.iter().take(47).chain(core::iter::repeat(&0))) {
        to.store(*from, Relaxed);
    }
    page.unreached.store(why as u32, Relaxed);
    page.unreached_count.fetch_add(1, Relaxed);
    ours.filter(|_| why == Unreached::Sanitizer)
}

/// An environment on the stack.
struct Room {
    strings: [*const c_char; ENV_MAX],
    preload: Text<1024>,
}

impl Room {
    const fn new() -> Room {
        Room { strings: [core::ptr::null(); ENV_MAX], preload: Text::new() }
    }

    /// The environment with us taken out of LD_PRELOAD. None: too long.
    ///
    /// # Safety
    /// As [`strings`].
    unsafe fn without_us(&mut self, env: Strings, list: &[u8]) -> Option<Strings> {
        self.preload.push(LIST).ok()?;
        let is_ours = |entry: &[u8]| entry.ends_with(NAME);
        for entry in list.split(|b| matches!(b, b' ' | b':')).filter(|e| !e.is_empty() && !is_ours(e)) {
            if self.preload.as_bytes().len() > LIST.len() {
                self.preload.push(b":").ok()?;
            }
            self.preload.push(entry).ok()?;
        }
        let mut places = self.strings.iter_mut();
        // SAFETY: as the caller says.
        for string in unsafe { strings(env) } {
            *places.next()? = if string.has_name(LIST) { self.preload.as_c().as_ptr() } else { string.0 };
        }
        *places.next()? = core::ptr::null();
        Some(self.strings.as_ptr())
    }
}

/// A name as execvp finds it: as it is with a slash, else the first executable file of that name in PATH.
fn in_path(name: &CStr, found: &mut Text<512>) -> Option<()> {
    if name.to_bytes().contains(&b'/') {
        return found.push(name.to_bytes()).ok();
    }
    // SAFETY: the C library's own environment.
    let path = unsafe { strings(environ) }.find_map(|s| s.value(b"PATH="));
    for folder in path.unwrap_or(b"/bin:/usr/bin").split(|b| *b == b':') {
        found.clear();
        let folder = if folder.is_empty() { b"." } else { folder };
        if found.push(folder).is_ok()
            && found.push(b"/").is_ok()
            && found.push(name.to_bytes()).is_ok()
            && elf::is_executable(found.as_c())
        {
            return Some(());
        }
    }
    None
}

/// # Safety
/// As execve(2).
unsafe fn run(path: *const c_char, search: bool, env: Strings, call: impl FnOnce(Strings) -> c_int) -> c_int {
    state::resolve_early();
    // SAFETY: asks before it reads.
    if !state::is_on() || captive::is_here() || path.is_null() || !sys::is_string(path) || !unsafe { is_sound(env) } {
        return call(env);
    }
    // SAFETY: the program's own path, and environment.
    let ours = unsafe {
        let name = CStr::from_ptr(path);
        count(name, search, env)
    };
    match ours {
        // SAFETY: as above.
        Some(list) => unsafe { call_without_us(env, list, call) },
        None => call(env),
    }
}

/// Looks at the target and counts it. Returns LD_PRELOAD if we must be taken out of it.
///
/// # Safety
/// `env` as [`strings`].
#[inline(never)]
unsafe fn count(name: &CStr, search: bool, env: Strings) -> Option<&'static [u8]> {
    let mut found = Text::<512>::new();
    let target = if search { in_path(name, &mut found).map(|()| found.as_c()) } else { Some(name) };
    // SAFETY: as the caller says.
    unsafe { prepare(target, env) }
}

/// Makes the call with an environment in which LD_PRELOAD does not name us. Apart from its caller, because exec may be
/// called on a small stack and this needs a large one.
///
/// # Safety
/// As [`strings`].
#[inline(never)]
unsafe fn call_without_us(env: Strings, list: &[u8], call: impl FnOnce(Strings) -> c_int) -> c_int {
    let mut room = Room::new();
    // SAFETY: as the caller says.
    let without = unsafe { room.without_us(env, list) };
    call(without.unwrap_or(env))
}

/// The same for a call that replaces this image unless it fails.
///
/// # Safety
/// As execve(2).
unsafe fn replace(path: *const c_char, search: bool, env: Strings, call: impl FnOnce(Strings) -> c_int) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        run(path, search, env, |env| {
            let ended = report::before_exec();
            let result = call(env);
            if let Some(taken) = ended {
                let _errno = sys::KeepErrno::new();
                report::exec_failed(taken);
            }
            result
        })
    }
}

/// execve(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(path: *const c_char, argv: Strings, env: Strings) -> c_int {
    // SAFETY: the program's own call.
    unsafe { replace(path, false, env, |env| EXECVE.get()(path, argv, env)) }
}

/// execv(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, argv: Strings) -> c_int {
    // SAFETY: the program's own call; execv is execve with `environ`.
    unsafe { replace(path, false, environ, |env| EXECVE.get()(path, argv, env)) }
}

/// execvp(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(path: *const c_char, argv: Strings) -> c_int {
    // SAFETY: the program's own call.
    unsafe {
        replace(path, true, environ, |env| {
            if core::ptr::eq(env, environ) { EXECVP.get()(path, argv) } else { EXECVPE.get()(path, argv, env) }
        })
    }
}

/// execvpe(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvpe(path: *const c_char, argv: Strings, env: Strings) -> c_int {
    // SAFETY: the program's own call.
    unsafe { replace(path, true, env, |env| EXECVPE.get()(path, argv, env)) }
}

/// What the trampolines of execl, execlp and execle pass on: the variable arguments as the array that they make of them.
/// `kind` is 0, 1, 2 in that order; execle's environment follows the null.
pub unsafe extern "C" fn execl_collected(path: *const c_char, argv: Strings, kind: c_int) -> c_int {
    // SAFETY: the program's own call, as its other form.
    unsafe {
        match kind {
            0 => execv(path, argv),
            1 => execvp(path, argv),
            _ => {
                let mut end = argv;
                while !end.read().is_null() {
                    end = end.add(1);
                }
                execve(path, argv, end.add(1).read().cast())
            }
        }
    }
}

/// fexecve(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fexecve(fd: c_int, argv: Strings, env: Strings) -> c_int {
    use core::fmt::Write;
    let mut path = Text::<32>::new();
    let _ = write!(path, "/proc/self/fd/{fd}");
    // SAFETY: the program's own call.
    unsafe { replace(path.as_c().as_ptr(), false, env, |env| FEXECVE.get()(fd, argv, env)) }
}

/// Calls the real function, and its old version where the caller was linked with that: until glibc 2.15 posix_spawn ran
/// files that are no programs through the shell, and what was linked before relies on it.
unsafe fn spawn(real: &Real<Spawn>, name: &'static CStr, caller: usize, call: impl Fn(Spawn) -> c_int) -> c_int {
    let result = call(real.get());
    match if result == libc::ENOEXEC { symbols::old(name, c"GLIBC_2.2.5", caller) } else { None } {
        // SAFETY: another version of the same function.
        Some(old) => call(unsafe { core::mem::transmute::<usize, Spawn>(old) }),
        None => result,
    }
}

/// posix_spawn(3), called from `caller`.
pub unsafe extern "C" fn spawned_from(
    pid: *mut c_int,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    argv: Strings,
    env: Strings,
    caller: usize,
) -> c_int {
    // SAFETY: the program's own call.
    unsafe {
        run(path, false, env, |env| {
            spawn(&POSIX_SPAWN, c"posix_spawn", caller, |f| f(pid, path, actions, attributes, argv, env))
        })
    }
}

/// posix_spawnp(3), called from `caller`.
pub unsafe extern "C" fn spawned_by_name_from(
    pid: *mut c_int,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    argv: Strings,
    env: Strings,
    caller: usize,
) -> c_int {
    // SAFETY: the program's own call.
    unsafe {
        run(path, true, env, |env| {
            spawn(&POSIX_SPAWNP, c"posix_spawnp", caller, |f| f(pid, path, actions, attributes, argv, env))
        })
    }
}
