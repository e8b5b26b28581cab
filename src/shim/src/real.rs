//! The real functions behind our hooks: whatever the program would have called without us.
//!
//! What must hold here: each entry is callable at any time. Until the constructor has found the real ones
//! ([`resolve`]), the entries are raw system calls and the allocator of `early`. They are the next definitions in
//! search order, not the C library's own, so that a preloaded jemalloc or a tracer behind us stays in charge.
//! What most programs of a tree never call is looked up by the first call, in whatever context that comes.

mod raw;

use core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_ulong, c_void};
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};

use crate::symbols::{self, Wanted};
use crate::{arch, early, state, sys};

/// One real function. The small path jumps through it, so it is nothing but the pointer.
#[repr(transparent)]
pub struct Real<F>(AtomicPtr<()>, PhantomData<F>);

// SAFETY: a function pointer in an atomic may be used from any thread.
unsafe impl<F> Sync for Real<F> {}

impl<F: Copy> Real<F> {
    const fn new(first: *mut ()) -> Real<F> {
        Real(AtomicPtr::new(first), PhantomData)
    }

    /// The function to call now.
    #[inline(always)]
    pub fn get(&self) -> F {
        const { assert!(size_of::<F>() == size_of::<*mut ()>()) };
        // SAFETY: the pointer is a function of type F: `new` and `resolve` put nothing else there.
        unsafe { core::mem::transmute_copy(&self.0.load(Relaxed)) }
    }

    /// Looks the function up, for this call and those to come. None: nobody has it.
    fn find(&self, wanted: &Wanted) -> Option<F> {
        let mut address = symbols::late(wanted);
        if address == 0 {
            // For a library's constructor that comes before ours.
            state::resolve_early();
            address = symbols::late(wanted);
        }
        (address != 0).then(|| {
            self.0.store(address as *mut (), Relaxed);
            self.get()
        })
    }
}

type Exec = unsafe extern "C" fn(*const c_char, *const *const c_char, *const *const c_char) -> c_int;
type ExecArgs = unsafe extern "C" fn(*const c_char, *const *const c_char) -> c_int;
/// posix_spawn(3).
pub type Spawn = unsafe extern "C" fn(
    *mut c_int,
    *const c_char,
    *const c_void,
    *const c_void,
    *const *const c_char,
    *const *const c_char,
) -> c_int;
type Open = unsafe extern "C" fn(*const c_char, c_int, ...) -> c_int;
type OpenAt = unsafe extern "C" fn(c_int, *const c_char, c_int, ...) -> c_int;
type Open2 = unsafe extern "C" fn(*const c_char, c_int) -> c_int;
type OpenAt2 = unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int;
type Fopen = unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void;
type Freopen = unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void) -> *mut c_void;
type OfStream = unsafe extern "C" fn(*mut c_void) -> c_int;
type Stat = unsafe extern "C" fn(*const c_char, *mut libc::stat) -> c_int;
type StatAt = unsafe extern "C" fn(c_int, *const c_char, *mut libc::stat, c_int) -> c_int;
/// As the C library had them before glibc 2.33.
type OldStat = unsafe extern "C" fn(c_int, *const c_char, *mut libc::stat) -> c_int;
type OldStatAt = unsafe extern "C" fn(c_int, c_int, *const c_char, *mut libc::stat, c_int) -> c_int;
type Advise = unsafe extern "C" fn(*mut c_void, usize, c_int) -> c_int;
type SetLimit = unsafe extern "C" fn(c_int, *const libc::rlimit) -> c_int;
type ChangeLimit = unsafe extern "C" fn(c_int, c_int, *const libc::rlimit, *mut libc::rlimit) -> c_int;
type Fadvise = unsafe extern "C" fn(c_int, i64, i64, c_int) -> c_int;
/// A function to call at fork.
pub type ForkHandler = Option<unsafe extern "C" fn()>;
type Main = extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Pass = *mut c_void;

macro_rules! reals {
    ($($id:ident $name:literal: $type:ty = $first:expr;)*) => {
        $(
            #[doc = concat!("the real `", $name, "`")]
            pub static $id: Real<$type> = Real::new($first as *mut ());
        )*

        /// Finds the real functions. The malloc family is taken whole or not at all: without a malloc behind us, its
        /// entries stay as they are.
        pub fn resolve() {
            let mut wanted = [$(const { Wanted::new(c_str(concat!($name, "\0"))) }),*];
            let is_ours = symbols::first(&mut wanted, FAMILY);
            let [malloc, _, _, free, .., glibc] = &wanted;
            FREE_BEFORE_US.store(free.before_us as *mut (), Relaxed);
            let has_malloc = malloc.address != 0;
            ALLOCATOR_IS_OURS.store(is_ours, Relaxed);
            MALLOC_IS_GLIBC.store(malloc.is_beside(glibc), Relaxed);
            let mut found = wanted.iter();
            $(
                if let Some(w) = found.next().filter(|w| w.address != 0 && (has_malloc || !is_malloc($name))) {
                    $id.0.store(w.address as *mut (), Relaxed);
                }
            )*
            if !symbols::may_be_late() {
                resolve_the_rest();
            }
        }
    };
}

/// Real functions that are looked up when they are first called: until then the entry is what does that. Where nobody
/// defines one, or the constructor has not run, the call is what `raw` makes of it.
macro_rules! late {
    ($($id:ident $name:literal: $type:ty = ($($arg:ident: $of:ty),*) -> $result:ty, $raw:expr;)*) => {
        $(
            #[doc = concat!("the real `", $name, "`")]
            pub static $id: Real<$type> = {
                unsafe extern "C" fn first($($arg: $of),*) -> $result {
                    const WANTED: Wanted = Wanted::new(c_str(concat!($name, "\0")));
                    // SAFETY: the program's own call.
                    unsafe {
                        match $id.find(&WANTED) {
                            Some(real) => real($($arg),*),
                            None => $raw($($arg),*),
                        }
                    }
                }
                Real::new(first as *mut ())
            };
        )*

        /// Finds these too: for where they can't be looked up later (musl; a library that came by dlopen).
        #[inline(never)]
        fn resolve_the_rest() {
            let mut wanted = [$(const { Wanted::new(c_str(concat!($name, "\0"))) }),*];
            symbols::real(&mut wanted);
            let mut found = wanted.iter();
            $(
                if let Some(w) = found.next().filter(|w| w.address != 0) {
                    $id.0.store(w.address as *mut (), Relaxed);
                }
            )*
        }
    };
}

reals! {
    MALLOC "malloc": unsafe extern "C" fn(usize) -> *mut c_void = early::malloc;
    CALLOC "calloc": unsafe extern "C" fn(usize, usize) -> *mut c_void = early::calloc;
    REALLOC "realloc": unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void = early::realloc;
    FREE "free": unsafe extern "C" fn(*mut c_void) = early::free;
    POSIX_MEMALIGN "posix_memalign": unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int
        = early::posix_memalign;
    ALIGNED_ALLOC "aligned_alloc": unsafe extern "C" fn(usize, usize) -> *mut c_void = early::memalign;
    USABLE_SIZE "malloc_usable_size": unsafe extern "C" fn(*mut c_void) -> usize = early::usable_size;
    MEMALIGN "memalign": unsafe extern "C" fn(usize, usize) -> *mut c_void = early::memalign;
    VALLOC "valloc": unsafe extern "C" fn(usize) -> *mut c_void = early::valloc;
    PVALLOC "pvalloc": unsafe extern "C" fn(usize) -> *mut c_void = early::valloc;
    MALLOC_TRIM "malloc_trim": unsafe extern "C" fn(usize) -> c_int = early::nothing;
    MALLOPT "mallopt": unsafe extern "C" fn(c_int, c_int) -> c_int = early::nothing;

    EXIT "exit": unsafe extern "C" fn(c_int) -> ! = raw::exit;
    UNDERSCORE_EXIT "_exit": unsafe extern "C" fn(c_int) -> ! = raw::exit;
    QUICK_EXIT "quick_exit": unsafe extern "C" fn(c_int) -> ! = raw::exit;
    SYSCALL "syscall": unsafe extern "C" fn(c_long, usize, usize, usize, usize, usize, usize) -> c_long
        = arch::raw_syscall;
    START_MAIN "__libc_start_main": unsafe extern "C" fn(Main, c_int, *mut *mut c_char, Pass, Pass, Pass, Pass)
        -> c_int = raw::no_start_main;
    REGISTER_ATFORK "__register_atfork": unsafe extern "C" fn(ForkHandler, ForkHandler, ForkHandler, *const c_void) -> c_int
        = raw::no_register;
    GLIBC "gnu_get_libc_version": unsafe extern "C" fn() -> *const c_char = raw::no_version;
}

late! {
    MMAP "mmap": unsafe extern "C" fn(*mut c_void, usize, c_int, c_int, c_int, i64) -> *mut c_void
        = (a: *mut c_void, len: usize, p: c_int, f: c_int, fd: c_int, off: i64) -> *mut c_void, raw::mmap;
    MUNMAP "munmap": unsafe extern "C" fn(*mut c_void, usize) -> c_int
        = (a: *mut c_void, len: usize) -> c_int, raw::munmap;
    MREMAP "mremap": unsafe extern "C" fn(*mut c_void, usize, usize, c_int, *mut c_void) -> *mut c_void
        = (a: *mut c_void, o: usize, n: usize, f: c_int, to: *mut c_void) -> *mut c_void, raw::mremap;
    MPROTECT "mprotect": Advise = (a: *mut c_void, len: usize, prot: c_int) -> c_int, raw::mprotect;
    MADVISE "madvise": Advise = (a: *mut c_void, len: usize, advice: c_int) -> c_int, raw::madvise;
    POSIX_MADVISE "posix_madvise": Advise = (a: *mut c_void, len: usize, advice: c_int) -> c_int, raw::posix_madvise;
    MSYNC "msync": Advise = (a: *mut c_void, len: usize, flags: c_int) -> c_int, raw::msync;
    MLOCK "mlock": unsafe extern "C" fn(*const c_void, usize) -> c_int
        = (a: *const c_void, len: usize) -> c_int, raw::mlock;
    MLOCK2 "mlock2": unsafe extern "C" fn(*const c_void, usize, c_uint) -> c_int
        = (a: *const c_void, len: usize, flags: c_uint) -> c_int, raw::mlock2;
    MUNLOCK "munlock": unsafe extern "C" fn(*const c_void, usize) -> c_int
        = (a: *const c_void, len: usize) -> c_int, raw::munlock;
    MLOCKALL "mlockall": unsafe extern "C" fn(c_int) -> c_int = (flags: c_int) -> c_int, raw::mlockall;
    MUNLOCKALL "munlockall": unsafe extern "C" fn() -> c_int = () -> c_int, raw::munlockall;

    OPEN "open": Open = (path: *const c_char, flags: c_int, mode: c_uint) -> c_int, raw::open;
    OPEN64 "open64": Open = (path: *const c_char, flags: c_int, mode: c_uint) -> c_int, raw::open;
    OPENAT "openat": OpenAt
        = (folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int, raw::openat;
    OPENAT64 "openat64": OpenAt
        = (folder: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int, raw::openat;
    OPEN_2 "__open_2": Open2 = (path: *const c_char, flags: c_int) -> c_int, raw::open_2;
    OPEN64_2 "__open64_2": Open2 = (path: *const c_char, flags: c_int) -> c_int, raw::open_2;
    OPENAT_2 "__openat_2": OpenAt2 = (folder: c_int, path: *const c_char, flags: c_int) -> c_int, raw::openat_2;
    OPENAT64_2 "__openat64_2": OpenAt2 = (folder: c_int, path: *const c_char, flags: c_int) -> c_int, raw::openat_2;
    FOPEN "fopen": Fopen = (path: *const c_char, mode: *const c_char) -> *mut c_void, raw::no_fopen;
    FOPEN64 "fopen64": Fopen = (path: *const c_char, mode: *const c_char) -> *mut c_void, raw::no_fopen;
    FILENO "fileno": OfStream = (stream: *mut c_void) -> c_int, raw::no_stream;
    STAT "stat": Stat = (path: *const c_char, st: *mut libc::stat) -> c_int, raw::stat;
    STAT64 "stat64": Stat = (path: *const c_char, st: *mut libc::stat) -> c_int, raw::stat;
    LSTAT "lstat": Stat = (path: *const c_char, st: *mut libc::stat) -> c_int, raw::lstat;
    LSTAT64 "lstat64": Stat = (path: *const c_char, st: *mut libc::stat) -> c_int, raw::lstat;
    FSTATAT "fstatat": StatAt
        = (folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int) -> c_int, raw::fstatat;
    FSTATAT64 "fstatat64": StatAt
        = (folder: c_int, path: *const c_char, st: *mut libc::stat, flags: c_int) -> c_int, raw::fstatat;
    XSTAT "__xstat": OldStat = (version: c_int, path: *const c_char, st: *mut libc::stat) -> c_int, raw::xstat;
    XSTAT64 "__xstat64": OldStat = (version: c_int, path: *const c_char, st: *mut libc::stat) -> c_int, raw::xstat;
    LXSTAT "__lxstat": OldStat = (version: c_int, path: *const c_char, st: *mut libc::stat) -> c_int, raw::lxstat;
    LXSTAT64 "__lxstat64": OldStat = (version: c_int, path: *const c_char, st: *mut libc::stat) -> c_int, raw::lxstat;
    FXSTATAT "__fxstatat": OldStatAt = (version: c_int, folder: c_int, path: *const c_char, st: *mut libc::stat,
        flags: c_int) -> c_int, raw::fxstatat;
    FXSTATAT64 "__fxstatat64": OldStatAt = (version: c_int, folder: c_int, path: *const c_char, st: *mut libc::stat,
        flags: c_int) -> c_int, raw::fxstatat;
    STATX "statx": unsafe extern "C" fn(c_int, *const c_char, c_int, c_uint, *mut libc::statx) -> c_int
        = (folder: c_int, path: *const c_char, flags: c_int, mask: c_uint, st: *mut libc::statx) -> c_int, raw::statx;
    OPENDIR "opendir": unsafe extern "C" fn(*const c_char) -> *mut c_void
        = (path: *const c_char) -> *mut c_void, raw::no_opendir;
    DIRFD "dirfd": OfStream = (folder: *mut c_void) -> c_int, raw::no_stream;
    CLOSEDIR "closedir": OfStream = (folder: *mut c_void) -> c_int, raw::no_stream;
    CLOSE "close": unsafe extern "C" fn(c_int) -> c_int = (fd: c_int) -> c_int, raw::close;
    FCLOSE "fclose": OfStream = (stream: *mut c_void) -> c_int, raw::no_stream;
    FREOPEN "freopen": Freopen
        = (path: *const c_char, mode: *const c_char, stream: *mut c_void) -> *mut c_void, raw::no_freopen;
    FREOPEN64 "freopen64": Freopen
        = (path: *const c_char, mode: *const c_char, stream: *mut c_void) -> *mut c_void, raw::no_freopen;
    DUP2 "dup2": unsafe extern "C" fn(c_int, c_int) -> c_int = (old: c_int, new: c_int) -> c_int, raw::dup2;
    DUP3 "dup3": unsafe extern "C" fn(c_int, c_int, c_int) -> c_int
        = (old: c_int, new: c_int, flags: c_int) -> c_int, raw::dup3;
    CLOSE_RANGE "close_range": unsafe extern "C" fn(c_uint, c_uint, c_int) -> c_int
        = (first: c_uint, last: c_uint, flags: c_int) -> c_int, raw::close_range;
    CLOSEFROM "closefrom": unsafe extern "C" fn(c_int) = (first: c_int) -> (), raw::closefrom;
    POSIX_FADVISE "posix_fadvise": Fadvise
        = (fd: c_int, offset: i64, len: i64, advice: c_int) -> c_int, raw::posix_fadvise;
    POSIX_FADVISE64 "posix_fadvise64": Fadvise
        = (fd: c_int, offset: i64, len: i64, advice: c_int) -> c_int, raw::posix_fadvise;

    EXECVE "execve": Exec
        = (path: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int, raw::execve;
    EXECVPE "execvpe": Exec
        = (file: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int, raw::no_exec;
    EXECV "execv": ExecArgs = (path: *const c_char, argv: *const *const c_char) -> c_int, raw::no_exec_args;
    EXECVP "execvp": ExecArgs = (file: *const c_char, argv: *const *const c_char) -> c_int, raw::no_exec_args;
    FEXECVE "fexecve": unsafe extern "C" fn(c_int, *const *const c_char, *const *const c_char) -> c_int
        = (fd: c_int, argv: *const *const c_char, env: *const *const c_char) -> c_int, raw::no_exec;
    POSIX_SPAWN "posix_spawn": Spawn = (pid: *mut c_int, path: *const c_char, actions: *const c_void,
        attributes: *const c_void, argv: *const *const c_char, env: *const *const c_char) -> c_int, raw::no_spawn;
    POSIX_SPAWNP "posix_spawnp": Spawn = (pid: *mut c_int, file: *const c_char, actions: *const c_void,
        attributes: *const c_void, argv: *const *const c_char, env: *const *const c_char) -> c_int, raw::no_spawn;
    SETRLIMIT "setrlimit": SetLimit = (resource: c_int, limit: *const libc::rlimit) -> c_int, raw::setrlimit;
    SETRLIMIT64 "setrlimit64": SetLimit = (resource: c_int, limit: *const libc::rlimit) -> c_int, raw::setrlimit;
    PRLIMIT "prlimit": ChangeLimit = (process: c_int, resource: c_int, limit: *const libc::rlimit,
        before: *mut libc::rlimit) -> c_int, raw::prlimit;
    PRLIMIT64 "prlimit64": ChangeLimit = (process: c_int, resource: c_int, limit: *const libc::rlimit,
        before: *mut libc::rlimit) -> c_int, raw::prlimit;
    PRCTL "prctl": unsafe extern "C" fn(c_int, c_ulong, c_ulong, c_ulong, c_ulong) -> c_int
        = (option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int, raw::prctl;
}

/// The first so many of the table: who defines one of them before us has an allocator of its own.
const FAMILY: usize = 7;

#[unsafe(link_section = ".bss.start")]
static FREE_BEFORE_US: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
#[unsafe(link_section = ".bss.start")]
static ALLOCATOR_IS_OURS: AtomicBool = AtomicBool::new(false);
#[unsafe(link_section = ".bss.start")]
static MALLOC_IS_GLIBC: AtomicBool = AtomicBool::new(false);

/// What a call of `free` by the program reaches, if that is not ours: whoever has it need not have all of its siblings.
pub fn free_before_us() -> Option<unsafe extern "C" fn(*mut c_void)> {
    let function = FREE_BEFORE_US.load(Relaxed);
    // SAFETY: null, or a definition of free.
    unsafe { core::mem::transmute::<*mut (), Option<unsafe extern "C" fn(*mut c_void)>>(function) }
}

/// Whether the program's own calls of the whole malloc family come to us first, so that we may give it blocks of ours.
pub fn is_allocator_ours() -> bool {
    ALLOCATOR_IS_OURS.load(Relaxed)
}

/// A variable of the C library's, one word: null until [`find_variables`], or if it has none of the name.
type Variable = AtomicPtr<usize>;
static MALLOC_HOOKS: [Variable; 3] = [const { Variable::new(core::ptr::null_mut()) }; 3];
static BREAK: Variable = Variable::new(core::ptr::null_mut());

/// Finds the variables that heap rules look at.
pub fn find_variables() {
    let names = [c"__malloc_hook", c"__realloc_hook", c"__memalign_hook", c"__curbrk"];
    let [a, b, c] = &MALLOC_HOOKS;
    for (variable, name) in [a, b, c, &BREAK].into_iter().zip(names) {
        variable.store(symbols::late(&Wanted::new(name)) as *mut usize, Relaxed);
    }
}

/// Whether the program, or mcheck(3), has put its own functions into glibc's malloc (before 2.34): then what it returns may
/// be any memory.
pub fn is_malloc_hooked() -> bool {
    MALLOC_HOOKS.iter().any(|hook| {
        let variable = hook.load(Relaxed);
        // SAFETY: glibc's own variable, one word; from 2.34 on it is there for old programs, and nobody reads it.
        !variable.is_null() && unsafe { variable.read_volatile() } != 0
    })
}

/// Where the brk heap ends, as glibc has it. None: it doesn't say.
pub fn program_break() -> Option<usize> {
    let variable = BREAK.load(Relaxed);
    // SAFETY: glibc's own variable, one word.
    (!variable.is_null()).then(|| unsafe { variable.read_volatile() })
}

/// Whether the malloc behind us is glibc's own, whose heaps have a shape that we know.
pub fn is_malloc_glibc() -> bool {
    MALLOC_IS_GLIBC.load(Relaxed)
}

/// glibc's version after the `2.`, as (43, 0); the next one's previews are (42, 9000). (0, 0) is no glibc.
pub fn glibc_version() -> (u32, u32) {
    // SAFETY: glibc's own function, or ours in its place; what it returns is null or a C string that stays.
    let text = unsafe {
        match GLIBC.get()() {
            text if text.is_null() => return (0, 0),
            text => CStr::from_ptr(text).to_bytes(),
        }
    };
    let mut numbers = text.split(|b| *b == b'.').skip(1).map(|digits| {
        digits
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .fold(0u32, |n, b| n.wrapping_mul(10).wrapping_add(u32::from(b - b'0')))
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

const fn c_str(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(s) => s,
        Err(_) => c"",
    }
}

/// The malloc family.
fn is_malloc(name: &str) -> bool {
    matches!(
        name,
        "malloc"
            | "calloc"
            | "realloc"
            | "free"
            | "posix_memalign"
            | "aligned_alloc"
            | "memalign"
            | "valloc"
            | "pvalloc"
            | "malloc_usable_size"
            | "malloc_trim"
            | "mallopt"
    )
}
