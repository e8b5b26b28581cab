//! The kinds of mappings, what replaces what, and which blocks are whose.

use super::*;

const RW: u32 = (libc::PROT_READ | libc::PROT_WRITE) as u32;
const RX: u32 = (libc::PROT_READ | libc::PROT_EXEC) as u32;

fn map(start: u64, end: u64, protection: u32, name: &str) -> Map {
    Map { start, end, offset: 0, protection, shared: false, name: name.as_bytes().to_vec() }
}

fn kind(space: &Space, address: u64, stack: u64) -> Kind {
    let (start, piece) = space.piece(address).unwrap();
    space.region(address, start, piece, stack).kind
}

#[test]
fn a_mapping_replaces_what_it_covers() {
    let mut space = Space::default();
    space.map(&map(0x1000, 0x9000, RW, "/a"));
    space.map(&map(0x3000, 0x5000, RW, "//anon"));
    let of = |at: u64| space.piece(at).map(|(start, p)| (start, p.end, p.offset));
    assert_eq!(of(0x2000), Some((0x1000, 0x3000, 0)));
    assert_eq!(of(0x4000), Some((0x3000, 0x5000, 0)));
    assert_eq!(of(0x8fff), Some((0x5000, 0x9000, 0x4000)));
    assert_eq!(of(0x9000), None);
}

#[test]
fn each_mapping_has_the_kind_of_its_rules() {
    // Farther apart than a heap is from its program.
    const GAP: u64 = 8 << 30;
    let mut space = Space::default();
    let named = [(RX, "/bin/x"), (RW, "/bin/x"), (RW, "//anon"), (RW, "/data/x.idx"), (RW, "[heap]"), (RW, "[stack]")];
    for (i, (protection, name)) in named.iter().enumerate() {
        let start = GAP * (i as u64 + 1);
        space.map(&map(start, start + 0x1000, *protection, name));
    }
    let kinds: Vec<_> = (1..=6).map(|i| kind(&space, GAP * i, 0)).collect();
    assert_eq!(kinds, [Kind::Text, Kind::Data, Kind::Anon, Kind::File, Kind::Heap, Kind::Stack]);
}

#[test]
fn what_follows_the_data_of_a_program_is_its_data() {
    let mut space = Space::default();
    space.map(&map(0x1000, 0x2000, RX, "/bin/x"));
    space.map(&map(0x2000, 0x3000, RW, "/bin/x"));
    space.map(&map(0x3000, 0x4000, RW, "//anon"));
    assert_eq!(kind(&space, 0x3800, 0), Kind::Data);
}

#[test]
fn where_the_stack_pointer_is_near_there_is_a_stack() {
    let mut space = Space::default();
    space.map(&map(0x10_0000, 0x90_0000, RW, "//anon"));
    assert_eq!(kind(&space, 0x8f_0000, 0x8f_0100), Kind::Stack);
    assert_eq!(kind(&space, 0x8f_0000, 0xff_0000), Kind::Anon);
}

#[test]
fn an_arena_is_the_heaps() {
    let mut space = Space::default();
    space.map(&map(ARENA, 2 * ARENA, 0, "//anon"));
    space.map(&map(ARENA, ARENA + 0x21000, RW, "//anon"));
    assert_eq!(kind(&space, ARENA + 0x1000, 0), Kind::Heap);
    space.map(&map(5 * ARENA, 5 * ARENA + 0x21000, RW, "//anon"));
    assert_eq!(kind(&space, 5 * ARENA + 0x1000, 0), Kind::Anon);
}

#[test]
fn what_begins_a_little_behind_the_program_is_the_heap() {
    let mut space = Space::default();
    space.map(&map(0x5000_0000_1000, 0x5000_0000_2000, RX, "/bin/x"));
    space.map(&map(0x5000_0000_2000, 0x5000_0000_3000, RW, "/bin/x"));
    space.map(&map(0x7000_0000_1000, 0x7000_0000_2000, RX, "/lib/y"));
    space.map(&map(0x7000_0001_0000, 0x7000_0001_2000, RW, "//anon"));
    space.map(&map(0x5000_0012_3000, 0x5000_0014_4000, RW, "//anon"));
    assert_eq!(kind(&space, 0x5000_0012_3000, 0), Kind::Heap);
    assert_eq!(kind(&space, 0x7000_0001_0000, 0), Kind::Anon);
}

#[test]
fn a_block_reaches_to_the_one_above_it() {
    let mut space = Space::default();
    space.map(&map(0x70_0000, 0x80_0000, RW, "//anon"));
    let nobody = u32::MAX;
    assert_eq!(space.add_block(nobody, 0x70_0000, 1), Some(0x10_0000));
    space.map(&map(0x50_0000, 0x80_0000, RW, "//anon"));
    assert_eq!(space.add_block(nobody, 0x50_0000, 2), Some(0x20_0000));
    let (start, piece) = space.piece(0x6f_0000).unwrap();
    let region = space.region(0x6f_0000, start, piece, 0);
    assert_eq!((region.kind, region.start, region.end, region.taker), (Kind::Malloc, 0x50_0000, 0x70_0000, Some(2)));
}

#[test]
fn what_realloc_has_moved_is_still_whose_it_was() {
    let mut space = Space::default();
    let nobody = u32::MAX;
    space.map(&map(0x70_0000, 0x80_0000, RW, "//anon"));
    space.add_block(nobody, 0x70_0000, 7);
    for page in 0..4 {
        space.find(nobody, 0x7000_0000_0000 + page * 4096);
    }
    let (start, piece) = space.piece(0x7000_0000_2000).unwrap();
    let region = space.region(0x7000_0000_2000, start, piece, 0);
    let size = region.end - region.start;
    assert_eq!((region.kind, region.taker, size), (Kind::Malloc, Some(7), 4 * 4096));
}

#[test]
fn a_page_that_comes_again_is_known_but_for_a_write_after_a_read() {
    let mut space = Space::default();
    let page = 0x7f00_1234_5000;
    assert_eq!([page, page + 4096, page + 0xfff, page].map(|p| space.again(p)), [false, false, false, true]);
}

#[test]
fn a_page_that_is_mapped_anew_comes_again_at_once() {
    let mut space = Space::default();
    let page = 0x7f00_1234_5000;
    for at in [page, page + 4096] {
        space.again(at);
    }
    space.map(&map(page, page + 4096, RW, "//anon"));
    assert_eq!([page, page + 4096].map(|p| space.again(p)), [true, false]);
    space.map(&map(0x1000, 0x7fff_ffff_f000, 0, "//anon"));
    assert!(space.again(page + 4096));
}
