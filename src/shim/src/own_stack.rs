//! A stack of our own, for what needs more than the 1 KiB that a hook may take from a stack that it doesn't know.
//!
//! What must hold here: one user at a time; signals are blocked meanwhile, so that no handler of the program runs on
//! it, and no handler can jump out of it. Whoever finds it taken waits a little and then goes without.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering::*};

use crate::{arch, sys};

const BYTES: usize = 96 << 10;
/// Turns of waiting: some µs, while another thread reads a limit.
const PATIENCE: usize = 20_000;

#[repr(C, align(4096))]
struct Stack(UnsafeCell<[u8; BYTES]>);
const _: () = assert!(align_of::<Stack>() == sys::PAGE, "it has pages of its own");

// SAFETY: used by the holder of TAKEN only.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; BYTES]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Runs `f` on the stack. None: it stayed taken, or a signal handler might have found it so.
pub fn run<R, F: FnOnce() -> R>(f: F) -> Option<R> {
    struct Call<F, R>(Option<F>, Option<R>);
    unsafe extern "C" fn go<R, F: FnOnce() -> R>(call: *mut c_void) {
        // SAFETY: `run` passes a Call that outlives this function.
        let call = unsafe { &mut *call.cast::<Call<F, R>>() };
        if let Some(f) = call.0.take() {
            call.1 = Some(f());
        }
    }
    let mask = sys::block_signals().ok()?;
    let taken = (0..PATIENCE).any(|turn| {
        if turn > 0 {
            core::hint::spin_loop();
        }
        !TAKEN.load(Relaxed) && TAKEN.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    });
    let mut call = Call(Some(f), None);
    if taken {
        // SAFETY: we hold the stack; `call` outlives the call.
        unsafe {
            let top = STACK.0.get().cast::<u8>().add(BYTES);
            arch::call_on_stack(top, go::<R, F>, (&raw mut call).cast());
        }
        TAKEN.store(false, Release);
    }
    sys::restore_signals(mask);
    call.1
}

/// In a forked child: whoever held it in the parent is not here.
pub fn start_in_child() {
    TAKEN.store(false, Release);
}
