//! Where the calling thread's stack lies, without asking the C library: pthread_getattr_np(3) allocates.
//!
//! What must hold here: nothing is allocated, and what is taken for the stack is never more than that. glibc and musl map as
//! much as was asked for (a stack of glibc's cache may have more) with the guard below it (before glibc 2.27: in it), and put
//! what the thread pointer points to within the last page. A stack that the program gave is its own memory, to which the
//! rules for that memory apply: there, nothing is done.

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::symbols::{self, Wanted};
use crate::sys::PAGE;
use crate::target::Range;
use crate::{arch, real};

/// pthread_attr_t is 56 bytes in glibc and in musl.
#[repr(C, align(16))]
struct Attributes([u8; 128]);

/// The functions that read what a thread was asked for.
#[derive(Clone, Copy)]
pub struct Readers {
    initial: unsafe extern "C" fn(*mut c_void) -> c_int,
    size: unsafe extern "C" fn(*const c_void, *mut usize) -> c_int,
    guard: unsafe extern "C" fn(*const c_void, *mut usize) -> c_int,
    stack: unsafe extern "C" fn(*const c_void, *mut usize, *mut usize) -> c_int,
}

/// Whose memory a thread is to run on.
pub enum Asked {
    /// the C library's: bytes above the guard
    Bytes(usize),
    /// the program's
    Given,
    /// there is no telling
    Unknown,
}

impl Readers {
    /// Looks for them, or has done so before. None: they are not there.
    pub fn find() -> Option<Readers> {
        static FOUND: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
        let known = FOUND.each_ref().map(|place| place.load(Relaxed));
        let [initial, size, guard, stack] = if known.contains(&0) { Readers::look() } else { known };
        FOUND.iter().zip([initial, size, guard, stack]).for_each(|(place, address)| place.store(address, Relaxed));
        if initial == 0 || size == 0 || guard == 0 || stack == 0 {
            return None;
        }
        type Read = unsafe extern "C" fn(*const c_void, *mut usize) -> c_int;
        // SAFETY: what the C library exports under these names.
        unsafe {
            Some(Readers {
                initial: core::mem::transmute::<usize, unsafe extern "C" fn(*mut c_void) -> c_int>(initial),
                size: core::mem::transmute::<usize, Read>(size),
                guard: core::mem::transmute::<usize, Read>(guard),
                stack: core::mem::transmute::<
                    usize,
                    unsafe extern "C" fn(*const c_void, *mut usize, *mut usize) -> c_int,
                >(stack),
            })
        }
    }

    fn look() -> [usize; 4] {
        let names = [
            c"pthread_attr_init",
            c"pthread_attr_getstacksize",
            c"pthread_attr_getguardsize",
            c"pthread_attr_getstack",
        ];
        let mut wanted = names.map(Wanted::new);
        symbols::real_but_late(&mut wanted);
        wanted.map(|wanted| wanted.address)
    }

    /// What pthread_create is asked for with these attributes, or with none.
    ///
    /// # Safety
    /// `attributes` must be null or what the program may give to pthread_create.
    pub unsafe fn asked(&self, attributes: *const c_void) -> Asked {
        let mut initial = Attributes([0; 128]);
        let (mut size, mut guard, mut start, mut len) = (0usize, 0usize, 0usize, 0usize);
        // SAFETY: these are the functions of those names; our own attributes have room, and hold nothing to give back.
        unsafe {
            let mut of = attributes;
            if of.is_null() {
                if (self.initial)((&raw mut initial).cast()) != 0 {
                    return Asked::Unknown;
                }
                of = (&raw const initial).cast();
            }
            // glibc tells of a stack that ends at 0 where none was given, musl of none.
            if (self.stack)(of, &mut start, &mut len) == 0 && start.wrapping_add(len) != 0 {
                return Asked::Given;
            }
            if (self.size)(of, &mut size) != 0 || (self.guard)(of, &mut guard) != 0 {
                return Asked::Unknown;
            }
        }
        let has_guard_inside = (1..27).contains(&real::glibc_version().0);
        let guard = if has_guard_inside { guard.next_multiple_of(PAGE) } else { 0 };
        size.checked_sub(guard).map_or(Asked::Unknown, Asked::Bytes)
    }
}

/// The calling thread's stack, of which so many bytes were asked for, in whole pages. None: it can't be told.
pub fn own(bytes: usize) -> Option<Range> {
    let pointer = arch::thread_pointer();
    // Thread-local variables that want to lie on a boundary of a page or more: how far it is to the end, nobody says.
    if pointer.is_multiple_of(PAGE) {
        return None;
    }
    let end = pointer.next_multiple_of(PAGE);
    let start = end.checked_sub(bytes)?.next_multiple_of(PAGE);
    let here = (&raw const end) as usize;
    (start..end).contains(&here).then_some(Range { start, len: end - start })
}
