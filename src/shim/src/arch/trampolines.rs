//! The hooks in assembly: the small path of malloc and free, and the functions with variable arguments.
//!
//! What must hold here: the small path of `malloc` is at most 6 instructions more than the real one alone, that of `free`
//! at most 5 (counted by `make prove`), and writes no memory but the thread's own countdown; `syscall` and the malloc family leave the caller's
//! frame as it was, so that a real function which looks at its return address, or returns twice, sees its true caller.
//! x86-64 only, as `arch`.

use core::arch::naked_asm;
use core::ffi::{c_int, c_long, c_void};

use crate::real::{CALLOC, FREE, MALLOC, SYSCALL};
use crate::{exec, exports, malloc, real, small_path, stacks};

/// malloc(3). The countdown is never as large as a large block, so these take the slow path at once.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    naked_asm!("mov rax, qword ptr [rip + faultless_countdown@GOTTPOFF]", "sub qword ptr fs:[rax], rdi", "jb {slow}",
        "jmp [rip + {real}]", slow = sym malloc::malloc_slow, real = sym MALLOC)
}

/// free(3). Pointers in the range that holds our blocks (and may hold others) take the slow path.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    naked_asm!("mov rax, rdi", "sub rax, [rip + {low}]", "cmp rax, [rip + {len}]", "jb {slow}",
        "jmp [rip + {real}]",
        low = sym small_path::OURS_LOW, len = sym small_path::OURS_LEN, slow = sym malloc::free_slow, real = sym FREE)
}

/// calloc(3). As malloc; a product that overflows takes the slow path too.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    naked_asm!("mov rax, rdi", "mul rsi", "jo {slow}", "mov rcx, qword ptr [rip + faultless_countdown@GOTTPOFF]",
        "sub qword ptr fs:[rcx], rax", "jb {slow}", "jmp [rip + {real}]",
        slow = sym malloc::calloc_slow, real = sym CALLOC)
}

/// syscall(2): looks at the number only, and passes the call on with the caller's frame as it was (a clone
/// returns twice, and its child perhaps on another stack).
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall() -> c_long {
    naked_asm!(
        "cmp rdi, {numbers}", "jae 2f", "bt qword ptr [rip + {watched}], rdi", "jc {slow}",
        "2:", "jmp [rip + {real}]",
        numbers = const exports::WATCHED.len() * 64, watched = sym exports::WATCHED, slow = sym exports::syscall_watched,
        real = sym SYSCALL)
}

/// Where a thread begins that rules for stacks are about: it does what they want, and becomes the program's function.
#[unsafe(naked)]
pub extern "C" fn thread_begins(slot: *mut c_void) -> *mut c_void {
    naked_asm!(".cfi_startproc", "sub rsp, 8", ".cfi_adjust_cfa_offset 8", "call {began}", "add rsp, 8",
        ".cfi_adjust_cfa_offset -8", "mov rdi, rdx", "jmp rax", ".cfi_endproc", began = sym stacks::began)
}

/// The three exec functions with variable arguments. The return address moves below the five arguments that are in
/// registers, so that these and the ones on the stack become one array, where they are: no copy, and no limit.
macro_rules! execl {
    ($($name:ident $kind:literal;)*) => {$(
        /// See exec(3).
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() -> c_int {
            naked_asm!(
                "pop r11", "push r9", "push r8", "push rcx", "push rdx", "push rsi", "mov rsi, rsp", "push r11",
                "mov edx, {kind}", "call {collected}",
                "pop r11", "add rsp, 40", "push r11", "ret",
                kind = const $kind, collected = sym exec::execl_collected)
        }
    )*};
}
execl! { execl 0; execlp 1; execle 2; }

/// The spawn functions: which version of them is wanted depends on who calls, so the return address is a seventh argument.
macro_rules! spawn {
    ($($name:ident $from:ident;)*) => {$(
        /// See posix_spawn(3).
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() -> c_int {
            naked_asm!(".cfi_startproc", "push qword ptr [rsp]", ".cfi_adjust_cfa_offset 8", "call {from}",
                "add rsp, 8", ".cfi_adjust_cfa_offset -8", "ret", ".cfi_endproc", from = sym exec::$from)
        }
    )*};
}
spawn! { posix_spawn spawned_from; posix_spawnp spawned_by_name_from; }

/// cfree(3), gone since glibc 2.26 but part of the family.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: the program's own call.
    unsafe { give_back(block) }
}

/// free_sized (C23): the size is a hint that we don't need.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(block: *mut c_void, _size: usize) {
    // SAFETY: the program's own call.
    unsafe { give_back(block) }
}

/// free_aligned_sized (C23).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _align: usize, _size: usize) {
    // SAFETY: the program's own call.
    unsafe { give_back(block) }
}

/// An allocator before us that lacks one of these has given the program its blocks all the same.
///
/// # Safety
/// As free(3).
unsafe fn give_back(block: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe { real::free_before_us().unwrap_or(free)(block) }
}
