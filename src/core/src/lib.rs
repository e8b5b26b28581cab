//! What the shim and the command share: the rule language, the options, the counter page, the report.
//!
//! What must hold here: `no_std`, no allocation, no syscall, no hook, no constructor, no panic on any input. The
//! shim links this into other people's processes; the command links the same code, so that what it says about
//! a policy is what the shim will do. Nothing that defines `malloc` may ever be linked with this crate.
#![no_std]
#![forbid(unsafe_code)]

mod actions;
pub mod buddyinfo;
pub mod counters;
mod destination;
pub mod heat;
pub mod matching;
pub mod options;
pub mod ownership;
pub mod page;
pub mod parse;
pub mod policies;
pub mod reason;
pub mod report;
pub mod rules;
pub mod size;
mod spelling;
