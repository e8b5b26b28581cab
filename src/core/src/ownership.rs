//! Who may change a file of rules.
//!
//! What must hold here: one answer for the shim and the command, from what fstat(2) says of the file as it was opened.

/// What fstat(2) says of an opened file.
#[derive(Clone, Copy, Debug)]
pub struct Ownership {
    /// type and permissions
    pub mode: u32,
    /// owner
    pub user: u32,
    /// group
    pub group: u32,
}

/// What is wrong with a file, and the command that puts it right, but for the file's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Objection {
    /// in words
    pub why: &'static str,
    /// begins a command line; empty if there is none
    pub remedy: &'static str,
}

const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITE: u32 = 0o020;

impl Ownership {
    /// Why its rules must not be followed by `user`; `None` if they may be.
    ///
    /// A group may write if it is root's or the owner's own, which has the owner's number: with a umask of 002 every file
    /// of an ordinary user has that.
    pub fn objection(&self, user: u32) -> Option<Objection> {
        let objection = |why, remedy| Some(Objection { why, remedy });
        if self.mode & TYPE != REGULAR {
            return objection("it is not a regular file", "");
        }
        if self.user != 0 && self.user != user {
            return objection("it is another user's, who may change it", "chown root");
        }
        if self.mode & OTHERS_WRITE != 0 {
            return objection("anybody may change it", "chmod go-w");
        }
        if self.mode & GROUP_WRITE != 0 && self.group != 0 && self.group != self.user {
            return objection("a group may change it", "chmod g-w");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(mode: u32, user: u32, group: u32) -> bool {
        Ownership { mode: REGULAR | mode, user, group }.objection(1000).is_some()
    }

    #[test]
    fn files_of_ones_own_and_of_root_are_followed() {
        for (mode, user, group) in [
            (0o644, 1000, 1000),
            (0o644, 0, 0),
            (0o600, 1000, 50),
            (0o664, 1000, 1000),
            (0o664, 0, 0),
            (0o640, 0, 1000),
        ] {
            assert!(!refused(mode, user, group), "{mode:o} {user} {group}");
        }
    }

    #[test]
    fn files_that_others_may_write_are_not() {
        for (mode, user, group) in
            [(0o646, 1000, 1000), (0o666, 0, 0), (0o664, 1000, 50), (0o664, 0, 50), (0o600, 1001, 0)]
        {
            assert!(refused(mode, user, group), "{mode:o} {user} {group}");
        }
    }

    #[test]
    fn only_regular_files_are() {
        let pipe = Ownership { mode: 0o010_600, user: 1000, group: 1000 };
        assert!(pipe.objection(1000).is_some());
    }
}
