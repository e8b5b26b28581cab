//! libfaultless.so: preloaded into unmodified programs, it decides when and how their memory becomes resident.
//!
//! The folder reads as the data flows: environment (`start`) → policy (`state`) → hooks (`exports`, `malloc`, `process`,
//! `exec`) → actions (`mapping`, `act` and what it calls) → counters (`pages`) → report (`report`).
//!
//! What must hold everywhere here (docs/design.md, Rules of the house): no std, no allocation, no panic, no blocking
//! lock, no dlsym; the program's own call first; the same return value and errno; pass-through on every doubt.
#![no_std]
#![allow(clippy::missing_safety_doc, reason = "the hooks' contracts are those of the man page that each names")]

mod act;
mod advice;
mod arch;
mod blocks;
mod budget;
mod captive;
mod coverage;
mod crew;
mod descriptors;
mod early;
mod elf;
mod exec;
mod exports;
mod heap;
mod identity;
mod learnt;
mod limits;
mod live;
mod lock;
mod logger;
mod looks;
mod malloc;
mod mapping;
mod opened;
mod opening;
mod own_stack;
mod pages;
mod populate;
mod process;
mod real;
mod recycle;
mod regions;
mod report;
mod scarce;
mod segments;
mod small_path;
mod stacks;
mod start;
mod startup;
mod state;
mod symbols;
mod sync;
mod sys;
mod target;
mod text;
mod transit;
mod trial;
mod usage;
mod watch;

use arch::{countdown, trampolines};

/// No code here panics; if one does all the same, the process must not go on with what it was doing.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    sys::exit_group(134)
}
