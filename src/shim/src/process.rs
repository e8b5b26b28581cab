//! The hooks of a process's life: its start, its forks, its end.
//!
//! What must hold here: whatever way a process ends that passes through here leaves a full counter page and, if one is
//! due, a report; a vfork child's end is not its parent's. Programs close their standard error in an exit handler
//! (coreutils do), so it is duplicated when the end begins, and not earlier: a descriptor of ours that stays open keeps
//! pipes open.

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering::*};

use faultless_core::counters::C;
use faultless_core::page::End;

use crate::real::*;
use crate::{heap, recycle, report, state};

type MainFn = extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;

/// The program's own main.
#[unsafe(link_section = ".bss.start")]
static MAIN: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

extern "C" fn main_then_leave(argc: c_int, argv: *mut *mut c_char, env: *mut *mut c_char) -> c_int {
    // SAFETY: `__libc_start_main` has put a main there.
    let main = unsafe { core::mem::transmute::<*mut (), MainFn>(MAIN.load(Relaxed)) };
    let status = main(argc, argv, env);
    report::leaving(End::Exit, status);
    status
}

/// The C library's start: main is wrapped, so that its return is seen before exit handlers run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_start_main(
    main: MainFn,
    argc: c_int,
    argv: *mut *mut c_char,
    init: *mut c_void,
    fini: *mut c_void,
    rtld_fini: *mut c_void,
    stack_end: *mut c_void,
) -> c_int {
    state::resolve_early();
    let wrapped = if state::is_on() {
        MAIN.store(main as *mut (), Relaxed);
        main_then_leave
    } else {
        main
    };
    // SAFETY: the program's own start.
    unsafe { START_MAIN.get()(wrapped, argc, argv, init, fini, rtld_fini, stack_end) }
}

/// exit(3): handlers run after this, then the destructor finishes the report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exit(status: c_int) -> ! {
    state::resolve_early();
    report::leaving(End::Exit, status);
    // SAFETY: the program's own call.
    unsafe { EXIT.get()(status) }
}

/// _exit(2): nothing of ours would run after it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _exit(status: c_int) -> ! {
    state::resolve_early();
    report::leaving(End::UnderscoreExit, status);
    report::finish();
    // SAFETY: the program's own call.
    unsafe { UNDERSCORE_EXIT.get()(status) }
}

/// _Exit(3), the same under its C99 name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Exit(status: c_int) -> ! {
    // SAFETY: the program's own call.
    unsafe { _exit(status) }
}

/// quick_exit(3): runs the handlers of at_quick_exit and no destructor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn quick_exit(status: c_int) -> ! {
    state::resolve_early();
    report::leaving(End::UnderscoreExit, status);
    report::finish();
    // SAFETY: the program's own call.
    unsafe { QUICK_EXIT.get()(status) }
}

/// The kernel would copy the page tables of what is kept for a child that has no use for it.
unsafe extern "C" fn about_to_fork() {
    recycle::give_way();
}

unsafe extern "C" fn forked_parent() {
    if let Some(live) = state::enter() {
        live.page.add(C::Forks, 1);
    }
}

unsafe extern "C" fn forked_child() {
    report::drop_inherited();
    let keeps = heap::keeps();
    state::become_child();
    if keeps {
        heap::inherit();
    }
}

/// Asks to be told of forks: fork and daemon run these handlers, vfork and posix_spawn don't. Constructor only.
pub fn watch_forks() {
    /// Names us as the owner; any address of ours does, since we are never unloaded.
    static OWNER: u8 = 0;
    // SAFETY: the handlers stay for ever.
    unsafe {
        REGISTER_ATFORK.get()(Some(about_to_fork), Some(forked_parent), Some(forked_child), (&raw const OWNER).cast())
    };
}
