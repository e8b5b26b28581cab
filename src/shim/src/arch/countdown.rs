//! The countdown on the small path: bytes that a thread may still ask malloc for before we look at the heap.
//!
//! What must hold here: one word per thread, changed by one instruction, so that a signal handler finds it whole; with
//! initial-exec TLS, because `__tls_get_addr` may allocate. It is never larger than a large block, so that one
//! subtraction also finds those; whoever finds it used up sets it anew before anything else.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes between two looks at the heap: a smaller bound than any rule may have for large blocks.
const STEP: usize = (64 << 10) - 1;

/// What a used-up countdown becomes.
static NEXT: AtomicUsize = AtomicUsize::new(STEP);

// A thread's first countdown is a whole one: most threads and programs never use it up.
global_asm!(
    ".pushsection .tdata,\"awT\",@progbits",
    ".p2align 3",
    ".globl faultless_countdown",
    ".hidden faultless_countdown",
    ".type faultless_countdown, @object",
    ".size faultless_countdown, 8",
    "faultless_countdown: .quad {step}",
    ".popsection",
    step = const STEP,
);

/// Nobody asks for a look any more.
pub fn end() {
    NEXT.store(isize::MAX as usize, Relaxed);
}

/// Takes what the program asks for. True: it is used up, or this is a large block, and [`restart`] must follow.
#[inline(always)]
pub fn spend(bytes: usize) -> bool {
    let over: u8;
    // SAFETY: changes this thread's own word.
    unsafe {
        asm!("mov {at}, qword ptr [rip + faultless_countdown@GOTTPOFF]", "sub qword ptr fs:[{at}], {bytes}",
            "setb {over}", at = out(reg) _, bytes = in(reg) bytes, over = lateout(reg_byte) over, options(nostack));
    }
    over != 0
}

/// Sets it anew.
pub fn restart() {
    // SAFETY: as above.
    unsafe {
        asm!("mov {at}, qword ptr [rip + faultless_countdown@GOTTPOFF]", "mov qword ptr fs:[{at}], {next}",
            at = out(reg) _, next = in(reg) NEXT.load(Relaxed), options(nostack, preserves_flags));
    }
}
