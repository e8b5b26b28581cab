//! Which function of the program a fault is due to: where it was taken, or, within the C library and its like, who
//! called.
//!
//! What must hold here: what cannot be told is said to be unknown; each instruction is looked up once.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use framehop::{CacheNative, MayAllocateDuringUnwind, UnwindRegsNative, Unwinder, UnwinderNative};

use super::object::{self, Bytes, Object};
use super::record::{Fault, Registers};
use super::space::{Space, is_path};

/// More frames than these are not looked at.
const FRAMES: usize = 24;

/// A function, by its number.
pub type Id = u32;

/// A function, or an object of which nothing more is known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Function {
    /// the file's name without its folder
    pub object: String,
    /// its name, or why there is none
    pub name: Name,
}

/// The name of a function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Name {
    /// of the program
    Known(String),
    /// the file has no symbol there: it is stripped, or the code was made at run time
    NoSymbol,
    /// within the C library or its like, and who called it is more than the stack that comes with a fault can tell
    UnknownCaller,
    /// the loader, or what runs ahead of and behind the program: nobody called it
    Runtime,
}

/// What is due to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site {
    /// the function
    pub function: Id,
    /// it was taken within malloc
    pub in_malloc: bool,
}

/// An instruction.
#[derive(Clone, Copy)]
struct Place {
    function: Id,
    /// not the program's own: look at who called
    is_passed: bool,
    allocates: bool,
}

/// All objects and functions of a tree of processes.
#[derive(Default)]
pub struct Callers {
    objects: HashMap<Rc<[u8]>, Rc<Object>>,
    functions: Vec<Function>,
    numbers: HashMap<Function, Id>,
}

/// What is known about the code of one process, until it maps more.
#[derive(Default)]
pub struct Code {
    places: HashMap<u64, Place>,
    unwinder: Option<UnwinderNative<Bytes, MayAllocateDuringUnwind>>,
    cache: Option<Box<CacheNative<MayAllocateDuringUnwind>>>,
}

impl Callers {
    /// A function by its number.
    pub fn function(&self, id: Id) -> &Function {
        &self.functions[id as usize]
    }

    fn number(&mut self, function: Function) -> Id {
        if let Some(id) = self.numbers.get(&function) {
            return *id;
        }
        let id = self.functions.len() as Id;
        self.functions.push(function.clone());
        self.numbers.insert(function, id);
        id
    }

    fn object(&mut self, pid: u32, name: &Rc<[u8]>) -> Rc<Object> {
        let read = || Rc::new(Object::read(pid, Path::new(&*String::from_utf8_lossy(name))));
        Rc::clone(self.objects.entry(Rc::clone(name)).or_insert_with(read))
    }

    /// Who a fault is due to.
    pub fn site(&mut self, code: &mut Code, space: &Space, fault: &Fault) -> Site {
        let first = self.place(code, space, fault.pid, fault.registers.ip);
        if !first.is_passed {
            return Site { function: first.function, in_malloc: false };
        }
        let mut in_malloc = first.allocates;
        let (callers, ended) = self.callers(code, space, fault);
        for caller in callers {
            let place = self.place(code, space, fault.pid, caller);
            if !place.is_passed {
                return Site { function: place.function, in_malloc };
            }
            in_malloc |= place.allocates;
        }
        // Nobody called: the loader, or what runs before and after main. Else the stack went too deep.
        let object = self.function(first.function).object.clone();
        let name = if ended || object::is_loader(&object) { Name::Runtime } else { Name::UnknownCaller };
        Site { function: self.number(Function { object, name }), in_malloc }
    }

    fn place(&mut self, code: &mut Code, space: &Space, pid: u32, ip: u64) -> Place {
        if let Some(place) = code.places.get(&ip) {
            return *place;
        }
        let place = self.look_up(space, pid, ip);
        code.places.insert(ip, place);
        place
    }

    fn look_up(&mut self, space: &Space, pid: u32, ip: u64) -> Place {
        // While the kernel starts a program, no instruction of it has run.
        let Some((start, piece)) = space.piece(ip) else { return self.nameless("exec", Name::Runtime) };
        if !is_path(&piece.name) {
            let is_vdso = piece.name.starts_with(b"[v");
            return if is_vdso {
                self.nameless("vdso", Name::Runtime)
            } else {
                self.nameless("code made at run time", Name::NoSymbol)
            };
        }
        let (offset, name) = (piece.offset, Rc::clone(&piece.name));
        let object = self.object(pid, &name);
        let file = object.path.file_name().unwrap_or_default().to_string_lossy();
        let file: String = file.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
        let found = object.bias(start, offset).and_then(|bias| object.function(ip.wrapping_sub(bias)));
        let Some(name) = found else {
            let place = self.nameless(&file, Name::NoSymbol);
            return Place { is_passed: object.is_runtime, ..place };
        };
        let is_passed = object.is_runtime || object::is_linked_in(&name);
        let allocates = object::allocates(&name);
        let function = self.number(Function { object: file, name: Name::Known(name) });
        Place { function, is_passed, allocates }
    }

    fn nameless(&mut self, object: &str, name: Name) -> Place {
        let function = self.number(Function { object: object.to_owned(), name });
        Place { function, is_passed: false, allocates: false }
    }

    /// Addresses within the calls that led here, innermost first; whether they go back to the very first.
    fn callers(&mut self, code: &mut Code, space: &Space, fault: &Fault) -> (Vec<u64>, bool) {
        if code.unwinder.is_none() {
            code.unwinder = Some(self.unwinder(space, fault.pid));
        }
        let (Some(unwinder), cache) = (&code.unwinder, code.cache.get_or_insert_default()) else {
            return (Vec::new(), false);
        };
        let (base, stack) = (fault.registers.stack, fault.stack());
        let mut read = |address: u64| {
            let at = usize::try_from(address.wrapping_sub(base)).map_err(drop)?;
            let word = stack.get(at..at.checked_add(8).ok_or(())?).ok_or(())?;
            Ok(u64::from_ne_bytes(word.try_into().map_err(drop)?))
        };
        let mut frames = unwinder.iter_frames(fault.registers.ip, native(fault.registers), cache, &mut read);
        let mut callers = Vec::new();
        while callers.len() < FRAMES {
            match frames.next() {
                Ok(Some(frame)) => callers.push(frame.address_for_lookup()),
                Ok(None) => return (callers, true),
                Err(_) => return (callers, false),
            }
        }
        (callers, false)
    }

    fn unwinder(&mut self, space: &Space, pid: u32) -> UnwinderNative<Bytes, MayAllocateDuringUnwind> {
        let mut unwinder = UnwinderNative::new();
        let code: Vec<_> = space.code().map(|(start, p)| (start, p.end, p.offset, Rc::clone(&p.name))).collect();
        for (start, end, offset, name) in code {
            let object = self.object(pid, &name);
            if let Some(bias) = object.bias(start, offset) {
                unwinder.add_module(object.module(start..end, bias));
            }
        }
        unwinder
    }
}

#[cfg(target_arch = "x86_64")]
fn native(registers: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.ip, registers.stack, registers.frame)
}

#[cfg(target_arch = "aarch64")]
fn native(registers: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(registers.link, registers.stack, registers.frame)
}
