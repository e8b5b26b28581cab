//! Starting a program: its arguments and environment, execvpe, and env(1)'s exit codes when that fails.
//!
//! What must hold here: the program gets exactly what `faultless` itself got (signal dispositions, signal mask,
//! descriptors, working directory) and its environment differs only in what [`crate::launch`] set. Therefore not
//! `std::process::Command`, which empties the mask and resets SIGPIPE.

use std::ffi::{CString, OsString};
use std::io;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::ptr;

/// A program with its arguments and environment, ready for exec.
pub struct Program {
    argv: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    /// Takes the arguments (the first is the program's name) and the whole environment.
    ///
    /// # Errors
    /// A NUL byte within one of them, or no argument at all.
    pub fn new(argv: &[OsString], environment: &[(OsString, OsString)]) -> io::Result<Program> {
        if argv.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let argv = argv.iter().map(|a| CString::new(a.as_bytes())).collect::<Result<_, _>>()?;
        let pair =
            |(name, value): &(OsString, OsString)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat());
        let environment = environment.iter().map(pair).collect::<Result<_, _>>()?;
        Ok(Program { argv, environment })
    }

    /// Becomes the program. Returns only if that failed, with the error.
    pub fn exec(&self) -> io::Error {
        self.prepare().exec()
    }

    /// The arrays that execvpe takes, for a child that may not allocate.
    pub fn prepare(&self) -> Prepared<'_> {
        let pointers = |list: &[CString]| list.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect();
        Prepared { argv: pointers(&self.argv), environment: pointers(&self.environment), of: PhantomData }
    }
}

/// A program as execvpe takes it.
pub struct Prepared<'a> {
    argv: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    of: PhantomData<&'a Program>,
}

impl Prepared<'_> {
    /// Becomes the program. Returns only if that failed, with the error; allocates nothing.
    pub fn exec(&self) -> io::Error {
        // SAFETY: both arrays end in a null pointer, hold NUL-terminated strings, and outlive the call, as these do;
        // `Program::new` made sure of a first argument.
        unsafe { libc::execvpe(self.argv[0], self.argv.as_ptr(), self.environment.as_ptr()) };
        io::Error::last_os_error()
    }
}

/// The exit code of env(1) for an exec that failed: 127 not found, 126 found but not to be run.
pub fn exit_code(error: &io::Error) -> i32 {
    if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
}
