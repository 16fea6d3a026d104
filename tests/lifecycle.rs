//! What only a running process can show: how a listing starts, serves and
//! ends, and what it leaves behind.
//!
//! Each property is a test per server, such as `axum/echo ends on SIGTERM`.

mod support;

use std::net::TcpListener;
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{
    CloseCode, Data, OpCode,
};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use wsspec::target::{NotReady, Running, Server, TargetError, Variant};

/// The end of a wait that should not be one. No test passes by waiting.
const HANG: Duration = Duration::from_secs(60);

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

type Property = fn(&Subject) -> Result<(), Failed>;

const PROPERTIES: &[(&str, Property)] = &[
    ("echoes what clients send", echoes_what_clients_send),
    ("keeps to its declared limits", keeps_to_its_declared_limits),
    ("answers a Close", answers_a_close),
    (
        "says what is wrong with an address",
        says_what_is_wrong_with_an_address,
    ),
    ("ends on SIGTERM", |it| ends_on(it, Signal::TERM)),
    ("ends on Ctrl-C", |it| ends_on(it, Signal::INT)),
    ("keeps connections apart", keeps_connections_apart),
    ("leaves no descriptor behind", leaves_no_descriptor_behind),
    ("leaves no memory behind", leaves_no_memory_behind),
];

/// A variant of a server of ours, built at most once.
struct Subject {
    server: Server,
    variant: String,
    built: OnceLock<Result<Vec<String>, String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let servers = support::servers().expect("every server.toml can be read");
    let mut trials = Vec::new();
    for server in servers.into_iter().filter(support::is_ours) {
        // The production variants end in another way: not here.
        let subject = Arc::new(Subject {
            server,
            variant: "echo".to_owned(),
            built: OnceLock::new(),
        });
        for (name, property) in PROPERTIES {
            let name =
                format!("{}/{} {name}", subject.server.name, subject.variant);
            let subject = Arc::clone(&subject);
            let no_ctrl_c = name.ends_with("Ctrl-C") && ignores_ctrl_c();
            if no_ctrl_c {
                eprintln!("skipping {name}: Ctrl-C is ignored here");
            }
            let trial = Trial::test(name, move || property(&subject));
            trials.push(trial.with_ignored_flag(no_ctrl_c));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

impl Subject {
    fn declared(&self) -> &Variant {
        &self.server.variant[&self.variant]
    }

    fn run(&self) -> Result<&[String], Failed> {
        let built = self.built.get_or_init(|| {
            let built = self.server.build(self.declared());
            built.map_err(|error| error.to_string())
        });
        built.as_deref().map_err(Failed::from)
    }

    fn start(&self) -> Result<Running, Failed> {
        Ok(self.server.start(self.run()?)?)
    }

    /// Sizes in octets: the largest frame and the largest message.
    fn limits(&self) -> (usize, usize) {
        let declared = self.declared();
        let message = declared
            .max_message
            .expect("max-message is declared");
        let frame = declared.max_frame.unwrap_or(message);
        let octets = |size: wsspec::target::Size| {
            usize::try_from(size.0).expect("a size that fits in memory")
        };
        (octets(frame), octets(message))
    }
}

/// Runs a test that waits, and ends it if it waits for ever.
fn wait(test: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome =
        runtime.block_on(async { tokio::time::timeout(HANG, test).await });
    outcome.unwrap_or_else(|_| Err(format!("no end within {HANG:?}").into()))
}

async fn connect(running: &Running) -> Result<Client, Failed> {
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let url = running.url.to_string();
    let (client, _) =
        tokio_tungstenite::connect_async_with_config(url, Some(config), true)
            .await?;
    Ok(client)
}

/// A connection after the 101, for octets of any kind.
async fn open_raw(running: &Running) -> Result<TcpStream, Failed> {
    let mut stream = TcpStream::connect(running.url.authority()).await?;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n",
        running.url.authority()
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    Ok(stream)
}

async fn echo(client: &mut Client, message: Message) -> Result<(), Failed> {
    client.send(message.clone()).await?;
    expect(client, message).await
}

async fn expect(client: &mut Client, message: Message) -> Result<(), Failed> {
    match client.next().await {
        Some(Ok(got)) if got == message => Ok(()),
        Some(Ok(got)) => Err(format!(
            "{} octets came back as {} others",
            message.len(),
            got.len()
        )
        .into()),
        Some(Err(error)) => Err(format!("{error}").into()),
        None => Err("the connection ended instead".into()),
    }
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
        let mut client = connect(&running).await?;
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
            let mut client = connect(&running).await?;
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
        let mut other = connect(&running).await?;
        echo(&mut other, Message::text("still there")).await
    })
}

fn answers_a_close(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut client = connect(&running).await?;
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
        match Running::start(&mut command, run) {
            Err(TargetError::NotReady {
                how: NotReady::Ended(status),
                output,
                ..
            }) if status.code() == Some(1) => {
                let said = output.lines();
                let expected = format!("cannot listen on {address}: ");
                if said.len() != 1 || !said[0].starts_with(&expected) {
                    return Err(format!("LISTEN={address:?}: {said:?}").into());
                }
            }
            Err(error) => {
                return Err(format!("LISTEN={address:?}: {error}").into());
            }
            Ok(_) => {
                return Err(format!("LISTEN={address:?}: it listens").into());
            }
        }
    }
    Ok(())
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
        let mut idle = connect(&running).await?;
        echo(&mut idle, Message::text("open")).await?;
        let mut inside_a_frame = open_raw(&running).await?;
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
        let mut client = connect(&running).await?;
        echo(&mut client, Message::text("before")).await?;

        let silent = TcpStream::connect(running.url.authority()).await?;
        let mut stalled = open_raw(&running).await?;
        stalled.write_all(b"\x82\xff\0\0\0\0").await?;
        let mut killed = open_raw(&running).await?;
        killed.write_all(b"\x81\x85\0\0\0\0He").await?;
        killed.set_zero_linger()?;
        drop(killed);
        // Floods, and reads nothing: until the server takes no more.
        let mut flooding = open_raw(&running).await?;
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
        let mut another = connect(&running).await?;
        echo(&mut another, Message::text("new")).await?;
        drop((silent, stalled, flooding));
        Ok(())
    })
}

/// Opens connections that end in every way there is.
async fn burn_connections(
    running: &Running,
    count: usize,
) -> Result<(), Failed> {
    for n in 0..count {
        if n % 6 == 0 {
            let mut client = connect(running).await?;
            echo(&mut client, Message::text("closed")).await?;
            client.close(None).await?;
            // The answer; some servers take up to a second for the FIN.
            client.next().await;
            continue;
        }
        let mut stream = open_raw(running).await?;
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
        let mut witness = connect(&running).await?;
        echo(&mut witness, Message::text("first")).await?;
        let before = descriptors(&running)?;
        burn_connections(&running, 60).await?;
        // The server closes when it has noticed. Every round trip gives it
        // an occasion, and `wait` ends it if it never does.
        while descriptors(&running)? > before {
            echo(&mut witness, Message::text("again")).await?;
        }
        Ok(())
    })
}

/// The memory of a process that is in RAM, in KiB.
fn resident(running: &Running) -> Result<usize, Failed> {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", running.pid))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
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
        burn_connections(&running, CONNECTIONS).await?;
        let first = resident(&running)?;
        burn_connections(&running, CONNECTIONS).await?;
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
