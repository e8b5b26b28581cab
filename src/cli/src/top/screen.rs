//! The terminal: another screen, keys without waiting for a line, the signals that end or resize it.
//!
//! What must hold here: the terminal is as it was on every way out: the end, an error, a panic, SIGINT, SIGTERM,
//! SIGHUP, SIGQUIT and while stopped (^Z); a terminal whose output is held (^S) keeps no signal from being heard.

use std::io::{self, IsTerminal};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::panic;
use std::ptr;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Result, bail};

const IN: RawFd = libc::STDIN_FILENO;
const OUT: RawFd = libc::STDOUT_FILENO;
/// The other screen, no cursor, no wrapping of long lines; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// So much goes into a terminal at once that says it takes some.
const CHUNK: usize = 256;
const SIGNALS: [i32; 7] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGWINCH, libc::SIGTSTP, libc::SIGCONT];

/// How the terminal was; `None` while it is so.
static BEFORE: Mutex<Option<libc::termios>> = Mutex::new(None);

/// What has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// it is time for the next look
    Tick,
    /// q, or the terminal is gone
    Quit,
    /// r
    Rules,
    /// an arrow
    Up,
    /// an arrow
    Down,
    /// the size has changed, or the screen was left and entered
    Redraw,
    /// a signal that ends it
    Signal(i32),
}

/// The terminal while it is ours.
pub struct Screen {
    signals: RawFd,
    mask_before: libc::sigset_t,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// There is none.
    pub fn open() -> Result<Screen> {
        let dumb = std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
        if dumb || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            bail!("no terminal that could be drawn on; try: faultless top --once");
        }
        let (mut set, mut mask_before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: sigemptyset fills the set in; the other calls are given it, valid signals, and room for the old mask.
        let (signals, mask_before) = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            let mut set = set.assume_init();
            SIGNALS.iter().for_each(|signal| {
                libc::sigaddset(&mut set, *signal);
            });
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, mask_before.as_mut_ptr());
            (libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK), mask_before.assume_init())
        };
        let screen = Screen { signals, mask_before };
        if signals < 0 {
            return Err(io::Error::last_os_error().into());
        }
        let said = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            said(panic);
        }));
        enter()?;
        Ok(screen)
    }

    /// Shows these lines, cut to the terminal's width already.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub fn draw(&self, lines: &[String]) -> io::Result<()> {
        let body: Vec<String> = lines.iter().map(|line| format!("{line}\x1b[K")).collect();
        let frame = format!("\x1b[H{}\x1b[J", body.join("\r\n"));
        let mut rest = frame.as_bytes();
        while !rest.is_empty() {
            let [_, signals, out] = self.poll(None, true)?;
            // Held output must not keep a signal waiting; what is left out is drawn the next time.
            if !out {
                if signals {
                    return Ok(());
                }
                continue;
            }
            rest = &rest[write(&rest[..rest.len().min(CHUNK)])?..];
        }
        Ok(())
    }

    /// Waits for something, until then.
    ///
    /// # Errors
    /// The terminal, or the descriptor of the signals, cannot be read.
    pub fn wait(&self, until: Instant) -> io::Result<Event> {
        loop {
            let [keys, signals, _] = self.poll(Some(until), false)?;
            if signals && let Some(event) = self.signal()? {
                return Ok(event);
            }
            if keys && let Some(event) = key()? {
                return Ok(event);
            }
            if Instant::now() >= until {
                return Ok(Event::Tick);
            }
        }
    }

    /// Which of keys, signals and (if asked for) the way out are ready.
    fn poll(&self, until: Option<Instant>, out: bool) -> io::Result<[bool; 3]> {
        let ask = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut asked = [
            ask(if out { -1 } else { IN }, libc::POLLIN),
            ask(self.signals, libc::POLLIN),
            ask(if out { OUT } else { -1 }, libc::POLLOUT),
        ];
        let ms = until.map_or(-1, |until| {
            i32::try_from(until.saturating_duration_since(Instant::now()).as_millis() + 1).unwrap_or(i32::MAX)
        });
        // SAFETY: three descriptors, as many as are said to be there.
        if unsafe { libc::poll(asked.as_mut_ptr(), 3, ms) } < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok([false; 3]) } else { Err(error) };
        }
        Ok(asked.map(|a| a.revents != 0))
    }

    fn signal(&self) -> io::Result<Option<Event>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        // SAFETY: there is room for one; all zeroes is a valid one.
        let (got, info) =
            unsafe { (libc::read(self.signals, info.as_mut_ptr().cast(), size_of_val(&info)), info.assume_init()) };
        if got <= 0 {
            return Ok(None);
        }
        Ok(Some(match info.ssi_signo as i32 {
            libc::SIGWINCH | libc::SIGCONT => Event::Redraw,
            libc::SIGTSTP => {
                restore();
                // SAFETY: stops this process, which the shell then sees; it goes on here.
                unsafe { libc::raise(libc::SIGSTOP) };
                enter()?;
                Event::Redraw
            }
            signal => Event::Signal(signal),
        }))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
        // SAFETY: the descriptor is ours, and the mask is the one that was.
        unsafe {
            libc::close(self.signals);
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask_before, ptr::null_mut());
        }
    }
}

fn enter() -> io::Result<()> {
    let mut now = MaybeUninit::<libc::termios>::zeroed();
    // SAFETY: there is room for the settings, which are valid once the call has succeeded.
    let before = unsafe {
        if libc::tcgetattr(IN, now.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        now.assume_init()
    };
    let mut raw = before;
    // Signals stay on keys: ^C and ^Z come as what they are.
    raw.c_lflag &= !(libc::ICANON | libc::ECHO);
    raw.c_cc[libc::VMIN] = 0;
    raw.c_cc[libc::VTIME] = 0;
    *BEFORE.lock().unwrap_or_else(|e| e.into_inner()) = Some(before);
    // SAFETY: valid settings.
    if unsafe { libc::tcsetattr(IN, libc::TCSADRAIN, &raw) } != 0 {
        return Err(io::Error::last_os_error());
    }
    write(ENTER.as_bytes()).map(|_| ())
}

/// Puts the terminal back; once, however often it is called.
fn restore() {
    let before = BEFORE.try_lock().ok().and_then(|mut before| before.take());
    if let Some(before) = before {
        // SAFETY: output that ^S holds goes on, or the rest would wait for ever (TCOON undoes TCOOFF only, so that comes
        // first), and what was not yet shown is dropped; the settings are those that were.
        unsafe {
            libc::tcflow(OUT, libc::TCOOFF);
            libc::tcflow(OUT, libc::TCOON);
            libc::tcflush(OUT, libc::TCOFLUSH);
            let _ = write(LEAVE.as_bytes());
            libc::tcsetattr(IN, libc::TCSANOW, &before);
        }
    }
}

fn write(bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the bytes are readable.
    let written = unsafe { libc::write(OUT, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// What the keys that were pressed mean, the last that means something.
fn key() -> io::Result<Option<Event>> {
    let mut bytes = [0u8; 64];
    // SAFETY: as many bytes as there is room for.
    match unsafe { libc::read(IN, bytes.as_mut_ptr().cast(), bytes.len()) } {
        got @ 1.. => Ok(meaning(&bytes[..got as usize])),
        0 => Ok(Some(Event::Quit)),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            // The terminal is gone.
            error if error.raw_os_error() == Some(libc::EIO) => Ok(Some(Event::Quit)),
            error => Err(error),
        },
    }
}

fn meaning(mut keys: &[u8]) -> Option<Event> {
    let mut last = None;
    while let Some((first, rest)) = keys.split_first() {
        let (event, rest) = match (first, rest) {
            (0x1b, [b'[' | b'O', b'A', rest @ ..]) => (Some(Event::Up), rest),
            (0x1b, [b'[' | b'O', b'B', rest @ ..]) => (Some(Event::Down), rest),
            (b'q' | b'Q', _) => return Some(Event::Quit),
            (b'r' | b'R', _) => (Some(Event::Rules), rest),
            (b'k', _) => (Some(Event::Up), rest),
            (b'j', _) => (Some(Event::Down), rest),
            // ^L
            (0x0c, _) => (Some(Event::Redraw), rest),
            _ => (None, rest),
        };
        last = event.or(last);
        keys = rest;
    }
    last
}

/// Columns and rows.
pub fn size() -> (usize, usize) {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: there is room for the answer; all zeroes is a valid one.
    let size = unsafe {
        libc::ioctl(OUT, libc::TIOCGWINSZ, size.as_mut_ptr());
        size.assume_init()
    };
    // Some containers' terminals say 0.
    let or = |n: u16, otherwise| if n == 0 { otherwise } else { usize::from(n) };
    (or(size.ws_col, 80), or(size.ws_row, 24))
}

/// The columns of what stdout is: 80 where it is no terminal.
pub fn columns() -> usize {
    size().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_are_known_in_both_of_their_spellings() {
        assert_eq!(meaning(b"\x1b[A"), Some(Event::Up));
        assert_eq!(meaning(b"\x1bOB"), Some(Event::Down));
    }

    #[test]
    fn a_key_that_means_nothing_hides_none_that_does() {
        assert_eq!(meaning(b"rx"), Some(Event::Rules));
        assert_eq!(meaning(b"xq"), Some(Event::Quit));
        assert_eq!(meaning(b"\x1b"), None);
    }
}
