//! The library's own files of what several threads change at once, in every order that they can come in: its lifecycle,
//! budgets, records, pool, queue, and the handshake with the watching thread.
//!
//! What must hold here: these are the files that are shipped, not copies of them. They take their atomics from
//! [`sync`] and their system calls from [`kernel`], which stand in for the library's; what they call beyond that is in
//! `around`, and does as little as it can. Each model in `tests` also shows faults that it finds.
#![allow(dead_code, reason = "the library's own files, of which the models use what is shared")]
#![allow(clippy::new_without_default, reason = "what stands in has what the library calls, and no more")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "the library's files say it where they are linted")]

mod around;
pub mod crew;
pub mod kernel;
pub mod machine;
pub mod program;
pub mod schedules;
pub mod sync;
pub mod watch;

use around::{
    act, arch, captive, countdown, coverage, descriptors, heap, limits, looks, own_stack, pages, populate, real, trial,
    usage,
};
use kernel as sys;

/// What makes way for an allocation that was refused: of the real one, what is kept.
fn make_way() -> Option<()> {
    recycle::give_way().then_some(())
}

#[path = "../../../src/shim/src/blocks.rs"]
pub mod blocks;
#[path = "../../../src/shim/src/budget.rs"]
pub mod budget;
#[path = "../../../src/shim/src/identity.rs"]
pub mod identity;
#[path = "../../../src/shim/src/malloc/large.rs"]
pub mod large;
#[path = "../../../src/shim/src/live.rs"]
pub mod live;
#[path = "../../../src/shim/src/recycle.rs"]
pub mod recycle;
#[path = "../../../src/shim/src/regions.rs"]
pub mod regions;
#[path = "../../../src/shim/src/small_path.rs"]
pub mod small_path;
#[path = "../../../src/shim/src/state.rs"]
pub mod state;
#[path = "../../../src/shim/src/target.rs"]
pub mod target;
#[path = "../../../src/shim/src/transit.rs"]
pub mod transit;
