//! The rule grammar: bytes to rules.
//!
//!     policy = line { NEWLINE line } ;
//!     line   = [ rule { "," rule } ] ;              (* files alone also allow blanks, # comments *)
//!     rule   = kind [ "@" bounds ] [ "=" path ] ":" action { "+" action } ;
//!     bounds = size [ ".." size ] ;                 (* at least .. below *)
//!     path   = ( "/" | "*" ) { PCHAR } ;
//!     action = name [ "=" ( size ".." size | size | word ) ] ;
//!
//! What must hold here: a source is read whole or refused with the place of its first fault, and then the policy is as
//! before; no input panics; every byte of a rule that is accepted has a meaning.

mod argument;
mod error;
mod piece;
#[cfg(test)]
mod tests;

use crate::actions::Action;
use crate::matching::MIN_MALLOC_BOUND;
use crate::rules::{Access, Actions, Kind, MAX_RULES, MAX_TEXT, Policy, Rule, Span};
use crate::size::Size;

pub use error::{ErrorKind, ParseError};
use piece::Piece;

/// Where the source came from, and so what it may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// a variable or a flag: newlines separate lines; blanks and comments are errors
    Line,
    /// a file: also blanks around rules, and `#` comments
    File,
    /// a flag of `attach`: as a line, with the actions that one process can take on another's memory
    Attach,
}

impl Policy {
    /// Appends the rules of `source`, behind those that are there; on an error `self` is unchanged.
    pub fn append(&mut self, source: &[u8], form: Form) -> Result<(), ParseError> {
        let before = (self.count, self.text_len);
        let result = self.append_lines(Piece::new(source), form);
        if result.is_err() {
            (self.count, self.text_len) = before;
        }
        result
    }

    fn append_lines(&mut self, source: Piece<'_>, form: Form) -> Result<(), ParseError> {
        for mut line in source.split(b"\n") {
            if form == Form::File {
                line = line.split_once(b"#").map_or(line, |(before, _)| before).trim();
            }
            if line.is_empty() {
                continue;
            }
            for rule in line.split(b",") {
                let rule = if form == Form::File { rule.trim() } else { rule };
                if rule.is_empty() {
                    // Point at a comma: nothing else is there to be pointed at.
                    return Err(line.comma_beside(rule).error(ErrorKind::EmptyRule));
                }
                self.append_rule(rule, form)?;
            }
        }
        Ok(())
    }

    fn append_rule(&mut self, text: Piece<'_>, form: Form) -> Result<(), ParseError> {
        let (rule, path) = rule(text, form)?;
        if self.count >= MAX_RULES {
            return Err(text.error(ErrorKind::TooManyRules));
        }
        let comma: &[u8] = if self.text_len == 0 { b"" } else { b"," };
        let start = self.text_len + comma.len();
        let end = start + text.bytes.len();
        if end > MAX_TEXT {
            return Err(text.error(ErrorKind::TooMuchText));
        }
        let room = self.text.iter_mut().skip(self.text_len);
        room.zip(comma.iter().chain(text.bytes)).for_each(|(to, from)| *to = *from);
        // Both fit: MAX_TEXT is far below 65536.
        let span = |piece: Piece<'_>| Span {
            start: (start + piece.at.saturating_sub(text.at)) as u16,
            len: piece.bytes.len() as u16,
        };
        if let Some(slot) = self.rules.get_mut(self.count) {
            *slot = Rule { path: path.map(span), text: span(text), ..rule };
            self.count += 1;
            self.text_len = end;
        }
        Ok(())
    }
}

/// Reads one rule; its spans are left to whoever knows where the text goes. The piece is its path.
fn rule(text: Piece<'_>, form: Form) -> Result<(Rule, Option<Piece<'_>>), ParseError> {
    let (head, tail) = match text.split_once(b":") {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    };
    let (selector, path) = match head.split_once(b"=") {
        Some((selector, path)) => (selector, Some(path)),
        None => (head, None),
    };
    for piece in [Some(selector), tail].into_iter().flatten() {
        foreign(piece)?;
    }
    let tail = tail.ok_or(text.error(ErrorKind::MissingColon))?;
    let (kind_text, bounds_text) = match selector.split_once(b"@") {
        Some((kind, bounds)) => (kind, Some(bounds)),
        None => (selector, None),
    };
    let kind = Kind::named(kind_text.bytes).ok_or(kind_text.error(ErrorKind::UnknownKind))?;
    let (min, below) = match bounds_text {
        Some(text) => bounds(kind, text)?,
        None => (None, None),
    };
    if let Some(path) = path {
        check_path(kind, path)?;
    }
    let actions = actions(kind, tail, form)?;
    let none = Span { start: 0, len: 0 };
    Ok((Rule { kind, min, below, path: None, actions, text: none }, path))
}

/// Refuses blanks and comments by their own name: a rule that was quoted too little is the commonest mistake.
fn foreign(piece: Piece<'_>) -> Result<(), ParseError> {
    for (i, byte) in piece.bytes.iter().enumerate() {
        match byte {
            b' ' | b'\t' | b'\r' => return Err(piece.sub(i, i + 1).error(ErrorKind::Blank)),
            b'#' => return Err(piece.sub(i, piece.bytes.len()).error(ErrorKind::Comment)),
            _ => {}
        }
    }
    Ok(())
}

fn bounds(kind: Kind, text: Piece<'_>) -> Result<(Option<Size>, Option<Size>), ParseError> {
    if !kind.has_bounds() {
        return Err(text.error(ErrorKind::NoBounds(kind)));
    }
    let (from, below) = match text.split_once(b"..") {
        Some((from, below)) => (from, Some(below)),
        None => (text, None),
    };
    let min = from.size()?;
    if let (Kind::Malloc, Size::Bytes(..MIN_MALLOC_BOUND)) = (kind, min) {
        return Err(from.error(ErrorKind::SmallMalloc));
    }
    let below = below.map(Piece::size).transpose()?;
    if below.is_some_and(|below| !ascends(min, below)) {
        return Err(text.error(ErrorKind::EmptyBounds));
    }
    Ok((Some(min), below))
}

/// Whether something can lie between the two. Bytes and pct compare only once memory is known.
fn ascends(from: Size, to: Size) -> bool {
    match (from, to) {
        (Size::Bytes(a), Size::Bytes(b)) => a < b,
        (Size::Pct(a), Size::Pct(b)) => a < b,
        (_, Size::Bytes(0) | Size::Pct(0)) => false,
        _ => true,
    }
}

fn check_path(kind: Kind, path: Piece<'_>) -> Result<(), ParseError> {
    if !kind.has_path() {
        return Err(path.error(ErrorKind::NoPath(kind)));
    }
    if !matches!(path.bytes.first(), Some(b'/' | b'*')) {
        return Err(path.sub(0, 1).error(ErrorKind::PathStart));
    }
    let refused = |b: &u8| b.is_ascii_control() || b" ,:;'\"`\\$%#&|<>()[]{}!~".contains(b);
    match path.bytes.iter().position(refused) {
        Some(i) => Err(path.sub(i, i + 1).error(ErrorKind::PathByte)),
        None => Ok(()),
    }
}

fn actions(kind: Kind, text: Piece<'_>, form: Form) -> Result<Actions, ParseError> {
    let mut actions = Actions::default();
    for (i, piece) in text.split(b"+").enumerate() {
        if piece.is_empty() {
            return Err(piece.error(ErrorKind::MissingAction));
        }
        let action = argument::action(piece)?;
        if let Some(why) = action.refused_by(form) {
            return Err(piece.error(ErrorKind::WrongPlace(why)));
        }
        // What is swapped out can be brought back whatever it is.
        let brings_back = form == Form::Attach && action == Action::Access(Access::WillNeed);
        if !kind.has(action) && !brings_back {
            return Err(piece.error(ErrorKind::KindLacks(kind)));
        }
        let fresh = match action {
            _ if actions.leave => false,
            Action::PageSize(x) => actions.page_size.replace(x).is_none(),
            Action::Arrival(x) => actions.arrival.replace(x).is_none(),
            Action::Stay(x) => actions.stay.replace(x).is_none(),
            Action::Access(x) => actions.access.replace(x).is_none(),
            Action::Recycle => !core::mem::replace(&mut actions.recycle, true),
            Action::DontDump => !core::mem::replace(&mut actions.dontdump, true),
            Action::Leave => {
                actions.leave = true;
                i == 0
            }
        };
        if !fresh {
            return Err(piece.error(ErrorKind::TwoOnAxis));
        }
    }
    Ok(actions)
}
