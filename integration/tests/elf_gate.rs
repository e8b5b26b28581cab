//! The built library keeps to the ELF gate, whatever was added to it.

use faultless_integration::prove::elf;

#[test]
fn the_library_needs_imports_and_exports_nothing_that_the_gate_does_not_allow() {
    for (rule, broken_by) in elf::examine().unwrap() {
        assert!(broken_by.is_empty(), "{rule}: {}", broken_by.join(" "));
    }
}
