//! What differs between processors: the system call instruction, the call on another stack, and where in the address
//! space our blocks may lie.
//!
//! What must hold here: with what lies below it (`countdown`, `trampolines`), the only place with assembly or with an
//! assumption about x86-64.

pub mod countdown;
pub mod trampolines;

#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("Faultless runs on x86-64 so far: a port needs its own module in this file");

/// Sets errno and returns −1, as a C function does that fails.
pub extern "C" fn fail(errno: core::ffi::c_int) -> core::ffi::c_long {
    // SAFETY: the C library's location is valid for the calling thread.
    unsafe { *libc::__errno_location() = errno };
    -1
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::{asm, naked_asm};
    use core::ffi::{c_int, c_long, c_void};

    /// Bytes in a page: x86-64 knows no other. Where there are several, it is the kernel that says (AT_PAGESZ).
    pub const PAGE: usize = 4096;
    /// Bytes that one entry of the second level maps, which is what a huge page has.
    pub const HUGE: usize = 2 << 20;
    /// e_machine of its ELF files.
    pub const MACHINE: u16 = 62;

    /// Where blocks of ours may lie: above where position-independent programs and their brk start (0x5555…–0x5655…),
    /// below where the kernel places mappings top down (0x7fff… less at most 16 TiB), and clear of the ranges of
    /// Go (0xc0…), ZGC (0x0400…) and the sanitizers (0x6…). The kernel never chooses addresses here by itself.
    pub const POOL_LOWEST: usize = 0x5800_0000_0000;
    /// Exclusive end of the range from which the base is drawn.
    pub const POOL_HIGHEST: usize = 0x5e00_0000_0000;

    /// The end of what a program can have mapped: the last page is the kernel's.
    pub const HIGHEST: usize = (1 << 47) - PAGE;

    /// What the calling thread's thread-local variables are found by: both glibc and musl keep the address itself there.
    pub fn thread_pointer() -> usize {
        let pointer: usize;
        // SAFETY: reads one word of the thread's own.
        unsafe { asm!("mov {}, fs:0", out(reg) pointer, options(nostack, readonly, preserves_flags)) };
        pointer
    }

    /// A system call: the result, or −errno as the kernel returns it.
    ///
    /// # Safety
    /// The call must be sound for these arguments.
    #[inline(always)]
    pub unsafe fn syscall6(nr: c_long, a: [usize; 6]) -> isize {
        let result: isize;
        // SAFETY: the kernel clobbers rcx and r11 only; the caller vouches for the call itself.
        unsafe {
            asm!("syscall", inlateout("rax") nr as isize => result,
                in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5],
                lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        result
    }

    /// The real `syscall` before it is known: the arguments, one register on.
    #[unsafe(naked)]
    pub unsafe extern "C" fn raw_syscall() -> c_long {
        naked_asm!(
            "mov rax, rdi", "mov rdi, rsi", "mov rsi, rdx", "mov rdx, rcx", "mov r10, r8", "mov r8, r9",
            "mov r9, [rsp + 8]", "syscall", "cmp rax, -4095", "jae 2f", "ret",
            "2:", "mov edi, eax", "neg edi", "jmp {fail}",
            fail = sym super::fail)
    }

    /// Calls `f(arg)` on another stack, whose highest address is `top` (16-byte aligned).
    ///
    /// # Safety
    /// `top` must be the end of a writable range large enough for `f`.
    pub unsafe fn call_on_stack(top: *mut u8, f: unsafe extern "C" fn(*mut c_void), arg: *mut c_void) {
        // SAFETY: r12 is callee-saved, so it holds across `f`; the caller vouches for the stack.
        unsafe {
            asm!("mov r12, rsp", "mov rsp, {top}", "call {f}", "mov rsp, r12",
                out("r12") _, top = in(reg) top, f = in(reg) f, in("rdi") arg, clobber_abi("C"));
        }
    }

    /// clone(2) of a thread: it runs `f(arg)` on the stack that ends at `top` (16-byte aligned). The new thread's id, or
    /// −errno.
    ///
    /// # Safety
    /// `flags` must make a thread, and all that it is given must outlive it.
    pub unsafe fn clone_thread(
        flags: c_int,
        top: *mut u8,
        tid: *mut u32,
        tls: *mut c_void,
        f: unsafe extern "C" fn(*mut c_void) -> !,
        arg: *mut c_void,
    ) -> isize {
        let result: isize;
        // SAFETY: only the new thread takes the branch to `f`, on a stack of its own, and never comes back; r12 and r13 are
        // the same in both threads. The caller vouches for the rest. A frame pointer of 0 ends what unwinders follow.
        unsafe {
            asm!("syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r12", "call r13", "ud2", "2:",
                inlateout("rax") libc::SYS_clone as isize => result,
                in("rdi") flags as isize, in("rsi") top, in("rdx") tid, in("r10") tid, in("r8") tls,
                in("r12") arg, in("r13") f,
                lateout("rcx") _, lateout("r11") _, options(nostack));
        }
        result
    }
}
