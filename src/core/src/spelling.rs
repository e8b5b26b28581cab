//! The nearest right spelling of a wrong word.
//!
//! What must hold here: no allocation, so words over [`LONGEST`] bytes have no neighbours; and a hint is only given
//! when it is probably meant, because a wrong one costs the reader more than none.

/// Longer words are not compared.
const LONGEST: usize = 40;

/// Changes, insertions, removals and swaps of neighbours that lead from `a` to `b`, upper and lower case alike;
/// `None` if either is longer than [`LONGEST`].
fn distance(a: &[u8], b: &[u8]) -> Option<usize> {
    if a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    let same = |x: Option<&u8>, y: Option<&u8>| match (x, y) {
        (Some(x), Some(y)) => x.eq_ignore_ascii_case(y),
        _ => false,
    };
    // Row i holds the distances from a[..i] to every b[..j]; two rows back are needed for swaps.
    let mut two_back = [0usize; LONGEST + 1];
    let mut back: [usize; LONGEST + 1] = core::array::from_fn(|j| j);
    let at = |row: &[usize; LONGEST + 1], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
    for i in 1..=a.len() {
        let mut row = [0usize; LONGEST + 1];
        let mut left = i;
        for (j, cell) in row.iter_mut().enumerate().take(b.len() + 1) {
            if j > 0 {
                let cost = usize::from(!same(a.get(i - 1), b.get(j - 1)));
                let mut best = (at(&back, j) + 1).min(left + 1).min(at(&back, j - 1) + cost);
                if i > 1 && j > 1 && same(a.get(i - 1), b.get(j - 2)) && same(a.get(i - 2), b.get(j - 1)) {
                    best = best.min(at(&two_back, j - 2) + 1);
                }
                left = best;
            }
            *cell = left;
        }
        two_back = back;
        back = row;
    }
    Some(at(&back, b.len()))
}

/// The candidate nearest to `word`, if one is so near that it was probably meant: one slip in three letters or fewer,
/// two in up to eight, three in longer words.
pub fn nearest(word: &[u8], candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let slips = match word.len() {
        0 => return None,
        1..=3 => 1,
        4..=8 => 2,
        _ => 3,
    };
    candidates
        .filter_map(|c| distance(word, c.as_bytes()).map(|d| (d, c)))
        // A word of which every letter would have to change is not a spelling of the other.
        .filter(|(d, c)| *d <= slips && *d < c.len().min(word.len()))
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_swap_of_neighbours_is_one_slip() {
        assert_eq!(distance(b"hgue", b"huge"), Some(1));
        assert_eq!(distance(b"kitten", b"sitting"), Some(3));
        assert_eq!(distance(b"", b"abc"), Some(3));
    }

    #[test]
    fn the_nearest_of_several_is_given() {
        let words = || ["huge", "nohuge", "lock"].into_iter();
        assert_eq!(nearest(b"hugee", words()), Some("huge"));
        assert_eq!(nearest(b"LOCK", words()), Some("lock"));
    }

    #[test]
    fn a_word_that_is_near_nothing_gets_no_hint() {
        let words = || ["huge", "lock"].into_iter();
        assert_eq!(nearest(b"sequential", words()), None);
        assert_eq!(nearest(b"", words()), None);
        assert_eq!(nearest(&[b'a'; 5000], words()), None);
    }
}
