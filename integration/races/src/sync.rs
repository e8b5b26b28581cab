//! What the library's `sync` is here: the same atomics, of the same size, on the [`crate::machine`].
//!
//! What must hold here: each operation says from which line of the library it comes.

use std::marker::PhantomData;
use std::panic::Location;
pub use std::sync::atomic::Ordering;

use crate::machine::{self, Place};

pub use crate::machine::pause as spin_loop;

/// What fits into a word.
trait Word: Copy {
    fn into_word(self) -> u64;
    fn from_word(word: u64) -> Self;
}

macro_rules! words {
    ($($int:ty)*) => {$(
        impl Word for $int {
            fn into_word(self) -> u64 { self as u64 }
            fn from_word(word: u64) -> Self { word as Self }
        }
    )*};
}
words! { u32 u64 i64 usize }

impl Word for bool {
    fn into_word(self) -> u64 {
        u64::from(self)
    }
    fn from_word(word: u64) -> Self {
        word != 0
    }
}

impl<T> Word for *mut T {
    fn into_word(self) -> u64 {
        self.expose_provenance() as u64
    }
    fn from_word(word: u64) -> Self {
        std::ptr::with_exposed_provenance_mut(word as usize)
    }
}

macro_rules! atomics {
    ($($name:ident $(<$t:ident>)? : $int:ty = $cell:ty;)*) => {$(
        #[repr(transparent)]
        pub struct $name $(<$t>)? ($cell $(, PhantomData<*mut $t>)?);

        // SAFETY: what is in it is a word, and changes under the machine's lock alone.
        unsafe impl $(<$t>)? Sync for $name $(<$t>)? {}

        impl $(<$t>)? $name $(<$t>)? {
            fn place(&self) -> Place {
                Place { address: (&raw const self.0).expose_provenance(), bytes: size_of::<$cell>() }
            }

            #[track_caller]
            pub fn load(&self, _: Ordering) -> $int {
                Word::from_word(machine::load(self.place(), Location::caller()))
            }

            #[track_caller]
            pub fn store(&self, value: $int, order: Ordering) {
                machine::store(self.place(), value.into_word(), order, Location::caller());
            }

            #[track_caller]
            pub fn swap(&self, value: $int, _: Ordering) -> $int {
                self.changed(|_| Some(value)).unwrap_or_else(|now| now)
            }

            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $int,
                new: $int,
                _: Ordering,
                _: Ordering,
            ) -> Result<$int, $int> {
                self.changed(|now| (now == current).then_some(new))
            }

            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $int,
                new: $int,
                _: Ordering,
                _: Ordering,
            ) -> Result<$int, $int> {
                self.changed(|now| (now == current).then_some(new))
            }

            #[track_caller]
            pub fn fetch_update(
                &self,
                _: Ordering,
                _: Ordering,
                change: impl FnMut($int) -> Option<$int>,
            ) -> Result<$int, $int> {
                self.changed(change)
            }

            #[track_caller]
            fn changed(&self, mut change: impl FnMut($int) -> Option<$int>) -> Result<$int, $int> {
                let to = |word| change(Word::from_word(word)).map(Word::into_word);
                machine::update(self.place(), Location::caller(), to).map(Word::from_word).map_err(Word::from_word)
            }
        }
    )*};
}

atomics! {
    AtomicBool: bool = std::sync::atomic::AtomicU8;
    AtomicU32: u32 = std::sync::atomic::AtomicU32;
    AtomicU64: u64 = std::sync::atomic::AtomicU64;
    AtomicI64: i64 = std::sync::atomic::AtomicU64;
    AtomicUsize: usize = std::sync::atomic::AtomicU64;
    AtomicPtr<T>: *mut T = std::sync::atomic::AtomicU64;
}

macro_rules! numbers {
    ($($name:ident: $int:ty = $cell:ty;)*) => {$(
        impl $name {
            pub const fn new(value: $int) -> Self {
                Self(<$cell>::new(value as _))
            }

            #[track_caller]
            pub fn fetch_add(&self, value: $int, _: Ordering) -> $int {
                self.changed(|now| Some(now.wrapping_add(value))).unwrap_or_else(|now| now)
            }

            #[track_caller]
            pub fn fetch_sub(&self, value: $int, _: Ordering) -> $int {
                self.changed(|now| Some(now.wrapping_sub(value))).unwrap_or_else(|now| now)
            }

            #[track_caller]
            pub fn fetch_or(&self, value: $int, _: Ordering) -> $int {
                self.changed(|now| Some(now | value)).unwrap_or_else(|now| now)
            }

            #[track_caller]
            pub fn fetch_max(&self, value: $int, _: Ordering) -> $int {
                self.changed(|now| Some(now.max(value))).unwrap_or_else(|now| now)
            }
        }
    )*};
}

numbers! {
    AtomicU32: u32 = std::sync::atomic::AtomicU32;
    AtomicU64: u64 = std::sync::atomic::AtomicU64;
    AtomicI64: i64 = std::sync::atomic::AtomicU64;
    AtomicUsize: usize = std::sync::atomic::AtomicU64;
}

impl AtomicBool {
    pub const fn new(value: bool) -> Self {
        Self(std::sync::atomic::AtomicU8::new(value as u8))
    }
}

impl<T> AtomicPtr<T> {
    /// Null, which is all that a static begins with.
    pub const fn new(_: *mut T) -> Self {
        Self(std::sync::atomic::AtomicU64::new(0), PhantomData)
    }
}

#[track_caller]
pub fn fence(order: Ordering) {
    machine::fence(order, Location::caller());
}
