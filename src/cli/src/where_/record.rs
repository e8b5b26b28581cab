//! The records of a ring buffer, as perf_event.h lays them out.
//!
//! What must hold here: nothing in a record is trusted; what is cut short is passed over.

use std::ops::Range;
use std::rc::Rc;

const MMAP: u32 = 1;
const LOST: u32 = 2;
const COMM: u32 = 3;
const EXIT: u32 = 4;
const FORK: u32 = 7;
const SAMPLE: u32 = 9;
const MMAP2: u32 = 10;

const MISC_COMM_EXEC: u16 = 1 << 13;

/// Behind each record but samples: pid and tid, time, identity.
const TRAILER: usize = 24;

/// The registers that unwinding needs.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Registers {
    /// of the frame
    pub frame: u64,
    /// what a leaf returns to (aarch64 only)
    pub link: u64,
    /// of the stack
    pub stack: u64,
    /// of the program, also where the kernel took the fault for it
    pub ip: u64,
}

/// One page fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// the process
    pub pid: u32,
    /// the thread
    pub tid: u32,
    /// what was touched
    pub address: u64,
    /// the event that counted it
    pub id: u64,
    /// as the program had them
    pub registers: Registers,
    /// what lay on the stack from the stack pointer upwards
    stack: Range<usize>,
    bytes: Rc<Vec<u8>>,
}

impl Fault {
    /// What lay on the stack from the stack pointer upwards.
    pub fn stack(&self) -> &[u8] {
        self.bytes.get(self.stack.clone()).unwrap_or(&[])
    }
}

/// A range that has been mapped, or had its protection changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// first byte
    pub start: u64,
    /// behind the last byte
    pub end: u64,
    /// bytes into the file
    pub offset: u64,
    /// PROT_…
    pub protection: u32,
    /// MAP_SHARED
    pub shared: bool,
    /// as the kernel shows it: `//anon`, `[heap]`, a path
    pub name: Vec<u8>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// a page fault
    Fault(Fault),
    /// in the process
    Map(u32, Map),
    /// the process has another program
    Exec(u32),
    /// child, parent
    Fork(u32, u32),
    /// the last thread of a process, or one of several
    Exit(u32, u32),
    /// so many records did not fit
    Lost(u64),
}

/// What happened, and when.
#[derive(Clone, Debug)]
pub struct Record {
    /// CLOCK_MONOTONIC in ns
    pub time: u64,
    /// what
    pub what: What,
}

/// All records of a stretch of a ring.
pub fn parse(bytes: Vec<u8>, into: &mut Vec<Record>) {
    let bytes = Rc::new(bytes);
    let mut at = 0;
    while let Some((kind, misc, size)) = header(&bytes[at..]) {
        if size < 8 || at + size > bytes.len() {
            break;
        }
        into.extend(record(kind, misc, &bytes, at + 8..at + size));
        at += size;
    }
}

fn header(bytes: &[u8]) -> Option<(u32, u16, usize)> {
    let kind = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
    let misc = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let size = u16::from_ne_bytes(bytes.get(6..8)?.try_into().ok()?);
    Some((kind, misc, size.into()))
}

fn record(kind: u32, misc: u16, bytes: &Rc<Vec<u8>>, range: Range<usize>) -> Option<Record> {
    let mut body = Body { bytes: &bytes[range.clone()], at: 0 };
    if kind == SAMPLE {
        return sample(body, bytes, range.start);
    }
    let length = range.len().checked_sub(TRAILER)?;
    let time = Body { bytes: body.bytes, at: length + 8 }.u64()?;
    body.bytes = &body.bytes[..length];
    let what = match kind {
        MMAP | MMAP2 => map(kind, body)?,
        LOST => What::Lost({
            body.u64()?;
            body.u64()?
        }),
        COMM if misc & MISC_COMM_EXEC != 0 => What::Exec(body.u32()?),
        FORK => What::Fork(body.u32()?, body.u32()?),
        EXIT => {
            let pid = body.u32()?;
            let _parent = body.u32()?;
            What::Exit(pid, body.u32()?)
        }
        _ => return None,
    };
    Some(Record { time, what })
}

fn sample(mut body: Body<'_>, bytes: &Rc<Vec<u8>>, start: usize) -> Option<Record> {
    let ip = body.u64()?;
    let (pid, tid, time, address, id) = (body.u32()?, body.u32()?, body.u64()?, body.u64()?, body.u64()?);
    // PERF_SAMPLE_REGS_ABI_NONE: a thread of the kernel has none.
    let registers = if body.u64()? == 0 { Registers { ip, ..Registers::default() } } else { registers(&mut body)? };
    let size = body.u64()? as usize;
    let from = start + body.at;
    // How much of it could be read follows, if there is any.
    let readable =
        if size == 0 { 0 } else { Body { bytes: body.bytes, at: body.at.checked_add(size)? }.u64()? as usize };
    let stack = from..from + readable.min(size);
    let fault = Fault { pid, tid, address, id, registers, stack, bytes: Rc::clone(bytes) };
    Some(Record { time, what: What::Fault(fault) })
}

#[cfg(target_arch = "x86_64")]
fn registers(body: &mut Body<'_>) -> Option<Registers> {
    Some(Registers { frame: body.u64()?, link: 0, stack: body.u64()?, ip: body.u64()? })
}

#[cfg(target_arch = "aarch64")]
fn registers(body: &mut Body<'_>) -> Option<Registers> {
    Some(Registers { frame: body.u64()?, link: body.u64()?, stack: body.u64()?, ip: body.u64()? })
}

fn map(kind: u32, mut body: Body<'_>) -> Option<What> {
    let pid = body.u32()?;
    let _tid = body.u32()?;
    let (start, length, offset) = (body.u64()?, body.u64()?, body.u64()?);
    let (mut protection, mut shared) = (libc::PROT_EXEC as u32, false);
    if kind == MMAP2 {
        // Device, inode and its generation: 8, 8 and 8 bytes.
        body.at += 24;
        protection = body.u32()?;
        shared = body.u32()? & libc::MAP_SHARED as u32 != 0;
    }
    let name = body.bytes.get(body.at..)?.split(|b| *b == 0).next()?.to_vec();
    Some(What::Map(pid, Map { start, end: start.checked_add(length)?, offset, protection, shared, name }))
}

/// Reads numbers one after the other.
struct Body<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Body<'_> {
    fn u32(&mut self) -> Option<u32> {
        let word = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        Some(u32::from_ne_bytes(word.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        let word = self.bytes.get(self.at..self.at.checked_add(8)?)?;
        self.at += 8;
        Some(u64::from_ne_bytes(word.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: u32, misc: u16, body: &[u64]) -> Vec<Record> {
        let size = 8 + body.len() * 8;
        let mut bytes = kind.to_ne_bytes().to_vec();
        bytes.extend(misc.to_ne_bytes());
        bytes.extend((size as u16).to_ne_bytes());
        bytes.extend(body.iter().flat_map(|w| w.to_ne_bytes()));
        let mut records = Vec::new();
        parse(bytes, &mut records);
        records
    }

    /// Two words of 32 bits as one of 64.
    fn pair(low: u32, high: u32) -> u64 {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&low.to_ne_bytes());
        bytes[4..].copy_from_slice(&high.to_ne_bytes());
        u64::from_ne_bytes(bytes)
    }

    #[test]
    fn a_mapping_has_its_range_and_its_name() {
        let name = u64::from_ne_bytes(*b"//anon\0\0");
        let body = [pair(7, 8), 0x1000, 0x2000, 3, 0, 0, 0, pair(3, 2), name, 0, 99, 0];
        let records = of(MMAP2, 0, &body);
        let What::Map(7, map) = &records[0].what else { panic!("{records:?}") };
        assert_eq!((map.start, map.end, map.offset, map.protection), (0x1000, 0x3000, 3, 3));
        assert_eq!((map.name.as_slice(), map.shared, records[0].time), (&b"//anon"[..], false, 99));
    }

    #[test]
    fn only_an_exec_makes_a_name_another_program() {
        let body = [pair(7, 8), 0, 0, 1, 0];
        assert!(of(COMM, 0, &body).is_empty());
        assert!(matches!(of(COMM, MISC_COMM_EXEC, &body)[0].what, What::Exec(7)));
    }

    #[test]
    fn a_record_that_is_cut_short_is_passed_over() {
        for length in 0..6 {
            assert!(of(SAMPLE, 0, &[1; 6][..length]).is_empty());
            assert!(of(MMAP2, 0, &[1; 6][..length]).is_empty());
        }
        let mut records = Vec::new();
        parse(vec![9, 0, 0, 0, 0, 0, 255, 255, 1], &mut records);
        assert!(records.is_empty());
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_fault_has_its_address_and_what_could_be_read_of_the_stack() {
        let body = [0xf, pair(7, 8), 50, 0xabc, 3, 2, 0xb, 0x5, 0x1, 16, 0x11, 0x22, 8];
        let records = of(SAMPLE, 0, &body);
        let What::Fault(fault) = &records[0].what else { panic!("{records:?}") };
        assert_eq!((fault.pid, fault.tid, fault.address, fault.id), (7, 8, 0xabc, 3));
        assert_eq!(fault.registers, Registers { frame: 0xb, link: 0, stack: 0x5, ip: 0x1 });
        assert_eq!(fault.stack(), 0x11u64.to_ne_bytes());
    }
}
