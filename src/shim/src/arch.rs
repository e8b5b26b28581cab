//! What differs between processors: the system call instruction, the small path of malloc and free, the call on
//! another stack, and where in the address space our blocks may lie.
//!
//! What must hold here: this is the only file with assembly or with an assumption about x86-64. The small path of
//! `malloc` is at most 6 instructions before the tail call to the real one, that of `free` at most 5 (counted by
//! `make prove`); it writes no memory. `syscall` and the malloc family leave the caller's frame as it was, so that
//! a real function which looks at its return address, or returns twice, sees its true caller.

#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("Faultless runs on x86-64 so far: a port needs its own module in this file");

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::{asm, naked_asm};
    use core::ffi::{c_char, c_int, c_long, c_void};

    use crate::real::{CALLOC, FREE, MALLOC, SYSCALL};
    use crate::{exec, exports, malloc};

    /// Where blocks of ours may lie: above where position-independent programs and their brk start (0x5555…–0x5655…),
    /// below where the kernel places mappings top down (0x7fff… less at most 16 TiB), and clear of the ranges of
    /// Go (0xc0…), ZGC (0x0400…) and the sanitizers (0x6…). The kernel never chooses addresses here by itself.
    pub const POOL_LOWEST: usize = 0x5800_0000_0000;
    /// Exclusive end of the range from which the base is drawn.
    pub const POOL_HIGHEST: usize = 0x5e00_0000_0000;

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

    /// malloc(3). Blocks at or over the policy's bound take the slow path.
    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
        naked_asm!("cmp rdi, [rip + {bound}]", "jae {slow}", "jmp [rip + {real}]",
            bound = sym malloc::BOUND, slow = sym malloc::malloc_slow, real = sym MALLOC)
    }

    /// free(3). Pointers in the range that holds our blocks (and may hold others) take the slow path.
    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn free(block: *mut c_void) {
        naked_asm!("mov rax, rdi", "sub rax, [rip + {low}]", "cmp rax, [rip + {len}]", "jb {slow}",
            "jmp [rip + {real}]",
            low = sym malloc::OURS_LOW, len = sym malloc::OURS_LEN, slow = sym malloc::free_slow, real = sym FREE)
    }

    /// calloc(3). Either factor at or over the bound, or both over 32 bits' worth together, takes the slow path.
    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
        naked_asm!("mov rax, rdi", "mul rsi", "jo {slow}", "cmp rax, [rip + {bound}]", "jae {slow}",
            "jmp [rip + {real}]",
            bound = sym malloc::BOUND, slow = sym malloc::calloc_slow, real = sym CALLOC)
    }

    /// syscall(2): looks at the number only, and passes the call on with the caller's frame as it was (a clone
    /// returns twice, and its child perhaps on another stack).
    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn syscall() -> c_long {
        naked_asm!(
            "cmp rdi, {seccomp}", "je 2f", "cmp rdi, {prctl}", "je 2f", "jmp [rip + {real}]",
            "2:", "jmp {watched}",
            seccomp = const libc::SYS_seccomp, prctl = const libc::SYS_prctl,
            watched = sym exports::syscall_watched, real = sym SYSCALL)
    }

    /// The real `syscall` before it is known: the arguments, one register on.
    #[unsafe(naked)]
    pub unsafe extern "C" fn raw_syscall() -> c_long {
        naked_asm!(
            "mov rax, rdi", "mov rdi, rsi", "mov rsi, rdx", "mov rdx, rcx", "mov r10, r8", "mov r8, r9",
            "mov r9, [rsp + 8]", "syscall", "cmp rax, -4095", "jae 2f", "ret",
            "2:", "mov edi, eax", "neg edi", "jmp {fail}",
            fail = sym crate::sys::fail)
    }

    /// The three exec functions with variable arguments: the five in registers are put before those on the stack, leaving
    /// out the return address, by `gather`.
    macro_rules! execl {
        ($($name:ident $kind:literal;)*) => {$(
            /// See exec(3): the variable arguments become an array, and the call its form with an array.
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name() -> c_int {
                naked_asm!(
                    "push r9", "push r8", "push rcx", "push rdx", "push rsi",
                    "mov rsi, rsp", "lea rdx, [rsp + 48]", "mov ecx, {kind}", "call {gather}", "add rsp, 40", "ret",
                    kind = const $kind, gather = sym gather)
            }
        )*};
    }
    execl! { execl 0; execlp 1; execle 2; }

    /// Most variable arguments: beyond that E2BIG, which the kernel says only far later.
    const ARGS_MAX: usize = 4096;

    /// # Safety
    /// `registers` must hold five arguments, `stack` what follows them; a null among them ends the strings.
    unsafe extern "C" fn gather(
        path: *const c_char,
        registers: *const *const c_char,
        stack: *const *const c_char,
        kind: c_int,
    ) -> c_int {
        let mut argv = [core::ptr::null(); ARGS_MAX + 2];
        let mut ended = false;
        for (i, place) in argv.iter_mut().enumerate() {
            // SAFETY: not yet past the null (and for execle, the environment that follows it).
            *place = unsafe { if i < 5 { registers.add(i).read() } else { stack.add(i - 5).read() } };
            if ended || (place.is_null() && kind != 2) {
                // SAFETY: the program's own call, as an array that ends as it must.
                return unsafe { exec::execl_collected(path, argv.as_ptr(), kind) };
            }
            ended = place.is_null();
        }
        crate::sys::fail(libc::E2BIG) as c_int
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
}
