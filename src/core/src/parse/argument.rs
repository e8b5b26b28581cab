//! One action with what follows its `=`.
//!
//! What must hold here: an argument that the action does not take is refused, never dropped.

use super::error::{ErrorKind, ParseError};
use super::piece::Piece;
use crate::actions::Action;
use crate::rules::{Access, Arrival, PageSize, Stay};
use crate::size::Size;

/// What follows an action's `=`.
enum Argument<'a> {
    Nothing,
    Size(Size),
    Range(Size, Size),
    Word(&'a [u8]),
}

/// Reads `name [ "=" argument ]`.
pub(super) fn action(piece: Piece<'_>) -> Result<Action, ParseError> {
    let (name, text) = match piece.split_once(b"=") {
        Some((name, text)) => (name, Some(text)),
        None => (piece, None),
    };
    let place = text.unwrap_or(piece);
    let argument = |words: &'static [&'static str]| match text {
        None => Ok(Argument::Nothing),
        Some(text) => argument(text, words),
    };
    let no_size = || place.error(ErrorKind::NoSize);
    let unknown = |words| place.error(ErrorKind::UnknownWord(words));
    Ok(match name.bytes {
        b"huge" => {
            const WORDS: &[&str] = &["thp", "collapse", "hugetlb"];
            Action::PageSize(match argument(WORDS)? {
                Argument::Nothing | Argument::Word(b"thp") => PageSize::Thp,
                Argument::Word(b"collapse") => PageSize::Collapse,
                Argument::Word(b"hugetlb") => PageSize::Hugetlb,
                Argument::Word(_) => return Err(unknown(WORDS)),
                Argument::Size(_) | Argument::Range(..) => return Err(no_size()),
            })
        }
        b"populate" => {
            const WORDS: &[&str] = &["async", "SIZE", "FROM..TO"];
            Action::Arrival(match argument(WORDS)? {
                Argument::Nothing => Arrival::Full,
                Argument::Size(size) => Arrival::First(size),
                Argument::Range(from, to) => Arrival::Range(from, to),
                Argument::Word(b"async") => Arrival::Async,
                Argument::Word(_) => return Err(unknown(WORDS)),
            })
        }
        b"lock" => {
            const WORDS: &[&str] = &["onfault", "hot", "FROM..TO"];
            Action::Stay(match argument(WORDS)? {
                Argument::Nothing => Stay::Full,
                Argument::Range(from, to) => Stay::Range(from, to),
                Argument::Word(b"onfault") => Stay::OnFault,
                Argument::Word(b"hot") => Stay::Hot,
                Argument::Word(_) => return Err(unknown(WORDS)),
                Argument::Size(_) => return Err(no_size()),
            })
        }
        other => {
            let action = match other {
                b"nohuge" => Action::PageSize(PageSize::Never),
                b"random" => Action::Access(Access::Random),
                b"sequential" => Action::Access(Access::Sequential),
                b"willneed" => Action::Access(Access::WillNeed),
                b"noreuse" => Action::Access(Access::NoReuse),
                b"drop-behind" => Action::Access(Access::DropBehind),
                b"auto" => Action::Access(Access::Auto),
                b"cold" => Action::Access(Access::Cold),
                b"pageout" => Action::Access(Access::PageOut),
                b"recycle" => Action::Recycle,
                b"dontdump" => Action::DontDump,
                b"leave" => Action::Leave,
                _ => return Err(name.error(ErrorKind::UnknownAction)),
            };
            match text {
                None => action,
                Some(_) if text.is_some_and(|t| t.bytes.first().is_some_and(u8::is_ascii_digit)) => {
                    return Err(no_size());
                }
                Some(_) => return Err(place.error(ErrorKind::NoArgument)),
            }
        }
    })
}

/// What begins with a digit is a size or a range, all else a word.
fn argument<'a>(text: Piece<'a>, words: &'static [&'static str]) -> Result<Argument<'a>, ParseError> {
    match text.bytes.first() {
        None => Err(text.error(ErrorKind::UnknownWord(words))),
        Some(b) if !b.is_ascii_digit() => Ok(Argument::Word(text.bytes)),
        Some(_) => match text.split_once(b"..") {
            None => Ok(Argument::Size(text.size()?)),
            Some((from, to)) => {
                let (from, to) = (from.size()?, to.size()?);
                if super::ascends(from, to) {
                    Ok(Argument::Range(from, to))
                } else {
                    Err(text.error(ErrorKind::EmptyRange))
                }
            }
        },
    }
}
