//! `--ready`: how a server says that it takes requests.
//!
//! What must hold here: somebody else's server is never measured: a port that answers before ours was started is
//! refused; the asking costs the server next to nothing, and the clock runs only afterwards.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use super::contender::refusal;
use crate::refusal::Refusal;

/// How long a port may take to answer.
const CONNECT: Duration = Duration::from_secs(1);

/// When a server is ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ready {
    /// one of these addresses takes connections
    Port(Vec<IpAddr>, u16),
    /// a line of its output holds this
    Line(String),
    /// this command succeeds
    Command(OsString),
}

impl Ready {
    /// Reads port:6379, port:ADDRESS:6379, line:TEXT or cmd:COMMAND.
    ///
    /// # Errors
    /// A [`Refusal`] that points at the fault.
    pub fn parse(text: &OsStr) -> Result<Ready, Refusal> {
        let bytes = text.as_bytes();
        let at = |start, reason: &str| Refusal { start, ..refusal("--ready", text, reason) };
        if let Some(command) = bytes.strip_prefix(b"cmd:").filter(|c| !c.is_empty()) {
            return Ok(Ready::Command(OsString::from_vec(command.to_vec())));
        }
        let text = String::from_utf8_lossy(bytes);
        if let Some(line) = text.strip_prefix("line:").filter(|l| !l.is_empty()) {
            return Ok(Ready::Line(line.into()));
        }
        let Some(address) = text.strip_prefix("port:") else {
            return Err(at(0, "not port:NUMBER, line:TEXT or cmd:COMMAND"));
        };
        let (host, port) = address.rsplit_once(':').unwrap_or(("localhost", address));
        let hosts = addresses(host.trim_matches(['[', ']']));
        match port.parse::<u16>() {
            Ok(port) if port > 0 && !hosts.is_empty() => Ok(Ready::Port(hosts, port)),
            Ok(port) if port > 0 => Err(at("port:".len(), "no address: it is localhost or an IP address")),
            _ => Err(at(bytes.len() - port.len(), "no port")),
        }
    }
}

/// What a host stands for. Names are not looked up: the C library does that by loading others at run time, which the
/// static command that `make dist` builds can't.
fn addresses(host: &str) -> Vec<IpAddr> {
    match host {
        "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        _ => host.parse().into_iter().collect(),
    }
}

/// Whether somebody answers there.
pub fn answers(hosts: &[IpAddr], port: u16) -> bool {
    hosts.iter().any(|host| TcpStream::connect_timeout(&SocketAddr::new(*host, port), CONNECT).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Ready, Refusal> {
        Ready::parse(OsStr::new(text))
    }

    #[test]
    fn ports_lines_and_commands_are_read() {
        assert_eq!(parse("port:6379").unwrap(), Ready::Port(addresses("localhost"), 6379));
        assert_eq!(parse("port:[::1]:80").unwrap(), Ready::Port(vec![Ipv6Addr::LOCALHOST.into()], 80));
        assert_eq!(parse("line:Ready to accept: all").unwrap(), Ready::Line("Ready to accept: all".into()));
        assert_eq!(parse("cmd:pg_isready -q").unwrap(), Ready::Command("pg_isready -q".into()));
    }

    #[test]
    fn a_bad_port_is_pointed_at() {
        assert_eq!(parse("port:x").unwrap_err().start, 5);
        assert_eq!(parse("port:db.example:6379").unwrap_err().start, 5);
        assert_eq!(parse("6379").unwrap_err().start, 0);
    }

    #[test]
    fn a_port_answers_once_somebody_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(answers(&addresses("127.0.0.1"), port));
        drop(listener);
        assert!(!answers(&addresses("127.0.0.1"), port));
    }
}
