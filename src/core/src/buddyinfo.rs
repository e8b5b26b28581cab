//! /proc/buddyinfo: how much free memory is in pieces that huge pages can be had from at once.
//!
//! What must hold here: memory that only old devices may use doesn't count; a text that can't be read is unknown.

/// The order of 2 MiB.
const HUGE_ORDER: usize = 9;

/// Bytes in free pieces of 2 MiB and more.
pub fn free_huge(text: &[u8]) -> Option<u64> {
    let mut sum = None;
    for line in text.split(|b| *b == b'\n') {
        let mut words = line.split(|b| *b == b' ').filter(|w| !w.is_empty());
        // Node 0, zone Normal 46 31 …
        let Some(zone) = words.by_ref().skip_while(|w| *w != b"zone").nth(1) else { continue };
        let mut bytes = 0u64;
        for (order, word) in words.enumerate().skip(HUGE_ORDER) {
            let each = 1u64.checked_shl(order as u32 + 12)?;
            bytes = bytes.checked_add(number(word)?.checked_mul(each)?)?;
        }
        sum = Some(sum.unwrap_or(0u64).checked_add(if zone == b"DMA" { 0 } else { bytes })?);
    }
    sum
}

fn number(word: &[u8]) -> Option<u64> {
    core::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3 \n\
        Node 0, zone    DMA32    479      9     14     10     13     10      8      7      9      9    745 \n\
        Node 1, zone   Normal  40045  22339  10373   7813   8198   5676   3462   2187   1151      2      1 \n";

    #[test]
    fn pieces_of_2_mib_and_more_count_on_all_nodes_but_in_the_dma_zone() {
        assert_eq!(free_huge(TEXT), Some((9 + 2 * 745 + 2 + 2) << 21));
    }

    #[test]
    fn fragmented_memory_has_none() {
        assert_eq!(free_huge(b"Node 0, zone   Normal 9 8 7 6 5 4 3 2 1 0 0\n"), Some(0));
    }

    #[test]
    fn what_is_no_buddyinfo_is_unknown() {
        assert_eq!(free_huge(b""), None);
        assert_eq!(free_huge(b"Node 0, zone\n"), None);
        assert_eq!(free_huge(b"Node 0, zone Normal 9 8 7 6 5 4 3 2 1 x 0\n"), None);
        assert_eq!(free_huge(b"Node 0, zone Normal 9 8 7 6 5 4 3 2 1 9999999999999999 0\n"), None);
    }
}
