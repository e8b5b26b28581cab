//! What is hot: the library's locks alone.
//!
//! What must hold here: it lies where the library's does, below what watches.

#[path = "../../../src/shim/src/watch/hot/locks.rs"]
pub mod locks;
