//! What is said of the boundary, shown on every server: each claim is a test
//! that a server could fail, such as `axum: the 101 is the last answer`.
//!
//! Much of it was first said of six Go frameworks. A claim that only a program
//! with middleware, limits or deadlines can show is shown on the production
//! variant, every other on the listing.
//!
//! `BLESS=1` writes the table in `docs/src/claims.md` instead of comparing it.

#[path = "support/generated.rs"]
mod generated;
#[path = "support/subject.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod subject;
mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::Signal;
use subject::{Subject, echo, read_head, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use wsspec::harness;
use wsspec::programs::Built;
use wsspec::target::Server;

/// A sentence about the boundary, and what shows that it is true.
struct Claim {
    /// With spaces for hyphens it is the name of the test.
    id: &'static str,
    /// For the table.
    sentence: &'static str,
    /// The variant that shows it.
    shown_on: &'static str,
    /// What is said of the Go frameworks, in short.
    in_go: &'static str,
    proof: fn(&Subject) -> Result<(), Failed>,
}

const CLAIMS: &[Claim] = &[
    Claim {
        id: "middleware-before-the-switch-can-refuse",
        sentence: "Before the switch middleware can refuse; the answer is an \
                   HTTP status, and no frame follows",
        shown_on: "production",
        in_go: "Chi, Gin, Mizu: the same; Fiber: the same, in front of a \
                handler that sees no request",
        proof: middleware_before_the_switch_can_refuse,
    },
    Claim {
        id: "the-101-is-the-last-answer",
        sentence: "The 101 is the last answer of HTTP; the octets behind its \
                   empty line are frames",
        shown_on: "echo",
        in_go: "net/http: the response writer is done with; Fiber: the \
                handler never has one",
        proof: the_101_is_the_last_answer,
    },
    Claim {
        id: "a-request-behind-the-switch-is-read-as-frames",
        sentence: "A request on an open connection is no request any more; \
                   it is read as a frame, and a bad one",
        shown_on: "echo",
        in_go: "all: no more requests come",
        proof: a_request_behind_the_switch_is_read_as_frames,
    },
    Claim {
        id: "an-error-behind-the-switch-has-no-http-status",
        sentence: "An error behind the switch has no HTTP status; who breaks \
                   the protocol gets a Close of 1002",
        shown_on: "echo",
        in_go: "Gin: an abort comes too late; Echo, Mizu: the error that the \
                handler returns changes no answer",
        proof: an_error_behind_the_switch_has_no_http_status,
    },
    Claim {
        id: "time-outs-end-at-the-switch",
        sentence: "The time-outs of HTTP end at the switch; an open \
                   connection outlives them in silence",
        shown_on: "production",
        in_go: "Mizu: the request's context has no more influence",
        proof: time_outs_end_at_the_switch,
    },
    Claim {
        id: "messages-are-not-counted-as-requests",
        sentence: "What counts requests counts no messages; when all \
                   requests are used up, messages still come back",
        shown_on: "production",
        in_go: "all: rate limits act before the switch",
        proof: messages_are_not_counted_as_requests,
    },
    Claim {
        id: "one-blocked-connection-blocks-no-other",
        sentence: "A client that reads nothing blocks its own connection \
                   and no other",
        shown_on: "echo",
        in_go: "all: reads and writes block, and a connection usually has a \
                goroutine to itself",
        proof: one_blocked_connection_blocks_no_other,
    },
    Claim {
        id: "the-end-of-the-handler-ends-the-connection",
        sentence: "The end of the handler ends the connection; behind the \
                   closing handshake TCP is ended unasked",
        shown_on: "echo",
        in_go: "net/http: the handler closes the connection and returns",
        proof: the_end_of_the_handler_ends_the_connection,
    },
    Claim {
        id: "a-credential-counts-for-its-own-request",
        sentence: "A credential counts for the request that has it, and not \
                   for the next one on the same TCP connection",
        shown_on: "production",
        in_go: "all: authentication acts before the switch",
        proof: a_credential_counts_for_its_own_request,
    },
    Claim {
        id: "nobody-tells-an-open-connection-of-the-end",
        sentence: "At the defaults nobody tells an open connection that the \
                   process ends; TCP ends without a Close",
        shown_on: "echo",
        in_go: "all: shutdown is the handler's own matter",
        proof: nobody_tells_an_open_connection_of_the_end,
    },
    Claim {
        id: "whoever-is-registered-is-told-of-the-end",
        sentence: "In production a register of open connections tells each: \
                   a Close of 1001 comes first",
        shown_on: "production",
        in_go: "–",
        proof: whoever_is_registered_is_told_of_the_end,
    },
    Claim {
        id: "a-vanished-client-is-found-by-asking",
        sentence: "A client that has vanished is found by asking; production \
                   sends two Pings, and then a Close of 1008",
        shown_on: "production",
        in_go: "–",
        proof: a_vanished_client_is_found_by_asking,
    },
    Claim {
        id: "messages-come-back-whole",
        sentence: "A message comes back whole and in its own type, whatever \
                   its fragments and the Ping between them",
        shown_on: "echo",
        in_go: "Echo: framing belongs to the WebSocket library",
        proof: messages_come_back_whole,
    },
];

/// What a server makes of each claim; nothing where nobody asks.
type Column = Vec<Option<Result<(), Failed>>>;

fn main() -> ExitCode {
    let arguments = &Arguments::from_args();
    let servers = support::servers().expect("every server.toml can be read");
    let servers: Vec<Server> = servers
        .into_iter()
        .filter(|it| support::is_in(support::OURS, it))
        .filter(|it| it.variant.contains_key("production"))
        .collect();
    let built = match arguments.list {
        true => Ok(Built::new()),
        false => support::build(&servers, |server, variant| {
            CLAIMS.iter().any(|claim| {
                claim.shown_on == variant
                    && harness::fits(arguments, &name(server, claim))
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
    // The servers side by side, the claims one after the other.
    let columns: Vec<Column> = thread::scope(|scope| {
        let threads: Vec<_> = servers
            .iter()
            .map(|server| {
                let built = &built;
                scope.spawn(move || prove(server, arguments, built))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no proof panics"))
            .collect()
    });
    let mut trials = Vec::new();
    let all_ran = columns.iter().flatten().all(Option::is_some);
    if all_ran && !arguments.list {
        let table = table(&servers, &columns);
        let name = "the table in docs/src/claims.md is current";
        trials.push(Trial::test(name, move || {
            generated::is_current("docs/src/claims.md", "claims", &table)
                .map_err(Failed::from)
        }));
    }
    for (server, column) in servers.iter().zip(columns) {
        for (claim, outcome) in CLAIMS.iter().zip(column) {
            if let Some(outcome) = outcome {
                let name = name(server, claim);
                trials.push(Trial::test(name, move || outcome));
            }
        }
    }
    libtest_mimic::run(arguments, trials).exit_code()
}

fn name(server: &Server, claim: &Claim) -> String {
    format!("{}: {}", server.name, claim.id.replace('-', " "))
}

fn prove(server: &Server, arguments: &Arguments, built: &Arc<Built>) -> Column {
    let echo = Subject::new(server.clone(), "echo", built);
    let production = Subject::new(server.clone(), "production", built);
    let claims = CLAIMS.iter();
    let outcomes = claims.map(|claim| {
        if !harness::fits(arguments, &name(server, claim)) {
            return None;
        }
        let subject = match claim.shown_on {
            "production" => &production,
            _ => &echo,
        };
        match arguments.list {
            true => Some(Ok(())),
            false => Some((claim.proof)(subject)),
        }
    });
    outcomes.collect()
}

fn table(servers: &[Server], columns: &[Column]) -> String {
    let names: Vec<_> = servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    let mut table = format!(
        "| claim | shown on | {} | what is said of Go |\n|---|---|{}---|\n",
        names.join(" | "),
        ":-:|".repeat(names.len())
    );
    for (n, claim) in CLAIMS.iter().enumerate() {
        let cells: Vec<_> = columns
            .iter()
            .map(|column| match column[n] {
                Some(Ok(())) => "✓",
                _ => "✗",
            })
            .collect();
        let Claim {
            sentence,
            shown_on,
            in_go,
            ..
        } = claim;
        let cells = cells.join(" | ");
        table += &format!("| {sentence} | {shown_on} | {cells} | {in_go} |\n");
    }
    table
}

// The proofs. None takes silence for an answer: something always has to come,
// and what must not come would come before it.

/// On the same TCP connection HTTP goes on behind the refusal, or it has ended.
fn middleware_before_the_switch_can_refuse(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let (head, authority) =
            (subject.head(&running), running.url.authority());
        let next = format!(
            "GET /healthz HTTP/1.1\r\nHost: {authority}\r\n\
             Connection: close\r\n\r\n"
        );
        for (change, status) in [
            (
                head.replace("https://app.example", "https://b.example"),
                403,
            ),
            (head.replace(token(subject)?, "nobody-knows-this-one"), 401),
        ] {
            let mut stream = TcpStream::connect(&authority).await?;
            has_status(&ask(&mut stream, &change).await?, status)?;
            // Nobody may be there any more.
            _ = stream.write_all(next.as_bytes()).await;
            let behind = rest(&mut stream).await;
            if !behind.is_empty() && !behind.starts_with(b"HTTP/1.1 200 ") {
                let behind = behind.escape_ascii();
                return Err(format!("behind the {status}: {behind}").into());
            }
        }
        Ok(())
    })
}

/// The client does not wait for the 101: its frames are in the same segment.
fn the_101_is_the_last_answer(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut stream = TcpStream::connect(running.url.authority()).await?;
        let sent = [
            subject.head(&running).into_bytes(),
            frame(0x81, b"Hello"),
            frame(0x88, b"\x03\xe8"),
        ];
        stream.write_all(&sent.concat()).await?;
        has_status(&read_head(&mut stream).await?, 101)?;
        is_all(&mut stream, b"\x81\x05Hello\x88\x02\x03\xe8").await
    })
}

/// The octets are the very ones that the connection was opened with.
fn a_request_behind_the_switch_is_read_as_frames(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut stream = subject.open_raw(&running).await?;
        let request = subject.head(&running);
        stream.write_all(request.as_bytes()).await?;
        // `G` has a reserved bit and a reserved opcode.
        is_close(&rest(&mut stream).await, 1002)
    })
}

fn an_error_behind_the_switch_has_no_http_status(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start()?;
    let unmasked = b"\x81\x05Hello".to_vec();
    let reserved_opcode = frame(0x83, b"");
    let fragment_of_nothing = frame(0x80, b"Hello");
    let fragmented_ping = frame(0x09, b"");
    wait(async {
        for violation in [
            unmasked,
            reserved_opcode,
            fragment_of_nothing,
            fragmented_ping,
        ] {
            let mut stream = subject.open_raw(&running).await?;
            stream.write_all(&violation).await?;
            is_close(&rest(&mut stream).await, 1002)?;
        }
        Ok(())
    })
}

/// The end of a younger connection, whose client has sent no request, shows
/// that the deadline has passed.
fn time_outs_end_at_the_switch(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut open = subject.connect(&running).await?;
        let mut no_request =
            TcpStream::connect(running.url.authority()).await?;
        let answer = rest(&mut no_request).await;
        if !answer.is_empty() && !answer.starts_with(b"HTTP/1.1 408 ") {
            let answer = answer.escape_ascii();
            return Err(format!("an answer to no request: {answer}").into());
        }
        echo(&mut open, Message::text("older")).await
    })
}

fn messages_are_not_counted_as_requests(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start_with(&["--max-handshakes=2"])?;
    wait(async {
        let mut first = subject.connect(&running).await?;
        let _second = subject.connect(&running).await?;
        let mut third = TcpStream::connect(running.url.authority()).await?;
        let answer = ask(&mut third, &subject.head(&running)).await?;
        has_status(&answer, 429)?;
        for n in 0..500 {
            echo(&mut first, Message::text(format!("{n}"))).await?;
        }
        Ok(())
    })
}

fn one_blocked_connection_blocks_no_other(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut other = subject.connect(&running).await?;
        let mut blocked = subject.open_raw(&running).await?;
        let frame = [&b"\x82\xfe\xf0\0\0\0\0\0"[..], &[0; 0xf000]].concat();
        let mut sent = 0;
        // Until the server takes no more of what it can't send back.
        let patience = Duration::from_millis(200);
        while let Ok(written) =
            timeout(patience, blocked.write_all(&frame)).await
        {
            written?;
            sent += frame.len();
            if sent > 64 << 20 {
                return Err("64 MiB are taken that nobody reads".into());
            }
        }
        for n in 0..100 {
            echo(&mut other, Message::text(format!("{n}"))).await?;
        }
        drop(blocked);
        Ok(())
    })
}

fn the_end_of_the_handler_ends_the_connection(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut stream = subject.open_raw(&running).await?;
        stream
            .write_all(&frame(0x88, b"\x03\xe8"))
            .await?;
        let mut octets = Vec::new();
        // An RST would be an error here.
        stream.read_to_end(&mut octets).await?;
        is_close(&octets, 1000)
    })
}

/// A request with the token is refused for its version. The next one is right
/// in all else, so with the token of the first it would open a connection.
fn a_credential_counts_for_its_own_request(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let head = subject.head(&running);
        let mut stream = TcpStream::connect(running.url.authority()).await?;
        let old = head.replace("Version: 13", "Version: 12");
        has_status(&ask(&mut stream, &old).await?, 426)?;
        let line = format!("authorization: Bearer {}\r\n", token(subject)?);
        match ask(&mut stream, &head.replace(&line, "")).await {
            Ok(answer) => has_status(&answer, 401),
            // A connection that has ended carries no second request at all.
            Err(_) => Ok(()),
        }
    })
}

fn nobody_tells_an_open_connection_of_the_end(
    subject: &Subject,
) -> Result<(), Failed> {
    let seen = seen_at_the_end(subject)?;
    match seen.is_empty() {
        true => Ok(()),
        false => Err(format!("it is told: {}", seen.escape_ascii()).into()),
    }
}

fn whoever_is_registered_is_told_of_the_end(
    subject: &Subject,
) -> Result<(), Failed> {
    is_close(&seen_at_the_end(subject)?, 1001)
}

/// What an idle client sees of the end of the process, to the end of TCP.
fn seen_at_the_end(subject: &Subject) -> Result<Vec<u8>, Failed> {
    let mut running = subject.start()?;
    let mut seen = Vec::new();
    wait(async {
        let mut idle = subject.open_raw(&running).await?;
        idle.write_all(&frame(0x81, b"open")).await?;
        // The echo: the handler is there, and waits.
        idle.read_exact(&mut [0; 6]).await?;
        running.signal(Signal::TERM);
        seen = rest(&mut idle).await;
        Ok(())
    })?;
    Ok(seen)
}

fn a_vanished_client_is_found_by_asking(
    subject: &Subject,
) -> Result<(), Failed> {
    let running = subject.start_with(&["--ping-interval=300ms"])?;
    wait(async {
        let mut vanished = subject.open_raw(&running).await?;
        let octets = rest(&mut vanished).await;
        match octets.strip_prefix(b"\x89\0\x89\0") {
            Some(behind) => is_close(behind, 1008),
            None => {
                Err(format!("no two Pings: {}", octets.escape_ascii()).into())
            }
        }
    })
}

fn messages_come_back_whole(subject: &Subject) -> Result<(), Failed> {
    let running = subject.start()?;
    wait(async {
        let mut stream = subject.open_raw(&running).await?;
        let sent = [
            frame(0x01, b"He"),
            frame(0x00, b"l"),
            frame(0x89, b"!"),
            frame(0x80, b"lo"),
            frame(0x02, b"\xff"),
            frame(0x80, b"\0"),
            frame(0x88, b"\x03\xe8"),
        ];
        stream.write_all(&sent.concat()).await?;
        let expected = b"\x8a\x01!\x81\x05Hello\x82\x02\xff\0\x88\x02\x03\xe8";
        is_all(&mut stream, expected).await
    })
}

// What the proofs share.

/// The token that a right opening handshake has.
fn token(subject: &Subject) -> Result<&str, Failed> {
    let token = subject.declared().handshake.bearer.as_deref();
    Ok(token.ok_or("no handshake.bearer is declared")?)
}

/// A client's frame: of this first octet, and with a masking key of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short payload");
    [&[first, 0x80 | length, 0, 0, 0, 0][..], payload].concat()
}

/// Sends a request and reads the answer, of which it returns the head.
async fn ask(stream: &mut TcpStream, request: &str) -> Result<String, Failed> {
    stream.write_all(request.as_bytes()).await?;
    let head = read_head(stream).await?;
    let fields = head.to_lowercase();
    let length = fields.lines().find_map(|line| {
        let length = line.strip_prefix("content-length:")?;
        length.trim().parse::<usize>().ok()
    });
    let mut content = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut content).await?;
    Ok(head)
}

fn has_status(answer: &str, status: u16) -> Result<(), Failed> {
    match answer.starts_with(&format!("HTTP/1.1 {status} ")) {
        true => Ok(()),
        false => Err(format!("not {status}: {answer}").into()),
    }
}

/// All that still comes. The server ends the connection; how it does does not
/// matter here.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    _ = stream.read_to_end(&mut octets).await;
    octets
}

/// These octets still come, and then the end.
async fn is_all(stream: &mut TcpStream, expected: &[u8]) -> Result<(), Failed> {
    let octets = rest(stream).await;
    match octets == expected {
        true => Ok(()),
        false => Err(format!(
            "{} came, and not {}",
            octets.escape_ascii(),
            expected.escape_ascii()
        )
        .into()),
    }
}

/// The octets are one Close with this status code, and nothing else.
fn is_close(octets: &[u8], code: u16) -> Result<(), Failed> {
    match octets {
        [0x88, length, high, low, reason @ ..]
            if usize::from(*length) == 2 + reason.len()
                && u16::from_be_bytes([*high, *low]) == code =>
        {
            Ok(())
        }
        other => Err(format!(
            "{} came, and not a Close of {code}",
            other.escape_ascii()
        )
        .into()),
    }
}
