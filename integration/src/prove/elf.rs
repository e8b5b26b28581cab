//! The ELF gate: what libfaultless.so needs, imports and exports. That is what lets one file load everywhere.
//!
//! What must hold here: the file is read, not run; a section that cannot be read is a violation.

use std::collections::BTreeSet;

use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn, ElfFile, FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{LittleEndian, Object, ObjectSymbol};

use super::{Line, Sink};
use crate::artefacts::{library, workspace};

type Header = FileHeader64<LittleEndian>;
const E: LittleEndian = LittleEndian;

/// What the file holds, as far as the gate asks.
pub struct Facts {
    /// libraries that it needs
    pub needed: BTreeSet<String>,
    /// symbol versions that it needs
    pub versions: BTreeSet<String>,
    /// symbols that it exports
    pub exports: BTreeSet<String>,
    /// NODELETE, SYMBOLIC, TEXTREL, EXECSTACK and TLS_GD, as far as they hold
    pub marks: BTreeSet<&'static str>,
}

/// Reads the file. The error says what could not be read.
pub fn read(bytes: &[u8]) -> Result<Facts, String> {
    let header = Header::parse(bytes).map_err(|e| e.to_string())?;
    let file: ElfFile<'_, Header> = ElfFile::parse(bytes).map_err(|e| e.to_string())?;
    let mut facts =
        Facts { needed: BTreeSet::new(), versions: BTreeSet::new(), exports: BTreeSet::new(), marks: BTreeSet::new() };
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    for symbol in file.dynamic_symbols() {
        let name = symbol.name().map_err(|e| e.to_string())?.to_owned();
        if symbol.elf_symbol().st_shndx(E) != elf::SHN_UNDEF {
            facts.exports.insert(name);
        }
    }
    let sections = header.sections(E, bytes).map_err(|e| e.to_string())?;
    let (dynamic, link) = sections.dynamic(E, bytes).map_err(|e| e.to_string())?.ok_or("no dynamic section")?;
    let strings = sections.strings(E, bytes, link).map_err(|e| e.to_string())?;
    for entry in dynamic {
        let value = entry.d_val(E);
        match entry.tag32(E).unwrap_or(0) {
            elf::DT_NEEDED => {
                facts.needed.insert(text(entry.string(E, strings).map_err(|e| e.to_string())?));
            }
            elf::DT_TEXTREL => drop(facts.marks.insert("TEXTREL")),
            elf::DT_SYMBOLIC => drop(facts.marks.insert("SYMBOLIC")),
            elf::DT_FLAGS if value & u64::from(elf::DF_SYMBOLIC) != 0 => drop(facts.marks.insert("SYMBOLIC")),
            elf::DT_FLAGS_1 if value & u64::from(elf::DF_1_NODELETE) != 0 => drop(facts.marks.insert("NODELETE")),
            _ => {}
        }
        if entry.tag32(E) == Some(elf::DT_FLAGS) && value & u64::from(elf::DF_TEXTREL) != 0 {
            facts.marks.insert("TEXTREL");
        }
    }
    if let Some((mut needs, link)) = sections.gnu_verneed(E, bytes).map_err(|e| e.to_string())? {
        let strings = sections.strings(E, bytes, link).map_err(|e| e.to_string())?;
        while let Some((_, mut each)) = needs.next().map_err(|e| e.to_string())? {
            while let Some(version) = each.next().map_err(|e| e.to_string())? {
                facts.versions.insert(text(version.name(E, strings).map_err(|e| e.to_string())?));
            }
        }
    }
    for segment in header.program_headers(E, bytes).map_err(|e| e.to_string())? {
        if segment.p_type(E) == elf::PT_GNU_STACK && segment.p_flags(E) & elf::PF_X != 0 {
            facts.marks.insert("EXECSTACK");
        }
    }
    for section in sections.iter() {
        for relocation in section.rela(E, bytes).map_err(|e| e.to_string())?.map_or(&[][..], |(r, _)| r) {
            if matches!(relocation.r_type(E, false), elf::R_X86_64_DTPMOD64 | elf::R_X86_64_TLSDESC) {
                facts.marks.insert("TLS_GD");
            }
        }
    }
    Ok(facts)
}

/// Every rule of the gate and what breaks it: empty where it holds.
pub fn violations(facts: &Facts, listed: &BTreeSet<String>) -> Vec<(&'static str, Vec<String>)> {
    let newer = |v: &&String| match v.strip_prefix("GLIBC_2.").map(|n| n.split('.').next().unwrap_or("").parse::<u32>())
    {
        Some(Ok(minor)) => minor > 17,
        _ => true,
    };
    let marks = |names: &[&str], there: bool| -> Vec<String> {
        names.iter().filter(|n| facts.marks.contains(**n) == there).map(|n| (*n).to_owned()).collect()
    };
    vec![
        (
            "needs libc.so.6 and libdl.so.2 only",
            facts.needed.iter().filter(|n| !matches!(n.as_str(), "libc.so.6" | "libdl.so.2")).cloned().collect(),
        ),
        ("no symbol version above GLIBC_2.17", facts.versions.iter().filter(newer).cloned().collect()),
        ("exports exactly src/shim/exports.txt", facts.exports.symmetric_difference(listed).cloned().collect()),
        ("marked NODELETE and SYMBOLIC", marks(&["NODELETE", "SYMBOLIC"], false)),
        ("no TEXTREL, executable stack or global-dynamic TLS", marks(&["TEXTREL", "EXECSTACK", "TLS_GD"], true)),
    ]
}

/// Reads the library and the list of its exports, one name a line.
pub fn examine() -> Result<Vec<(&'static str, Vec<String>)>, String> {
    let list = workspace().join("src/shim/exports.txt");
    let listed = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let names = listed.lines().map(|l| l.split('#').next().unwrap_or("").trim());
    let listed = names.filter(|l| !l.is_empty()).map(String::from).collect();
    let bytes = std::fs::read(library()).map_err(|e| format!("{}: {e}", library().display()))?;
    Ok(violations(&read(&bytes)?, &listed))
}

/// A line for each rule of the gate.
pub fn prove(sink: Sink<'_>) {
    match examine() {
        Err(why) => sink(Line::broken("ELF gate", "", why)),
        Ok(found) => {
            for (rule, broken_by) in found {
                let measured = if broken_by.is_empty() { "none else".to_owned() } else { broken_by.join(" ") };
                sink(Line::judged(&format!("ELF: {rule}"), "no exception", measured, broken_by.is_empty()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_that_a_library_breaks_is_named() {
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
        let facts = Facts {
            needed: set(&["libc.so.6", "libgcc_s.so.1"]),
            versions: set(&["GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.33"]),
            exports: set(&["malloc", "rust_eh_personality"]),
            marks: ["NODELETE", "TLS_GD"].into(),
        };
        let broken: Vec<String> =
            violations(&facts, &set(&["malloc", "free"])).into_iter().map(|(_, by)| by.join(" ")).collect();
        assert_eq!(broken, ["libgcc_s.so.1", "GLIBC_2.33", "free rust_eh_personality", "SYMBOLIC", "TLS_GD"]);
    }
}
