//! The command against servers that are none, or mean harm: a clear message
//! and the right exit code, in bounded time and memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

const NOT_REACHABLE: Option<i32> = Some(3);

/// What a hostile server may get rid of. Far more than the 64 KiB that a head
/// may have: the rest lies in the buffers of two sockets.
const MOST_TAKEN: usize = 32 << 20;

/// A server that treats every connection like this, for as long as the test.
fn server(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let treat = Arc::new(treat);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let treat = Arc::clone(&treat);
            thread::spawn(move || treat(stream));
        }
    });
    format!("ws://{address}/ws")
}

fn wsspec(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wsspec"))
        .args(arguments)
        .output()
        .expect("wsspec can be started")
}

/// Judges with little patience; these servers keep silent on purpose.
fn judge(url: &str) -> (Option<i32>, String) {
    let output = wsspec(&[url, "--timeout", "0.1"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

/// Reads a request up to its empty line and gives back the key.
fn read_request(stream: &TcpStream) -> Option<String> {
    let mut key = None;
    for line in BufReader::new(stream).lines() {
        let line = line.ok()?;
        if line.is_empty() {
            return key;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("Sec-WebSocket-Key")
        {
            key = Some(value.to_owned());
        }
    }
    None
}

/// Reads a request and switches, as a server should.
fn switch(mut stream: &TcpStream) -> Option<()> {
    let accept = rfc6455::handshake::accept(read_request(stream)?.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()
}

/// Holds a connection until the other side ends it.
fn hold(mut stream: &TcpStream) {
    let mut rest = [0; 4096];
    while stream
        .read(&mut rest)
        .is_ok_and(|count| count > 0)
    {}
}

/// Writes these octets again and again until nobody takes them.
fn write_for_ever(mut stream: &TcpStream, octets: &[u8]) -> usize {
    let mut taken = 0;
    while stream.write_all(octets).is_ok() {
        taken += octets.len();
    }
    taken
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let (code, text) = judge(&format!("ws://{address}/ws"));
    assert_eq!(code, NOT_REACHABLE, "{text}");
    assert!(text.contains("Is the server running"), "{text}");
}

#[test]
fn a_server_that_never_answers() {
    let (code, text) = judge(&server(|stream| hold(&stream)));
    assert_eq!(code, NOT_REACHABLE, "{text}");
    assert!(text.contains("no complete answer within"), "{text}");
}

#[test]
fn a_server_that_speaks_another_protocol() {
    let url = server(|mut stream| {
        _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        hold(&stream);
    });
    let (code, text) = judge(&url);
    assert_eq!(code, NOT_REACHABLE, "{text}");
    assert!(text.contains("no HTTP start line"), "{text}");
}

#[test]
fn a_page_where_a_websocket_should_be() {
    let url = server(|mut stream| {
        read_request(&stream);
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        hold(&stream);
    });
    let (code, text) = judge(&url);
    assert_eq!(code, NOT_REACHABLE, "{text}");
    assert!(text.contains("is answered 200 OK"), "{text}");
}

#[test]
fn a_server_that_hangs_up() {
    let (code, text) = judge(&server(drop));
    assert_eq!(code, NOT_REACHABLE, "{text}");
    assert!(text.contains("no answer but"), "{text}");
}

#[test]
fn a_head_without_end() {
    let floods: [&[u8]; 3] = [
        b"X-Field: and so on\r\n",
        b"no line ends here ",
        b"X: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n",
    ];
    for octets in floods {
        let (tell, told) = mpsc::channel();
        let url = server(move |mut stream| {
            _ = stream.write_all(b"HTTP/1.1 103 Early Hints\r\n");
            // The test may be over by the time that a late one has failed.
            _ = tell.send(write_for_ever(&stream, octets));
        });
        let (code, text) = judge(&url);
        assert_eq!(code, NOT_REACHABLE, "{text}");
        assert!(text.contains("a head of more than 65536 octets"), "{text}");
        let taken = told
            .recv()
            .expect("the server tells how much it sent");
        assert!(
            (1..MOST_TAKEN).contains(&taken),
            "{taken} octets were taken"
        );
    }
}

#[test]
fn a_websocket_that_does_not_echo() {
    let url = server(|stream| {
        switch(&stream);
        hold(&stream);
    });
    let (code, text) = judge(&url);
    assert_eq!(code, NOT_REACHABLE, "{text}");
    assert!(text.contains("does not echo"), "{text}");
}

#[test]
fn a_server_that_greets_is_judged() {
    let url = server(|stream| {
        switch(&stream);
        _ = (&stream).write_all(b"\x81\x07welcome");
        hold(&stream);
    });
    let case = "6455/5.5.2/ping-is-answered/text";
    let output = wsspec(&[&url, "--case", case, "--timeout", "0.2"]);
    assert_eq!(output.status.code(), Some(1));
    let hint = String::from_utf8_lossy(&output.stderr);
    assert!(hint.contains("does not echo"), "{hint}");
    assert!(hint.contains("welcome"), "{hint}");
}

/// A server that answers the first connection's text, so that it seems an
/// echo, and treats every other connection like this.
fn echo_once(then: impl Fn(&TcpStream) + Send + Sync + 'static) -> String {
    let first = AtomicBool::new(true);
    server(move |stream| {
        switch(&stream);
        if first.swap(false, Ordering::SeqCst) {
            _ = (&stream).write_all(b"\x81\x06wsspec");
            hold(&stream);
        } else {
            then(&stream);
        }
    })
}

fn expect_violations(arguments: &[&str]) {
    let output = wsspec(arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("broken"), "{text}");
}

#[test]
fn servers_that_flood_behind_the_101() {
    let large = [&b"\x00\x7e\x10\x00"[..], &[b'*'; 4096]].concat();
    let floods: [(&[u8], &[u8]); 5] = [
        // Empty fragments without end.
        (b"\x01\x00", b"\x00\x00"),
        // A message that grows without end.
        (b"\x02\x01a", &large),
        // A frame of nearly 2^64 octets, and no octet of it.
        (b"", b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
        // Messages that nobody asked for.
        (b"", b"\x81\x05Hello"),
        // No frames at all.
        (b"", b"\xde\xad\xbe\xef"),
    ];
    for (first, again) in floods {
        let (first, again) = (first.to_vec(), again.repeat(64));
        let url = echo_once(move |mut stream| {
            _ = stream.write_all(&first);
            write_for_ever(stream, &again);
        });
        expect_violations(&[
            &url,
            "--timeout",
            "0.1",
            "--jobs",
            "4",
            "--case",
            "6455/5.5.2/ping-is-answered/t*",
        ]);
    }
}

#[test]
fn servers_that_stall_or_leave_behind_the_101() {
    let treatments: [fn(&TcpStream); 3] = [
        // One octet of a frame, and never the next.
        |mut stream| {
            _ = stream.write_all(b"\x81");
            hold(stream);
        },
        // A Close, and then nothing that ends the connection.
        |mut stream| {
            _ = stream.write_all(b"\x88\x00");
            hold(stream);
        },
        // The end at once.
        |stream| _ = stream.shutdown(Shutdown::Both),
    ];
    for treat in treatments {
        let url = echo_once(treat);
        expect_violations(&[&url, "--timeout", "0.1"]);
    }
}

/// What can't be written must not pass for a run without violations.
#[cfg(target_os = "linux")]
#[test]
fn results_that_nobody_can_read() {
    let url = echo_once(|stream| _ = stream.shutdown(Shutdown::Both));
    let output = wsspec(&[
        &url,
        "--timeout",
        "0.1",
        "--case",
        "*/status-is-101",
        "--output",
        "/dev/full",
    ]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("can't write the results"), "{text}");
}

#[test]
fn a_server_that_keeps_a_rule() {
    let url = echo_once(|stream| _ = stream.shutdown(Shutdown::Both));
    let output = wsspec(&[&url, "--case", "*/status-is-101"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 pass"), "{text}");
}

#[test]
fn autobahn_s_form() {
    let url = echo_once(|stream| _ = stream.shutdown(Shutdown::Both));
    let output = wsspec(&[
        &url,
        "--case",
        "6455/5.5.2/*",
        "--format",
        "autobahn",
        "--agent",
        "me",
    ]);
    let index: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("JSON");
    // The connection ends instead of a Pong.
    let entry = &index["me"]["2.1"];
    assert_eq!(entry["behavior"], "FAILED");
    assert_eq!(entry["behaviorClose"], "FAILED");
    assert_eq!(entry["remoteCloseCode"], serde_json::Value::Null);
    assert!(entry["duration"].is_u64());
}

#[test]
fn a_wrong_command_line() {
    let wrong: [&[&str]; 6] = [
        &[],
        &["rubbish"],
        &["http://127.0.0.1/"],
        &["ws://127.0.0.1:1/ws", "--case", "6455/none"],
        &["ws://127.0.0.1:1/ws", "--timeout", "never"],
        &["ws://127.0.0.1:1/ws", "--jobs", "0"],
    ];
    for arguments in wrong {
        let output = wsspec(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.starts_with("error: "), "{arguments:?}: {text}");
    }
}
