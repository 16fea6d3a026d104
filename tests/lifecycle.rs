//! What only a running process can show: how a listing starts, serves and
//! ends, and what it leaves behind.
//!
//! Each property is a test per server, such as `axum/echo ends on SIGTERM`.

#[path = "support/subject.rs"]
mod subject;
mod support;

use std::io::BufRead as _;
use std::net::TcpListener;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::Signal;
use subject::{Client, Subject, echo, expect, resident, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{
    CloseCode, Data, OpCode,
};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use wsspec::harness;
use wsspec::programs::Built;
use wsspec::target::{NotReady, Running, TargetError};

type Property = fn(&Subject) -> Result<(), Failed>;

/// What is true of the listing and of the production variant.
const OF_BOTH: &[(&str, Property)] = &[
    ("echoes what clients send", echoes_what_clients_send),
    ("keeps to its declared limits", keeps_to_its_declared_limits),
    ("answers a Close", answers_a_close),
    (
        "says what is wrong with an address",
        says_what_is_wrong_with_an_address,
    ),
    ("keeps connections apart", keeps_connections_apart),
    ("leaves no descriptor behind", leaves_no_descriptor_behind),
    ("leaves no memory behind", leaves_no_memory_behind),
];

const OF_THE_LISTING: &[(&str, Property)] = &[
    ("ends on SIGTERM", |it| ends_on(it, Signal::TERM)),
    ("ends on Ctrl-C", |it| ends_on(it, Signal::INT)),
];

/// What needs no client that speaks TLS; `wsspec` is one.
const OF_THE_LISTING_OVER_TLS: &[(&str, Property)] = &[
    (
        "says what is wrong with an address",
        says_what_is_wrong_with_an_address,
    ),
    (
        "says what is wrong with a certificate",
        says_what_is_wrong_with_a_certificate,
    ),
];

const OF_PRODUCTION: &[(&str, Property)] = &[
    ("shows a page and its health", shows_a_page_and_its_health),
    ("refuses bad settings", refuses_bad_settings),
    ("logs each refusal once", logs_each_refusal_once),
    ("logs each end once", logs_each_end_once),
    ("outlives its log", outlives_its_log),
    ("waits for no reader for ever", waits_for_no_reader_for_ever),
    ("waits for no slow request", waits_for_no_slow_request),
    ("speaks HTTP/2, or does not", speaks_http2_or_does_not),
    ("serves a thousand at once", serves_a_thousand_at_once),
    ("keeps idle connections small", keeps_idle_connections_small),
    ("says goodbye on SIGTERM", says_goodbye_on_sigterm),
    ("waits for nobody for ever", waits_for_nobody_for_ever),
    (
        "ends at once when asked twice",
        ends_at_once_when_asked_twice,
    ),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let servers = support::servers().expect("every server.toml can be read");
    let mut chosen = Vec::new();
    let mut left_out = 0;
    for server in servers
        .iter()
        .filter(|it| support::is_in(support::OURS, it))
    {
        for variant in server.variant.keys() {
            let (common, own) = match variant.as_str() {
                "echo" => (OF_BOTH, OF_THE_LISTING),
                "production" => (OF_BOTH, OF_PRODUCTION),
                "secure" => (&[][..], OF_THE_LISTING_OVER_TLS),
                // A program of another variant, spoken to in another way.
                _ => continue,
            };
            for (name, property) in common.iter().chain(own) {
                let name = format!("{}/{variant} {name}", server.name);
                if !harness::fits(&arguments, &name) {
                    continue;
                }
                // The listings are the first tier; a filter asks for more.
                let is_in_tier = variant == "echo" || support::is_full();
                match is_in_tier || arguments.filter.is_some() {
                    true => chosen.push((name, server, variant, property)),
                    false => left_out += 1,
                }
            }
        }
    }
    if left_out > 0 {
        eprintln!(
            "{left_out} tests of production and TLS variants are left out; \
             FULL=1 runs them"
        );
    }
    let built = match arguments.list {
        true => Ok(Built::new()),
        false => support::build(&servers, |server, name| {
            chosen.iter().any(|(_, it, variant, _)| {
                it.name == server.name && *variant == name
            })
        }),
    };
    let built = match built {
        Ok(built) => Arc::new(built),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let trials = chosen
        .into_iter()
        .map(|(name, server, variant, property)| {
            let subject = Subject::new(server.clone(), variant, &built);
            let no_ctrl_c = name.ends_with("Ctrl-C") && ignores_ctrl_c();
            if no_ctrl_c {
                eprintln!("skipping {name}: Ctrl-C is ignored here");
            }
            let trial = Trial::test(name, move || property(&subject));
            trial.with_ignored_flag(no_ctrl_c)
        });
    let trials = trials.collect();
    raise_the_limit_of_descriptors();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// As far as the machine allows; what we start inherits it.
fn raise_the_limit_of_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it fails the tests do with what there is, and say so.
    _ = setrlimit(Resource::Nofile, limit);
}

/// Sends a binary message in frames of so many octets.
async fn send_in_frames(
    client: &mut Client,
    payload: &Bytes,
    each: usize,
) -> Result<(), Failed> {
    let last = payload.len().saturating_sub(1) / each;
    for (n, part) in payload.chunks(each).enumerate() {
        let kind = if n == 0 { Data::Binary } else { Data::Continue };
        let part = payload.slice_ref(part);
        let frame = Frame::message(part, OpCode::Data(kind), n == last);
        client.send(Message::Frame(frame)).await?;
    }
    Ok(())
}

fn echoes_what_clients_send(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    let (frame, message) = subject.limits();
    wait(async {
        let mut client = subject.connect(&running).await?;
        echo(&mut client, Message::text("")).await?;
        echo(&mut client, Message::text("κόσμε, \u{10ffff}\0")).await?;
        echo(&mut client, Message::binary(Bytes::new())).await?;
        echo(&mut client, Message::binary(vec![0xff, 0, 0xfe])).await?;
        // The declared limits say how large, and in what frames.
        for size in [1 << 10, 64 << 10, 1 << 20, 16 << 20, message] {
            if size > message {
                continue;
            }
            let payload = Bytes::from(vec![b'*'; size]);
            send_in_frames(&mut client, &payload, frame).await?;
            client
                .send(Message::Ping("meanwhile".into()))
                .await?;
            expect(&mut client, Message::Binary(payload)).await?;
            expect(&mut client, Message::Pong("meanwhile".into())).await?;
        }
        Ok(())
    })
}

/// One octet more than declared is refused; the declared size is echoed, as
/// another test shows.
fn keeps_to_its_declared_limits(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    let (frame, message) = subject.limits();
    wait(async {
        let attempts = [(frame + 1, frame + 1), (message + 1, frame)];
        for (size, each) in attempts {
            let mut client = subject.connect(&running).await?;
            let payload = Bytes::from(vec![0; size]);
            // The server may stop reading before all is sent.
            _ = send_in_frames(&mut client, &payload, each).await;
            match client.next().await {
                Some(Ok(Message::Close(Some(close))))
                    if close.code == CloseCode::Size => {}
                // What it sent may be lost with an RST for what it left
                // unread.
                Some(Err(_)) | None => {}
                Some(Ok(got)) => {
                    return Err(format!(
                        "{size} octets in frames of {each} are answered by a \
                         message of {}",
                        got.len()
                    )
                    .into());
                }
            }
        }
        let mut other = subject.connect(&running).await?;
        echo(&mut other, Message::text("still there")).await
    })
}

fn answers_a_close(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut client = subject.connect(&running).await?;
        let close = CloseFrame {
            code: CloseCode::from(3001),
            reason: "done".into(),
        };
        client.close(Some(close.clone())).await?;
        match client.next().await {
            Some(Ok(Message::Close(Some(got)))) if got.code == close.code => {}
            got => return Err(format!("the answer is {got:?}").into()),
        }
        match client.next().await {
            None => Ok(()),
            got => Err(format!("behind the Close came {got:?}").into()),
        }
    })
}

/// One line on stderr and exit code 1: for a text that is no address, and for
/// a port that is taken.
fn says_what_is_wrong_with_an_address(subject: &Subject) -> Result<(), Failed> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken_address = taken.local_addr()?.to_string();
    for address in ["rubbish", "", "127.0.0.1:99999", &taken_address] {
        let run = subject.run()?;
        let mut command = Command::new(&run[0]);
        command.args(&run[1..]).env("LISTEN", address);
        let expected = format!("cannot listen on {address}: ");
        let refused = is_refused(&mut command, &run, &expected);
        refused.map_err(|why| format!("LISTEN={address:?}: {why}"))?;
    }
    Ok(())
}

fn says_what_is_wrong_with_a_certificate(
    subject: &Subject,
) -> Result<(), Failed> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates");
    for (variable, file) in [
        ("CERTIFICATE", "nowhere.pem"),
        ("CERTIFICATE", "make.sh"),
        ("KEY", "nowhere.pem"),
        ("KEY", "make.sh"),
        ("KEY", "localhost.pem"),
    ] {
        let run = subject.run()?;
        let mut command = Command::new(&run[0]);
        command
            .args(&run[1..])
            .env("LISTEN", "127.0.0.1:0")
            .env(variable, format!("{folder}/{file}"));
        let expected = "cannot speak TLS, set CERTIFICATE and KEY: ";
        let refused = is_refused(&mut command, &run, expected);
        refused.map_err(|why| format!("{variable}={file}: {why}"))?;
    }
    Ok(())
}

/// The program ends with 1 and one line that begins so.
fn is_refused(
    command: &mut Command,
    run: &[String],
    expected: &str,
) -> Result<(), String> {
    match Running::start(command, run) {
        Err(TargetError::NotReady {
            how: NotReady::Ended(status),
            output,
            ..
        }) if status.code() == Some(1) => {
            let said = output.lines();
            match said.len() == 1 && said[0].starts_with(expected) {
                true => Ok(()),
                false => Err(format!("{said:?}")),
            }
        }
        Err(error) => Err(error.to_string()),
        Ok(_) => Err("it listens".to_owned()),
    }
}

/// Whether whoever started us has SIGINT ignored, as a shell does for what
/// runs in the background: what we start inherits that.
fn ignores_ctrl_c() -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    let status = status.unwrap_or_default();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.map(|it| u64::from_str_radix(it.trim(), 16));
    let interrupt = 1 << (Signal::INT.as_raw() - 1);
    ignored.is_some_and(|it| it.is_ok_and(|it| it & interrupt != 0))
}

fn ends_on(subject: &Subject, signal: Signal) -> Result<(), Failed> {
    let mut running = subject.start()?;
    wait(async {
        let mut idle = subject.connect(&running).await?;
        echo(&mut idle, Message::text("open")).await?;
        let mut inside_a_frame = subject.open_raw(&running).await?;
        inside_a_frame.write_all(b"\x82\xfe").await?;
        let inside_the_head =
            TcpStream::connect(running.url.authority()).await?;
        running.signal(signal);
        // Far from what it takes, and near enough to what is promised: one
        // second.
        let ended = running.wait(Duration::from_secs(1));
        drop((idle, inside_a_frame, inside_the_head));
        match ended {
            Some(_) => Ok(()),
            None => Err("it still runs".into()),
        }
    })
}

/// Connections that stall, flood or die, and one that does not notice.
fn keeps_connections_apart(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    let (frame, _) = subject.limits();
    wait(async {
        let mut client = subject.connect(&running).await?;
        echo(&mut client, Message::text("before")).await?;

        let silent = TcpStream::connect(running.url.authority()).await?;
        let mut stalled = subject.open_raw(&running).await?;
        stalled.write_all(b"\x82\xff\0\0\0\0").await?;
        let mut killed = subject.open_raw(&running).await?;
        killed.write_all(b"\x81\x85\0\0\0\0He").await?;
        killed.set_zero_linger()?;
        drop(killed);
        // Floods, and reads nothing: until the server takes no more.
        let mut flooding = subject.open_raw(&running).await?;
        let payload = vec![0; frame.min(60 << 10)];
        let mut octets = vec![0x82, 0xfe];
        octets.extend_from_slice(&u16::try_from(payload.len())?.to_be_bytes());
        octets.extend_from_slice(&[0; 4]);
        octets.extend_from_slice(&payload);
        let mut sent = 0;
        loop {
            if sent > 64 << 20 {
                return Err("64 MiB are taken that nobody reads".into());
            }
            let write = flooding.write_all(&octets);
            let patience = Duration::from_millis(200);
            match tokio::time::timeout(patience, write).await {
                Ok(written) => written?,
                Err(_) => break,
            }
            sent += octets.len();
        }
        for n in 0..100 {
            echo(&mut client, Message::text(format!("during {n}"))).await?;
        }
        let mut another = subject.connect(&running).await?;
        echo(&mut another, Message::text("new")).await?;
        drop((silent, stalled, flooding));
        Ok(())
    })
}

/// Opens connections that end in every way there is.
async fn burn_connections(
    subject: &Subject,
    running: &Running,
    count: usize,
) -> Result<(), Failed> {
    for n in 0..count {
        if n % 6 == 0 {
            let mut client = subject.connect(running).await?;
            echo(&mut client, Message::text("closed")).await?;
            client.close(None).await?;
            // The answer; some servers take up to a second for the FIN.
            client.next().await;
            continue;
        }
        let mut stream = subject.open_raw(running).await?;
        match n % 6 {
            // A FIN where a frame could begin.
            1 => stream.shutdown().await?,
            // An RST there.
            2 => stream.set_zero_linger()?,
            // A FIN inside a frame.
            3 => stream.write_all(b"\x81\x85\0\0\0\0He").await?,
            // An RST inside a message.
            4 => {
                stream.write_all(b"\x01\x82\0\0\0\0He").await?;
                stream.set_zero_linger()?;
            }
            // A violation.
            _ => stream.write_all(b"\x83\x80\0\0\0\0").await?,
        }
    }
    Ok(())
}

/// The descriptors that a process holds.
fn descriptors(running: &Running) -> Result<usize, Failed> {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", running.pid))?;
    Ok(entries.count())
}

fn leaves_no_descriptor_behind(subject: &Subject) -> Result<(), Failed> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let running = subject.start()?;
    wait(async {
        // Open from before the first count to after the last.
        let mut witness = subject.connect(&running).await?;
        echo(&mut witness, Message::text("first")).await?;
        let before = descriptors(&running)?;
        burn_connections(subject, &running, 60).await?;
        // The server closes when it has noticed. Every round trip gives it
        // an occasion, and `wait` ends it if it never does.
        while descriptors(&running)? > before {
            echo(&mut witness, Message::text("again")).await?;
        }
        Ok(())
    })
}

/// A first round fills what is kept for reuse; a second one of the same size
/// has to do with that. A server that kept its read buffer of 128 KiB a
/// connection would grow by three times the bound.
fn leaves_no_memory_behind(subject: &Subject) -> Result<(), Failed> {
    const CONNECTIONS: usize = 300;
    const BOUND: usize = 12 << 10;
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let running = subject.start()?;
    wait(async {
        burn_connections(subject, &running, CONNECTIONS).await?;
        let first = resident(&running)?;
        burn_connections(subject, &running, CONNECTIONS).await?;
        let second = resident(&running)?;
        let grown = second.saturating_sub(first);
        if grown > BOUND {
            return Err(format!(
                "{CONNECTIONS} connections more, and {grown} KiB more are \
                 resident after {first}"
            )
            .into());
        }
        Ok(())
    })
}

// What a production variant has and a listing has not.

/// The answer to a GET of this path over a connection of its own.
async fn get(running: &Running, path: &str) -> Result<String, Failed> {
    let authority = running.url.authority();
    let mut stream = TcpStream::connect(&authority).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn shows_a_page_and_its_health(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let page = get(&running, "/").await?;
        let is_page = page.starts_with("HTTP/1.1 200 ")
            && page.to_lowercase().contains("text/html")
            && page.contains("new WebSocket(");
        if !is_page {
            return Err(format!("GET /: {page:.200}").into());
        }
        for (path, status) in [("/healthz", 200), ("/nowhere", 404)] {
            let answer = get(&running, path).await?;
            if !answer.starts_with(&format!("HTTP/1.1 {status} ")) {
                return Err(format!("GET {path}: {answer:.200}").into());
            }
        }
        Ok(())
    })
}

/// One line about the value on stderr, no value of the token, and exit code 2.
fn refuses_bad_settings(subject: &Subject) -> Result<(), Failed> {
    for (argument, hint) in [
        ("--max-message=lots", "64 KiB"),
        ("--ping-interval=20", "20s"),
        ("--allow-origin=*", "https://app.example"),
        ("--token=a b", "16 to 256"),
        ("--max-frame=1 MiB", "larger than --max-message"),
    ] {
        match subject.start_with(&[argument]) {
            Ok(_) => return Err(format!("{argument}: it starts").into()),
            Err(error) => {
                let text = error.message().unwrap_or_default().to_owned();
                let is_told = text.contains("exit status: 2")
                    && text.contains(hint)
                    && !text.contains("'a b'");
                if !is_told {
                    return Err(format!("{argument}: {text}").into());
                }
            }
        }
    }
    Ok(())
}

fn logs_each_refusal_once(subject: &Subject) -> Result<(), Failed> {
    let arguments = ["--log-level=warn", "--max-connections=1"];
    let mut running = subject.start_with(&arguments)?;
    let secret = "a-secret-that-nobody-may-see";
    wait(async {
        let head = subject.head(&running);
        let token = subject.declared().handshake.bearer.clone();
        let token = token.ok_or("no handshake.bearer is declared")?;
        // The only place there is.
        let mut client = subject.connect(&running).await?;
        for (change, status) in [
            (head.replace(&token, secret), 401),
            (
                head.replace("https://app.example", "https://b.example"),
                403,
            ),
            (head.replace("Version: 13", "Version: 12"), 426),
            (head.replace("GET", "POST"), 405),
            (head.replace("ODw==", ""), 400),
            (head.clone(), 503),
        ] {
            let mut stream =
                TcpStream::connect(running.url.authority()).await?;
            stream.write_all(change.as_bytes()).await?;
            let answer = subject::read_head(&mut stream).await?;
            if !answer.starts_with(&format!("HTTP/1.1 {status} ")) {
                return Err(format!("not {status}: {answer}").into());
            }
        }
        echo(&mut client, Message::text(secret)).await?;
        client.close(None).await?;
        while let Some(Ok(_)) = client.next().await {}
        Ok(())
    })?;
    // Whatever it still has to say it has said when it has ended.
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(10));
    let log = running.output.lines();
    for status in [401, 403, 426, 405, 400, 503] {
        let line = format!("refused with {status}");
        let told: Vec<_> = log
            .iter()
            .filter(|it| it.contains(&line))
            .collect();
        if told.len() != 1 || !told[0].contains("peer=127.0.0.1") {
            return Err(format!("{line}: {log:#?}").into());
        }
    }
    match log.iter().any(|line| line.contains(secret)) {
        true => Err(format!("{log:#?}").into()),
        false => Ok(()),
    }
}

/// What came, and how it ended, in the span of the request that it was.
fn logs_each_end_once(subject: &Subject) -> Result<(), Failed> {
    let mut running = subject.start_with(&["--log-level=info"])?;
    let secret = "a-secret-that-nobody-may-see";
    wait(async {
        let mut client = subject.connect(&running).await?;
        echo(&mut client, Message::text(secret)).await?;
        client.close(None).await?;
        while let Some(Ok(_)) = client.next().await {}
        Ok(())
    })?;
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(10));
    let log = running.output.lines();
    let mut ends = log
        .iter()
        .filter(|line| line.contains("ended after"));
    let fields = [
        "messages=1",
        "octets=28",
        "close=1005",
        "peer=127.0.0.1",
        "status=101",
    ];
    let is_told = ends
        .next()
        .is_some_and(|line| fields.iter().all(|it| line.contains(it)));
    let is_told = is_told && ends.next().is_none();
    match is_told && !log.iter().any(|line| line.contains(secret)) {
        true => Ok(()),
        false => Err(format!("{log:#?}").into()),
    }
}

/// Whoever reads the log may go: that ends no connection.
fn outlives_its_log(subject: &Subject) -> Result<(), Failed> {
    let run = subject.run()?;
    let mut child = Command::new(&run[0])
        .args(&run[1..])
        .arg("--log-level=info")
        .env("LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(child.stderr.take());
    let stdout = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    std::io::BufReader::new(stdout).read_line(&mut line)?;
    let lives = wait(async {
        let address = line.split_once("ws://");
        let address = address.and_then(|(_, it)| it.split_once('/'));
        let (address, _) = address.ok_or("no address")?;
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).await?;
            let request =
                format!("GET /ws HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let answer = subject::read_head(&mut stream).await?;
            // The origin that is absent is allowed, the credential is not.
            if !answer.starts_with("HTTP/1.1 401 ") {
                return Err(answer.into());
            }
        }
        Ok(())
    });
    _ = child.kill();
    _ = child.wait();
    lives
}

/// A client that asks and reads no answer is given up, before the switch, too.
fn waits_for_no_reader_for_ever(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start_with(&["--send-deadline=1s"])?;
    wait(async {
        let authority = running.url.authority();
        let mut stream = TcpStream::connect(&authority).await?;
        let request = format!("GET / HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let many = request.repeat(1000);
        // `wait` ends it if the server never does.
        while stream.write_all(many.as_bytes()).await.is_ok() {}
        Ok(())
    })
}

/// A request behind another one has no more time than the first, and a head
/// has its limit.
fn waits_for_no_slow_request(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let authority = running.url.authority();
        let mut stream = TcpStream::connect(&authority).await?;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {authority}\r\n");
        stream
            .write_all(format!("{request}\r\n{request}").as_bytes())
            .await?;
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await?;
        let answers = String::from_utf8_lossy(&answers);
        if !answers.starts_with("HTTP/1.1 200 ") {
            return Err(format!("behind half a request: {answers}").into());
        }
        let mut stream = TcpStream::connect(&authority).await?;
        let long = format!("{request}X-Long: {}\r\n\r\n", "x".repeat(1 << 20));
        // It may end before it has all.
        _ = stream.write_all(long.as_bytes()).await;
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer).await;
        match answer.starts_with(b"HTTP/1.1 200 ") {
            true => Err("a head of 1 MiB is answered with 200".into()),
            false => Ok(()),
        }
    })
}

fn speaks_http2_or_does_not(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    if !subject.declared().http2 {
        return wait(speaks_no_http2(&running));
    }
    wait(async {
        let authority = running.url.authority();
        let stream = TcpStream::connect(&authority).await?;
        let (client, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection);
        let mut client = client.ready().await?;
        // The server's SETTINGS come when they come; `wait` ends this.
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let connect = |origin: &str| {
            let mut request =
                http::Request::connect(format!("http://{authority}/ws"))
                    .header("sec-websocket-version", "13")
                    .extension(h2::ext::Protocol::from_static("websocket"));
            for (name, value) in subject.fields() {
                let value = match name {
                    "origin" => origin.to_owned(),
                    _ => value,
                };
                request = request.header(name, value);
            }
            request.body(()).expect("a request")
        };
        let foreign = connect("https://b.example");
        let (answer, _) = client.send_request(foreign, true)?;
        let status = answer.await?.status();
        if status != 403 {
            return Err(format!("a foreign origin: {status}").into());
        }
        let right = connect("https://app.example");
        let (answer, mut stream) = client.send_request(right, false)?;
        let answer = answer.await?;
        if answer.status() != 200 {
            return Err(format!("{answer:?}").into());
        }
        let hello = Bytes::from_static(b"\x81\x85\0\0\0\0hello");
        stream.send_data(hello, false)?;
        let mut body = answer.into_body();
        let mut echo = Vec::new();
        while echo.len() < 7 {
            let data = body.data().await.ok_or("the stream ended")??;
            echo.extend_from_slice(&data);
        }
        match &echo[..] {
            b"\x81\x05hello" => Ok(()),
            other => Err(format!("{other:x?}").into()),
        }
    })
}

/// Who is found to speak it after all has to declare it.
async fn speaks_no_http2(running: &Running) -> Result<(), Failed> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \0\0\0\x04\0\0\0\0\0";
    let mut stream = TcpStream::connect(running.url.authority()).await?;
    stream.write_all(PREFACE).await?;
    let mut answer = Vec::new();
    // The end, in order or not, is an answer.
    _ = stream.read_to_end(&mut answer).await;
    match answer.is_empty() || answer.starts_with(b"HTTP/1.1 4") {
        true => Ok(()),
        false => Err(format!("{:?}", String::from_utf8_lossy(&answer)).into()),
    }
}

/// Each of a thousand has its own message back, while one sends half a frame
/// and one floods and reads nothing.
fn serves_a_thousand_at_once(subject: &Subject) -> Result<(), Failed> {
    const CLIENTS: usize = 1000;
    let running = subject.start()?;
    wait(async {
        let mut stalled = subject.open_raw(&running).await?;
        stalled
            .write_all(b"\x82\xfe\xff\xff\0\0\0\0")
            .await?;
        let mut flooding = subject.open_raw(&running).await?;
        let flood = async {
            let frame = [&b"\x82\xfe\x10\0\0\0\0\0"[..], &[0; 4096]].concat();
            while flooding.write_all(&frame).await.is_ok() {}
            std::future::pending::<()>().await;
        };
        let mut clients = Vec::with_capacity(CLIENTS);
        for _ in 0..CLIENTS {
            clients.push(subject.connect(&running).await?);
        }
        let all = async {
            for round in 0..3 {
                let echoes = clients.iter_mut().enumerate();
                let echoes = echoes.map(|(n, client)| {
                    echo(client, Message::text(format!("{n} in {round}")))
                });
                futures_util::future::try_join_all(echoes).await?;
            }
            Ok(())
        };
        tokio::select! {
            result = all => result,
            () = flood => Ok(()),
        }
    })
}

/// Prints what an idle connection takes with the read buffer of the default and
/// with a larger one, and sees that it is little.
fn keeps_idle_connections_small(subject: &Subject) -> Result<(), Failed> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = limit.current.unwrap_or(1 << 20);
    let count = usize::try_from(limit.saturating_sub(200))?.min(10_000);
    let most = 20.0;
    for buffer in ["2 KiB", "8 KiB"] {
        let buffer = format!("--read-buffer={buffer}");
        let room = format!("--max-connections={}", count + 1);
        let running = subject.start_with(&[&buffer, &room])?;
        wait(async {
            let mut first = subject.connect(&running).await?;
            echo(&mut first, Message::text("first")).await?;
            let before = resident(&running)?;
            let mut clients = Vec::with_capacity(count);
            for _ in 0..count {
                clients.push(subject.open_raw(&running).await?);
            }
            // Whoever is served shows that the others have been.
            echo(&mut first, Message::text("again")).await?;
            let grown = resident(&running)?.saturating_sub(before);
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let each = grown as f64 / count as f64;
            let label = subject.label();
            eprintln!(
                "{label} {buffer}: {each:.1} KiB for each of {count} idle \
                 connections"
            );
            match each <= most {
                true => Ok(()),
                false => Err(format!("{each:.1} KiB, and not {most}").into()),
            }
        })?;
    }
    Ok(())
}

fn says_goodbye_on_sigterm(subject: &Subject) -> Result<(), Failed> {
    let mut running = subject.start()?;
    wait(async {
        let mut clients = Vec::new();
        for n in 0..200 {
            let mut client = subject.connect(&running).await?;
            echo(&mut client, Message::text(format!("{n}"))).await?;
            clients.push(client);
        }
        running.signal(Signal::TERM);
        let told = clients.iter_mut().map(|client| async {
            match client.next().await {
                Some(Ok(Message::Close(Some(close))))
                    if close.code == CloseCode::Away => {}
                got => return Err(Failed::from(format!("{got:?}"))),
            }
            // The answer leaves when the stream is read on.
            match client.next().await {
                None => Ok(()),
                got => Err(format!("behind the Close: {got:?}").into()),
            }
        });
        futures_util::future::try_join_all(told).await?;
        Ok(())
    })?;
    ends_in_order(subject, &mut running, Duration::from_secs(2))
}

/// Within the declared deadline and so much more, and with exit code 0.
fn ends_in_order(
    subject: &Subject,
    running: &mut Running,
    more: Duration,
) -> Result<(), Failed> {
    let declared = subject.declared().shutdown_deadline;
    let declared = declared.ok_or("no shutdown-deadline is declared")?;
    match running.wait(declared.0 + more) {
        Some(status) if status.success() => Ok(()),
        other => Err(format!("its end: {other:?}").into()),
    }
}

/// Who answers no Close, who is inside a frame, who has said nothing at all:
/// the end comes all the same.
fn waits_for_nobody_for_ever(subject: &Subject) -> Result<(), Failed> {
    let mut running = subject.start()?;
    let _kept = {
        let mut kept = Vec::new();
        wait(async {
            let mut inside_a_frame = subject.open_raw(&running).await?;
            inside_a_frame.write_all(b"\x82\xfe").await?;
            kept.push(inside_a_frame);
            kept.push(subject.open_raw(&running).await?);
            let authority = running.url.authority();
            kept.push(TcpStream::connect(&authority).await?);
            let mut half = TcpStream::connect(&authority).await?;
            half.write_all(b"GET /ws HTTP/1.1\r\n").await?;
            kept.push(half);
            // Whoever is served shows that the others have been.
            let mut client = subject.connect(&running).await?;
            echo(&mut client, Message::text("served")).await
        })?;
        kept
    };
    running.signal(Signal::TERM);
    // A second more than is declared is its own last resort.
    ends_in_order(subject, &mut running, Duration::from_secs(3))
}

fn ends_at_once_when_asked_twice(subject: &Subject) -> Result<(), Failed> {
    let arguments = ["--shutdown-deadline=1h", "--close-deadline=1h"];
    let mut running = subject.start_with(&arguments)?;
    let mut stays = None;
    wait(async {
        let mut client = subject.open_raw(&running).await?;
        running.signal(Signal::TERM);
        // The Close, which nobody answers.
        let first = client.read_u8().await?;
        stays = Some(client);
        match first {
            0x88 => Ok(()),
            other => Err(format!("{other:#x} and no Close").into()),
        }
    })?;
    running.signal(Signal::TERM);
    match running.wait(Duration::from_secs(30)) {
        Some(status) if status.code() == Some(1) => Ok(()),
        other => Err(format!("its end: {other:?}").into()),
    }
}
