//! Files larger than memory: scenes under a memory cgroup, beside the program alone, its own fixed advice and the peers.
//!
//! What must hold here: each scene is a row of a table, played by stage/scene.rs; a rule names nothing that a user could
//! not name in the same place.

pub(in crate::prove) mod beside;
mod hot_range;
mod passes;
mod patterns;
mod prefault;
mod stores;

use crate::stage::scene::{self, Scene};

use super::Sink;

/// MiB that a group may use, and those of a file that is too large for it.
pub(in crate::prove) const LIMIT: u64 = 256;
pub(in crate::prove) const LARGE: u64 = 2 * LIMIT;

/// Every scene that is asked for.
pub fn prove(sink: Sink<'_>) {
    scene::prove("files", &scenes(), sink);
}

/// The scenes, the most important first.
pub fn scenes() -> Vec<Scene> {
    let all = [
        hot_range::scenes(),
        beside::scenes(),
        passes::scenes(),
        patterns::scenes(),
        prefault::scenes(),
        stores::scenes(),
    ];
    all.into_iter().flatten().collect()
}
