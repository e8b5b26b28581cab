//! Servers: started, awaited, loaded, stopped.

use std::net::TcpListener;

use super::compare;
use crate::fixtures::output;

/// Answers every connection with the same line until it is told to end.
const SERVER: &str = "
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(sys.argv[1])))
listener.listen()
print('ready to serve', flush=True)
while True:
    connection, _ = listener.accept()
    connection.close()
";

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

fn served(ready: &str, load: &str, port: &str) -> crate::fixtures::Output {
    let mut command =
        compare(&["--runs", "2", "--ready", ready, "--load", load, "--metric", "ops:higher=ops: ([0-9]+)"]);
    output(command.args(["--", "python3", "-c", SERVER, port]))
}

fn is_free(port: &str) -> bool {
    std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err()
}

#[test]
fn a_server_is_ready_when_its_port_answers_or_it_says_a_line_or_a_command_succeeds() {
    for kind in ["port", "line", "cmd"] {
        let port = free_port();
        let ready = match kind {
            "port" => format!("port:127.0.0.1:{port}"),
            "line" => "line:ready to".to_owned(),
            _ => format!("cmd:python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}))\""),
        };
        let done = served(&ready, "echo ops: 120; echo ops: 125", &port);
        assert_eq!(done.status, Some(0), "{kind}: {}", done.err);
        assert!(done.out.contains("; wall is the load's, the rest the server's\n"), "{}", done.out);
        assert_eq!(done.out.matches(" 125 ").count(), 2, "{kind}: {}", done.out);
        assert!(is_free(&port), "{kind}");
    }
}

#[test]
fn a_load_that_fails_ends_it_and_the_server_too() {
    let port = free_port();
    let done = served(&format!("port:127.0.0.1:{port}"), "echo refused; exit 5", &port);
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("--load ended with exit 5; the last that was printed:\n  refused"), "{}", done.err);
    assert!(is_free(&port));
}

#[test]
fn a_server_that_is_never_ready_is_stopped_and_what_it_said_is_shown() {
    let port = free_port();
    let mut command = compare(&["--ready", "line:never said", "--ready-timeout", "0.5", "--load", "true"]);
    let done = output(command.args(["--", "python3", "-c", SERVER, &port]));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("the server was not ready after 0.5 s"), "{}", done.err);
    assert!(is_free(&port));
}

#[test]
fn a_server_that_ends_before_it_is_ready_is_no_server() {
    let mut command = compare(&["--ready", "line:never said", "--load", "true"]);
    let done = output(command.args(["--", "sh", "-c", "echo bad configuration; exit 4"]));
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains("the server ended with exit 4"), "{}", done.err);
    assert!(done.err.contains("\n  bad configuration"), "{}", done.err);
}

#[test]
fn somebody_elses_server_is_not_measured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let done = served(&format!("port:127.0.0.1:{port}"), "true", "0");
    assert_eq!(done.status, Some(1));
    assert!(done.err.contains(&format!("somebody answers on port {port} already")), "{}", done.err);
}
