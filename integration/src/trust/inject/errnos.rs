//! Every system call that the shim makes, with the errnos that its man page (man-pages 6.03) lists.
//!
//! What must hold here: a call that the shim comes to make has a row here, or `make faults` fails.

use libc::*;

/// What a seccomp filter answers, whatever the call.
pub const OF_A_FILTER: &[i32] = &[EPERM, ENOSYS];

/// One call.
pub struct Call {
    /// its number
    pub nr: i64,
    /// its name
    pub name: &'static str,
    /// what its man page lists
    pub errnos: &'static [i32],
    /// what it is for is done although it fails: close(2) frees the descriptor
    pub is_done_all_the_same: bool,
}

const fn call(nr: i64, name: &'static str, errnos: &'static [i32]) -> Call {
    Call { nr, name, errnos, is_done_all_the_same: false }
}

const PATH: &[i32] = &[EACCES, EBADF, EFAULT, EINVAL, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EOVERFLOW];
const MAP: &[i32] = &[EACCES, EAGAIN, EBADF, EEXIST, EINVAL, ENFILE, ENODEV, ENOMEM, EOVERFLOW, EPERM, ETXTBSY];
const LOCK: &[i32] = &[EAGAIN, EINVAL, ENOMEM, EPERM];
const OPEN: &[i32] = &[
    EACCES,
    EBADF,
    EBUSY,
    EDQUOT,
    EEXIST,
    EFAULT,
    EFBIG,
    EOVERFLOW,
    EINTR,
    EINVAL,
    EISDIR,
    ELOOP,
    EMFILE,
    ENAMETOOLONG,
    ENFILE,
    ENODEV,
    ENXIO,
    ENOENT,
    ENOMEM,
    ENOSPC,
    ENOTDIR,
    EOPNOTSUPP,
    EPERM,
    EROFS,
    ETXTBSY,
    EWOULDBLOCK,
];
const CLONE: &[i32] = &[EACCES, EAGAIN, EBUSY, EEXIST, EINVAL, ENOMEM, ENOSPC, EUSERS, EOPNOTSUPP, EPERM];
const NAMES: &[i32] = &[
    EACCES,
    EBUSY,
    EDQUOT,
    EEXIST,
    EFAULT,
    EINVAL,
    EIO,
    EISDIR,
    ELOOP,
    EMLINK,
    ENAMETOOLONG,
    ENOENT,
    ENOMEM,
    ENOSPC,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    EROFS,
    EXDEV,
    EBADF,
];
const FUTEX: &[i32] =
    &[EACCES, EAGAIN, EDEADLK, EFAULT, EINTR, EINVAL, ENFILE, ENOMEM, ENOSYS, EPERM, ESRCH, ETIMEDOUT];

/// All of them. (exit, exit_group and sched_yield can't fail.)
pub const CALLS: &[Call] = &[
    call(SYS_getpid, "getpid", &[]),
    call(SYS_getppid, "getppid", &[]),
    call(SYS_geteuid, "geteuid", &[]),
    call(SYS_brk, "brk", &[ENOMEM]),
    call(SYS_fstat, "fstat", PATH),
    call(SYS_fstatfs, "fstatfs", &[EBADF, EFAULT, EINTR, EIO, ENOMEM, ENOSYS, EOVERFLOW]),
    call(SYS_newfstatat, "newfstatat", PATH),
    call(SYS_statx, "statx", PATH),
    call(SYS_readlinkat, "readlinkat", PATH),
    call(
        SYS_faccessat,
        "faccessat",
        &[EACCES, EFAULT, EINVAL, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS, ETXTBSY],
    ),
    call(SYS_openat, "openat", OPEN),
    call(SYS_mkdirat, "mkdirat", NAMES),
    call(SYS_unlinkat, "unlinkat", NAMES),
    call(SYS_renameat, "renameat", NAMES),
    call(SYS_memfd_create, "memfd_create", &[EFAULT, EINVAL, EMFILE, ENFILE, ENOMEM]),
    call(SYS_ftruncate, "ftruncate", &[EACCES, EBADF, EFBIG, EINTR, EINVAL, EIO, EISDIR, EPERM, EROFS, ETXTBSY]),
    call(SYS_read, "read", &[EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EIO, EISDIR]),
    call(SYS_pread64, "pread64", &[EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EIO, EISDIR, ENXIO, EOVERFLOW, ESPIPE]),
    call(
        SYS_write,
        "write",
        &[EAGAIN, EBADF, EDESTADDRREQ, EDQUOT, EFAULT, EFBIG, EINTR, EINVAL, EIO, ENOSPC, EPERM, EPIPE],
    ),
    call(SYS_getdents64, "getdents64", &[EBADF, EFAULT, EINVAL, ENOENT, ENOTDIR]),
    call(SYS_lseek, "lseek", &[EBADF, EINVAL, ENXIO, EOVERFLOW, ESPIPE]),
    Call { is_done_all_the_same: true, ..call(SYS_close, "close", &[EBADF, EINTR, EIO, ENOSPC]) },
    call(SYS_fcntl, "fcntl", &[EACCES, EAGAIN, EBADF, EBUSY, EINTR, EINVAL, EMFILE, EPERM]),
    call(SYS_ioctl, "ioctl", &[EBADF, EFAULT, EINVAL, ENOTTY]),
    call(SYS_fgetxattr, "fgetxattr", &[E2BIG, ENODATA, ENOTSUP, ERANGE]),
    call(SYS_fadvise64, "fadvise64", &[EBADF, EINVAL, ESPIPE]),
    call(451, "cachestat", &[EBADF, EFAULT, EINVAL, EOPNOTSUPP, EPERM]),
    call(SYS_ppoll, "ppoll", &[EFAULT, EINTR, EINVAL, ENOMEM]),
    call(SYS_mmap, "mmap", MAP),
    call(SYS_munmap, "munmap", MAP),
    call(SYS_mremap, "mremap", &[EAGAIN, EFAULT, EINVAL, ENOMEM]),
    call(SYS_mprotect, "mprotect", &[EACCES, EFAULT, EINVAL, ENOMEM]),
    call(SYS_madvise, "madvise", &[EACCES, EAGAIN, EBADF, EBUSY, EFAULT, EINVAL, EIO, ENOMEM, EPERM, EHWPOISON]),
    call(SYS_mincore, "mincore", &[EAGAIN, EFAULT, EINVAL, ENOMEM]),
    call(SYS_mlock, "mlock", LOCK),
    call(SYS_mlock2, "mlock2", LOCK),
    call(SYS_munlock, "munlock", LOCK),
    call(SYS_prlimit64, "prlimit64", &[EFAULT, EINVAL, EPERM, ESRCH]),
    call(SYS_getrusage, "getrusage", &[EFAULT, EINVAL]),
    call(SYS_clock_gettime, "clock_gettime", &[EACCES, EFAULT, EINVAL, ENODEV, ENOTSUP, EPERM]),
    call(SYS_rt_sigprocmask, "rt_sigprocmask", &[EFAULT, EINVAL]),
    call(SYS_rt_sigpending, "rt_sigpending", &[EFAULT]),
    call(SYS_rt_sigtimedwait, "rt_sigtimedwait", &[EAGAIN, EINTR, EINVAL]),
    call(SYS_kill, "kill", &[EINVAL, EPERM, ESRCH]),
    call(SYS_tgkill, "tgkill", &[EAGAIN, EINVAL, EPERM, ESRCH]),
    call(SYS_clone, "clone", CLONE),
    call(SYS_wait4, "wait4", &[EAGAIN, ECHILD, EINTR, EINVAL, ESRCH]),
    call(SYS_close_range, "close_range", &[EINVAL, EMFILE, ENOMEM]),
    call(SYS_unshare, "unshare", &[EINVAL, ENOMEM, ENOSPC, EUSERS, EPERM]),
    call(SYS_futex, "futex", FUTEX),
    call(SYS_nanosleep, "nanosleep", &[EFAULT, EINTR, EINVAL]),
    call(SYS_sched_yield, "sched_yield", &[]),
    call(SYS_prctl, "prctl", &[EACCES, EBADF, EBUSY, EFAULT, EINVAL, ENODEV, ENXIO, EOPNOTSUPP, EPERM, ERANGE]),
    call(SYS_sched_getaffinity, "sched_getaffinity", &[EFAULT, EINVAL, EPERM, ESRCH]),
    call(SYS_sched_getscheduler, "sched_getscheduler", &[EINVAL, EPERM, ESRCH]),
    call(SYS_sched_setscheduler, "sched_setscheduler", &[EINVAL, EPERM, ESRCH]),
    call(SYS_getcpu, "getcpu", &[EFAULT]),
    call(SYS_get_mempolicy, "get_mempolicy", &[EFAULT, EINVAL]),
    call(SYS_set_mempolicy, "set_mempolicy", &[EFAULT, EINVAL, ENOMEM]),
    call(SYS_kcmp, "kcmp", &[EBADF, EFAULT, EINVAL, EPERM, ESRCH]),
    call(SYS_set_tid_address, "set_tid_address", &[]),
    call(SYS_pidfd_open, "pidfd_open", &[EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM, ESRCH]),
    call(SYS_pidfd_getfd, "pidfd_getfd", &[EBADF, EINVAL, EMFILE, ENFILE, EPERM, ESRCH]),
];

/// The row of a call.
pub fn of(nr: i64) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.nr == nr)
}

impl Call {
    /// Every errno with which it is made to fail, each once.
    pub fn all(&self) -> Vec<i32> {
        let mut all: Vec<i32> = self.errnos.iter().chain(OF_A_FILTER).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
