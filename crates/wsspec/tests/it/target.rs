//! Servers are ended with everything they started, however we end ourselves.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use wsspec::target::{NotReady, Running, Server, Size, TargetError};

/// The environment variable that makes this test binary hold a server until
/// it is killed.
const HOLD: &str = "WSSPEC_TEST_HOLDS_A_SERVER";

/// Where the servers of these tests listen, as far as anybody can see.
static LISTENER: LazyLock<TcpListener> =
    LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("a free port"));

/// A server that starts another process, says that it is ready, and does this.
fn server(then: &str) -> String {
    let address = LISTENER.local_addr().expect("an address");
    format!("tail -f /dev/null & echo listening on ws://{address}/ws; {then}")
}

fn start(script: &str) -> Result<Running, TargetError> {
    let words = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    Running::start(&mut command, &words)
}

fn is_alive(pid: u32) -> bool {
    let group = i32::try_from(pid).ok();
    let group = group.and_then(rustix::process::Pid::from_raw);
    let group = group.expect("a process id");
    rustix::process::test_kill_process_group(group).is_ok()
}

/// Waits for the end of a process group that is not our child.
fn wait_for_end(pid: u32) {
    while is_alive(pid) {
        std::thread::yield_now();
    }
}

#[test]
fn a_server_ends_with_its_children() {
    let running = start(&server("wait")).expect("it says that it is ready");
    let pid = running.pid;
    assert!(is_alive(pid));
    drop(running);
    wait_for_end(pid);
}

#[test]
fn children_end_although_their_server_has_left_them() {
    let mut running =
        start(&server("exit 0")).expect("it says that it is ready");
    let pid = running.pid;
    let status = running.wait(std::time::Duration::from_secs(10));
    assert!(status.is_some_and(|status| status.success()));
    drop(running);
    wait_for_end(pid);
}

#[test]
fn a_server_ends_when_its_holder_is_killed() {
    let this = std::env::current_exe().expect("this test");
    let mut holder = Command::new(this)
        .args(["--exact", "target::holder", "--ignored", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test can be started again");
    let stdout = holder.stdout.take().expect("it was asked for");
    let mut lines = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok);
    let pid = lines
        .by_ref()
        .find_map(|line| line.split_once("server is ")?.1.parse().ok())
        .expect("the holder tells the server's id");
    assert!(is_alive(pid));
    holder.kill().expect("it runs");
    holder.wait().expect("it was ours");
    wait_for_end(pid);
}

/// Not a test: what the test above starts and kills.
#[test]
#[ignore = "holds a server until it is killed"]
fn holder() {
    if std::env::var_os(HOLD).is_some() {
        let running = start(&server("wait")).expect("it says that it is ready");
        println!("\nserver is {}", running.pid);
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn a_server_that_is_not_ready_says_why() {
    let ends = start("echo no such luck >&2; exit 3");
    let Err(TargetError::NotReady { how, output, .. }) = ends else {
        panic!("{ends:?}");
    };
    assert!(matches!(how, NotReady::Ended(status) if status.code() == Some(3)));
    assert_eq!(output.lines(), ["no such luck"]);

    let words = ["/no/such/program".to_owned()];
    let error = Running::start(&mut Command::new(&words[0]), &words);
    assert!(matches!(error, Err(TargetError::Command { .. })));
}

/// A panic's message comes first, and a long backtrace after it.
#[test]
fn the_first_lines_are_kept_as_well_as_the_last() {
    let ends = start("seq 100 >&2; exit 3");
    let Err(TargetError::NotReady { output, .. }) = ends else {
        panic!("{ends:?}");
    };
    let lines = output.lines();
    assert_eq!(lines.len(), 41);
    assert_eq!((&*lines[0], &*lines[19]), ("1", "20"));
    assert_eq!(lines[20], "… 60 lines …");
    assert_eq!((&*lines[21], &*lines[40]), ("81", "100"));
}

#[test]
fn a_server_toml_that_is_wrong_says_where() {
    let wrong = [
        ("", "name"),
        ("name = 1", "invalid type"),
        (
            "name = \"a\"\nlanguage = \"b\"\nstack = \"c\"\ncolour = 1",
            "colour",
        ),
        (
            "name = \"a\"\nlanguage = \"b\"\nstack = \"c\"\n[variant.echo]\n",
            "variant.echo needs either cargo, or run",
        ),
        (
            "name = \"a\"\nlanguage = \"b\"\nstack = \"c\"\n[variant.echo]\n\
             run = [\"x\"]\nmax-message = \"64MiB\"",
            "\"64MiB\" is not a size",
        ),
        (
            "name = \"a\"\nlanguage = \"b\"\nstack = \"c\"\n[variant.echo]\n\
             run = [\"x\"]\n[[known-violation]]\nvariant = \"nope\"\n\
             case = \"*\"\nwhy = \"\"",
            "variant \"nope\"",
        ),
    ];
    for (n, (text, part)) in wrong.into_iter().enumerate() {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("wrong-{n}.toml"));
        std::fs::write(&path, text).expect("a folder for tests");
        let error = Server::load(&path)
            .expect_err("it is wrong")
            .to_string();
        assert!(error.contains(part), "{error}");
        assert!(error.contains("wrong-"), "{error}");
    }
    let missing = Server::load(&PathBuf::from("/no/such/server.toml"));
    assert!(matches!(missing, Err(TargetError::Unreadable { .. })));
}

#[test]
fn an_address_is_found_in_a_line() {
    let address = LISTENER.local_addr().expect("an address");
    for (line, expected) in [
        (
            format!("INFO ready (ws://{address}/ws), Ctrl-C ends it"),
            "ws",
        ),
        (format!("ready: wss://{address}/ws."), "wss"),
    ] {
        let script =
            format!("echo port 80; echo '{line}'; exec tail -f /dev/null");
        let running = start(&script).expect("it says where it listens");
        let expected = format!("{expected}://{address}/ws");
        assert_eq!(running.url.to_string(), expected);
    }
}

#[test]
fn sizes_have_units() {
    assert_eq!("64 MiB".parse(), Ok(Size(64 << 20)));
    assert_eq!("5 B".parse(), Ok(Size(5)));
    for bad in ["64", "64MiB", "-1 B", "1 MB", "", "99999999999 GiB"] {
        assert!(bad.parse::<Size>().is_err(), "{bad}");
    }
}
