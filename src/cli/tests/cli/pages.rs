//! Counter pages made by hand, and a program that holds one as the library does.

use std::io::{BufRead, BufReader};
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use faultless_core::page::{FILE_BYTES, MAGIC, Page, RuleStats, VERSION};

use crate::fixtures::compile;

/// A page's bytes.
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// Of a running `server` with one rule, `anon@2M:huge`, that took three regions.
    pub fn new(pid: u32, tree: u64, start_ns: u64) -> Bytes {
        let mut page = Bytes(vec![0; FILE_BYTES]);
        page.u64(offset_of!(Page, magic), MAGIC);
        page.u32(offset_of!(Page, version), VERSION);
        page.u32(offset_of!(Page, bytes), size_of::<Page>() as u32);
        page.u32(offset_of!(Page, pid), pid);
        page.u32(offset_of!(Page, state), 1);
        page.u32(offset_of!(Page, rules_count), 1);
        page.u32(offset_of!(Page, text_len), 12);
        page.u64(offset_of!(Page, tree), tree);
        page.u64(offset_of!(Page, start_ns), start_ns);
        page.put(offset_of!(Page, exe), b"server");
        page.put(offset_of!(Page, policy), b"throughput");
        page.put(offset_of!(Page, text), b"anon@2M:huge");
        let rule = offset_of!(Page, rules);
        page.u64(rule + offset_of!(RuleStats, regions), 3);
        page.u64(rule + offset_of!(RuleStats, bytes), 3 << 30);
        page.u64(rule + offset_of!(RuleStats, outcomes), 3);
        page.u32(rule + offset_of!(RuleStats, text_len), 12);
        page
    }

    /// Four bytes.
    pub fn u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_ne_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_ne_bytes());
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes it into a folder under the name that the library would give it.
    pub fn save(&self, folder: &Path) -> PathBuf {
        let pid = u32::from_ne_bytes(self.0[offset_of!(Page, pid)..][..4].try_into().unwrap());
        let path = folder.join(format!("{pid}.0000002a"));
        std::fs::write(&path, &self.0).unwrap();
        path
    }
}

/// Copies a page into a file of its own pid (or a memfd), with the time of now, maps it, says `PID` and waits until
/// the `off` word is written; then it exits 5.
const HOLDER: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
static char page[1 << 20];
int main(int argc, char **argv) {
    long size = atol(argv[2]), pid = atol(argv[3]), start = atol(argv[4]), off = atol(argv[5]);
    int in = open(argv[1], O_RDONLY), out;
    if (read(in, page, size) != size) return 1;
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    *(uint32_t *)(page + pid) = getpid();
    *(uint64_t *)(page + start) = now.tv_sec * 1000000000ull + now.tv_nsec;
    char name[4096];
    snprintf(name, sizeof name, "%s/%d.0000002b", argc > 6 ? argv[6] : "", getpid());
    out = argc > 6 ? open(name, O_RDWR | O_CREAT, 0600) : memfd_create("faultless", 0);
    if (write(out, page, size) != size) return 2;
    volatile char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, out, 0);
    if (at == MAP_FAILED) return 3;
    close(out);
    printf("%d\n", getpid());
    fflush(stdout);
    for (int i = 0; i < 3000; i++) {
        if (*(volatile uint32_t *)(at + off)) return 5;
        usleep(10000);
    }
    return 6;
}
"#;

/// A running holder, and what it says its pid is.
pub struct Holder {
    /// the process that was started
    pub child: Child,
    /// as it sees itself
    pub pid_inside: u32,
    _folder: tempfile::TempDir,
}

impl Holder {
    /// Starts it, through `wrapper` if that is not empty; with no folder it keeps its page in a memfd.
    pub fn start(wrapper: &[&str], folder: Option<&Path>, tree: u64) -> Option<Holder> {
        let program = compile("holder", HOLDER, &["-O1"])?;
        let temporary = tempfile::tempdir().unwrap();
        let template = Bytes::new(0, tree, 0).save(temporary.path());
        let offsets = [offset_of!(Page, pid), offset_of!(Page, start_ns), offset_of!(Page, off)];
        let mut words: Vec<String> = wrapper.iter().map(|w| w.to_string()).collect();
        words.extend([program.display().to_string(), template.display().to_string(), FILE_BYTES.to_string()]);
        words.extend(offsets.map(|o| o.to_string()));
        words.extend(folder.map(|f| f.display().to_string()));
        let mut child = Command::new(&words[0]).args(&words[1..]).stdout(Stdio::piped()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        Some(Holder { pid_inside: line.trim().parse().ok()?, child, _folder: temporary })
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
