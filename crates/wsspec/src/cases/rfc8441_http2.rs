//! RFC 8441, WebSocket over HTTP/2: the setting, the extended CONNECT, and how
//! a stream begins and ends. What goes over the stream is judged by all the
//! cases of frames, which run over it as they run over TCP.
//!
//! A request that is malformed is not granted: that is the rule. That nothing
//! but its stream ends is another one (RFC 9113 §8.1.1), and a case of its
//! own.

use std::net::TcpListener;

use rfc6455::StatusCode;
use rfc9113::{ErrorCode, Field, Frame, Setting};

use crate::case::{cases, family};
use crate::http2_peer::{Event, Http2Opener, Http2Peer, add, set, without};
use crate::verdict::{Finding, Verdict};

const VERSION_FIELD: &str = "sec-websocket-version";

cases! { Http2:
    /// ENABLE_CONNECT_PROTOCOL is 1 where a WebSocket can be opened.
    Must "8441/3/setting-is-1" ["8441-3-01"] => setting_is_1;
    /// Once ENABLE_CONNECT_PROTOCOL is 1 it is never 0 again.
    Must "8441/3/setting-is-not-taken-back" ["8441-3-02"]
        => setting_is_not_taken_back;
    /// A client's ENABLE_CONNECT_PROTOCOL has no effect: 0.
    Should "8441/3/clients-setting-has-no-effect/0" ["8441-3-03"]
        => clients_setting_has_no_effect(0);
    /// A client's ENABLE_CONNECT_PROTOCOL has no effect: 1.
    Should "8441/3/clients-setting-has-no-effect/1" ["8441-3-03"]
        => clients_setting_has_no_effect(1);

    /// `:protocol` without CONNECT is malformed, whatever its value.
    Should "8441/4/protocol-needs-connect" ["8441-4-04"]
        => protocol_needs_connect;
    /// A server connects to nobody for an extended CONNECT: it is for itself.
    Must "8441/4/connects-to-nobody" ["8441-4-03"] => connects_to_nobody;
    /// What becomes of a `:protocol` that the server does not know.
    May "9220/3/unknown-protocol" ["9220-3-03"] => unknown_protocol;

    /// `:protocol: websocket` opens a WebSocket: 200, and messages are echoed.
    Must "8441/5/websocket-opens" ["8441-5-01"] => websocket_opens;
    /// The answer that opens it has a status of 2xx, as HTTP/2 has no 101.
    Should "8441/5/status-is-2xx" ["8441-5-02"] => status_is_2xx;
    /// Neither Sec-WebSocket-Key nor Sec-WebSocket-Accept is needed.
    Should "8441/5/key-plays-no-part" ["8441-5-04"] => key_plays_no_part;
    /// A request that has a Sec-WebSocket-Key is not refused for it.
    Should "8441/5/key-does-no-harm" ["8441-5-04"] => key_does_no_harm;
    /// Of the subprotocols that are offered a server names one at most.
    Should "8441/5/subprotocol-is-offered" ["8441-5-05", "6455-4.2.2-14"]
        => subprotocol_is_offered;
    /// An extension that nobody knows is not accepted, and does no harm.
    Should "8441/5/unknown-extension-is-not-accepted" ["8441-5-05", "6455-9-01"]
        => unknown_extension_is_not_accepted;
    /// Names of fields are in lower case.
    Should "8441/5/names-are-in-lower-case" ["8441-5-06"]
        => names_are_in_lower_case;
    /// The answer that opens it has neither Content-Length nor
    /// Transfer-Encoding.
    Should "8441/5/answer-has-no-length" ["8441-5-10"]
        => answer_has_no_length;
    /// What comes behind the fields without waiting for the answer is read.
    Should "8441/5/frames-before-the-answer" ["8441-5-07"]
        => frames_before_the_answer;
    /// A frame is masked over HTTP/2 as well: one that is not fails the
    /// connection.
    Should "8441/5/unmasked-frame-fails" ["8441-5-07"] => unmasked_frame_fails;
    /// A frame may be cut into DATA frames anywhere, with padding and with
    /// empty ones between.
    Should "8441/5/data-frames-do-not-matter" ["8441-5-07"]
        => data_frames_do_not_matter;

    /// After both Closes the server ends the stream in order.
    Should "8441/5/stream-ends-after-both-closes" ["8441-5-08"]
        => stream_ends_after_both_closes;
    /// A server that fails a WebSocket ends its stream, and that alone.
    Should "8441/5/failing-ends-the-stream" ["8441-5-08"]
        => failing_ends_the_stream;
    /// The end of the client's side is the end of a TCP connection: the server
    /// ends its own.
    Should "8441/5/end-of-stream-is-fin" ["8441-5-08"] => end_of_stream_is_fin;
    /// After a reset by the client the other streams go on.
    Should "8441/5/reset-ends-one-stream" ["8441-5-08", "8441-5-09"]
        => reset_ends_one_stream;
    /// Several WebSockets share a connection, and neither knows of the other.
    Should "8441/5/streams-are-apart" ["8441-5-09"] => streams_are_apart;
    /// A violation on one stream disturbs no other.
    Should "8441/5/violation-disturbs-no-other" ["8441-5-09"]
        => violation_disturbs_no_other;
    /// Ordinary requests are answered beside an open WebSocket.
    Should "8441/5/requests-beside-a-websocket" ["8441-5-09"]
        => requests_beside_a_websocket;
    /// A stream that the client gives no room holds up no other.
    Should "8441/5/stalled-stream-holds-up-none" ["8441-5-11"]
        => stalled_stream_holds_up_none;
    /// A server sends no more on a stream than the client has room for.
    Should "8441/5/window-is-kept" ["8441-5-11"] => window_is_kept;
}

family! { INCOMPLETE, Http2:
    /// An extended CONNECT without all of its pseudo-fields is not granted.
    Must "8441/4/incomplete-connect-is-refused/" ["8441-4-02"]
        => incomplete_connect_is_refused;

    "scheme" (":scheme");
    "path" (":path");
}

family! { OF_CONNECTION, Http2:
    /// A request with a field that speaks of an HTTP/1.1 connection is
    /// malformed, and not granted.
    Must "8441/5/field-of-a-connection-is-refused/" ["8441-5-03"]
        => field_of_a_connection_is_refused;

    "connection" ("connection", "Upgrade");
    "upgrade" ("upgrade", "websocket");
    "transfer-encoding" ("transfer-encoding", "chunked");
    "keep-alive" ("keep-alive", "timeout=5");
    "proxy-connection" ("proxy-connection", "keep-alive");
}

family! { VERSION, Http2:
    /// Sec-WebSocket-Version keeps its meaning: any but 13 is refused.
    Should "8441/5/version-is-13/" ["8441-5-05", "6455-4.2.1-11"]
        => version_is_13;

    "missing" (None);
    "0" (Some("0"));
    "8" (Some("8"));
    "12" (Some("12"));
    "14" (Some("14"));
}

family! { ORIGIN, Http2:
    /// Origin and credential keep their meaning: what is refused over HTTP/1.1
    /// is refused.
    Should "8441/5/access-is-checked/" ["8441-5-05", "6455-10.2-01"]
        => access_is_checked;

    "foreign-origin" ("origin", Some("https://evil.example"));
    "no-credential" ("authorization", None);
    "wrong-credential" ("authorization", Some("Bearer wrong"));
}

family! { MALFORMED_LIVES, Http2:
    /// A malformed request ends its stream, and the connection lives.
    Should "8441/4/malformed-ends-one-stream/" ["8441-4-02", "8441-5-09"]
        => malformed_ends_one_stream;

    "without-scheme" (|it| without(it, ":scheme"));
    "without-path" (|it| without(it, ":path"));
    "get" (|it| set(it, ":method", "GET"));
    "upgrade" (|it| add(it, "upgrade", "websocket"));
    "connection" (|it| add(it, "connection", "Upgrade"));
}

async fn setting_is_1(opener: &mut Http2Opener) -> Verdict {
    let peer = opener.connect().await?;
    match peer.setting(Setting::ENABLE_CONNECT_PROTOCOL) {
        Some(1) => Ok(()),
        Some(value) => Err(Finding::violation(
            "ENABLE_CONNECT_PROTOCOL = 1",
            format_args!("ENABLE_CONNECT_PROTOCOL = {value}"),
        )),
        None => Err(Finding::violation(
            "ENABLE_CONNECT_PROTOCOL = 1",
            "settings without it",
        )),
    }
}

async fn setting_is_not_taken_back(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    // A frame that takes it back ends the case wherever it comes.
    for _ in 0..2 {
        let stream = peer.open(opener.request()).await?;
        peer.echoes(stream, "still there?").await?;
        close(&mut peer, stream).await?;
    }
    Ok(())
}

/// Closes a WebSocket in order.
async fn close(peer: &mut Http2Peer, stream: u32) -> Verdict {
    let normal = rfc6455::Frame::close(StatusCode::NORMAL_CLOSURE, "");
    peer.send_on(stream, normal).await?;
    peer.expect_end_of(stream).await.map(drop)
}

async fn clients_setting_has_no_effect(
    opener: &mut Http2Opener,
    value: u32,
) -> Verdict {
    let settings = [(Setting::ENABLE_CONNECT_PROTOCOL, value)];
    let mut peer = opener.connect_with(&settings).await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

/// Holds if these fields open a WebSocket that echoes.
async fn opens_and_echoes(peer: &mut Http2Peer, fields: Vec<Field>) -> Verdict {
    let stream = peer.begin(fields).await?;
    match peer.next_on(stream).await? {
        Event::Head(_, head, false) if (200..300).contains(&head.status) => {}
        event => return Err(Finding::violation(":status: 200", event)),
    }
    peer.echoes(stream, "Hello").await
}

/// A connection to a server that grants a right request, and the answer to a
/// changed one.
async fn begin_changed(
    opener: &mut Http2Opener,
    change: impl FnOnce(Vec<Field>) -> Vec<Field>,
) -> Result<(Http2Peer, u32), Finding> {
    let mut peer = opener.connect().await?;
    peer.open(opener.request()).await?;
    let stream = peer.begin(change(opener.request())).await?;
    Ok((peer, stream))
}

async fn protocol_needs_connect(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    peer.open(opener.request()).await?;
    let get = set(opener.request(), ":method", "GET");
    let stream = peer.ask(get).await?;
    peer.expect_refusal_on(stream).await
}

async fn incomplete_connect_is_refused(
    opener: &mut Http2Opener,
    name: &'static str,
) -> Verdict {
    let (mut peer, stream) =
        begin_changed(opener, |it| without(it, name)).await?;
    peer.expect_refusal_on(stream).await
}

async fn malformed_ends_one_stream(
    opener: &mut Http2Opener,
    change: fn(Vec<Field>) -> Vec<Field>,
) -> Verdict {
    let mut peer = opener.connect().await?;
    let other = peer.open(opener.request()).await?;
    let stream = peer.begin(change(opener.request())).await?;
    peer.expect_refusal_on(stream).await?;
    peer.echoes(other, "still there?").await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn connects_to_nobody(opener: &mut Http2Opener) -> Verdict {
    let unlistened = |error: std::io::Error| {
        Finding::Blocked(format!("no listener of our own: {error}"))
    };
    let listener = TcpListener::bind("127.0.0.1:0").map_err(unlistened)?;
    listener
        .set_nonblocking(true)
        .map_err(unlistened)?;
    let address = listener.local_addr().map_err(unlistened)?;
    let (mut peer, stream) =
        begin_changed(opener, |it| set(it, ":authority", &address.to_string()))
            .await?;
    // Whatever it says to that: it has had its turn when it answers.
    let answer = peer.next_on(stream).await?;
    if let Event::Head(_, head, false) = &answer
        && (200..300).contains(&head.status)
    {
        peer.echoes(stream, "Is that you?").await?;
    }
    match listener.accept() {
        Err(_) => Ok(()),
        Ok(_) => Err(Finding::violation(
            "no connection to the host that :authority names",
            "a connection",
        )),
    }
}

async fn unknown_protocol(opener: &mut Http2Opener) -> Verdict {
    let (mut peer, stream) =
        begin_changed(opener, |it| set(it, ":protocol", "x-nobody-does-this"))
            .await?;
    let answer = peer.next_on(stream).await?;
    Err(Finding::Observed(answer.to_string()))
}

async fn websocket_opens(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn status_is_2xx(opener: &mut Http2Opener) -> Verdict {
    let head = answer(opener, |it| it).await?;
    match head.status {
        200..300 => Ok(()),
        status => Err(Finding::violation(
            "a status of 2xx",
            format_args!(":status: {status}"),
        )),
    }
}

/// The head of the answer to a request.
async fn answer(
    opener: &mut Http2Opener,
    change: impl FnOnce(Vec<Field>) -> Vec<Field>,
) -> Result<rfc9113::ResponseHead, Finding> {
    let mut peer = opener.connect().await?;
    let stream = peer.begin(change(opener.request())).await?;
    match peer.next_on(stream).await? {
        Event::Head(_, head, _) => Ok(head),
        event => Err(Finding::violation("an answer", event)),
    }
}

/// Holds if the answer has none of these fields.
fn has_none(head: &rfc9113::ResponseHead, names: &[&str]) -> Verdict {
    let found = names
        .iter()
        .find(|name| head.values(name).next().is_some());
    match found {
        None => Ok(()),
        Some(name) => Err(Finding::violation(
            format_args!("no {}", names.join(" and no ")),
            name,
        )),
    }
}

async fn key_plays_no_part(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    opens_and_echoes(&mut peer, opener.request()).await?;
    let head = answer(opener, |it| it).await?;
    has_none(&head, &["sec-websocket-accept"])
}

async fn key_does_no_harm(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let key = add(
        opener.request(),
        "sec-websocket-key",
        "AAECAwQFBgcICQoLDA0ODw==",
    );
    opens_and_echoes(&mut peer, key).await
}

async fn version_is_13(
    opener: &mut Http2Opener,
    version: Option<&'static str>,
) -> Verdict {
    let (mut peer, stream) = begin_changed(opener, |it| match version {
        None => without(it, VERSION_FIELD),
        Some(version) => set(it, VERSION_FIELD, version),
    })
    .await?;
    peer.expect_refusal_on(stream).await
}

async fn access_is_checked(
    opener: &mut Http2Opener,
    name: &'static str,
    value: Option<&'static str>,
) -> Verdict {
    if !opener
        .request()
        .iter()
        .any(|field| field.name == name)
    {
        return Err(Finding::Unsupported(format!(
            "the server declares no {name}"
        )));
    }
    let (mut peer, stream) = begin_changed(opener, |it| match value {
        None => without(it, name),
        Some(value) => set(it, name, value),
    })
    .await?;
    peer.expect_refusal_on(stream).await
}

async fn subprotocol_is_offered(opener: &mut Http2Opener) -> Verdict {
    const NAME: &str = "sec-websocket-protocol";
    let known = opener.declared().subprotocol.clone();
    let known = known.unwrap_or_else(|| "x-known".to_owned());
    let offer = format!("x-unknown, {known}");
    let head = answer(opener, |it| add(it, NAME, offer)).await?;
    let named: Vec<_> = head.values(NAME).collect();
    match &named[..] {
        [] => Ok(()),
        [one] if *one == "x-unknown" || **one == *known.as_bytes() => Ok(()),
        _ => Err(Finding::violation(
            "one of the subprotocols that were offered, or none",
            format_args!("{named:?}"),
        )),
    }
}

async fn unknown_extension_is_not_accepted(
    opener: &mut Http2Opener,
) -> Verdict {
    const NAME: &str = "sec-websocket-extensions";
    let head = answer(opener, |it| add(it, NAME, "x-nobody-does-this")).await?;
    if !(200..300).contains(&head.status) {
        return Err(Finding::violation(
            ":status: 200",
            format_args!(":status: {}", head.status),
        ));
    }
    has_none(&head, &[NAME])
}

async fn names_are_in_lower_case(opener: &mut Http2Opener) -> Verdict {
    // A name that is not makes the head malformed, and ends the case.
    answer(opener, |it| it).await?;
    answer(opener, |it| set(it, ":path", "/nobody-is-there"))
        .await
        .map(drop)
}

async fn answer_has_no_length(opener: &mut Http2Opener) -> Verdict {
    let head = answer(opener, |it| it).await?;
    has_none(&head, &["content-length", "transfer-encoding"])
}

async fn field_of_a_connection_is_refused(
    opener: &mut Http2Opener,
    name: &'static str,
    value: &'static str,
) -> Verdict {
    let (mut peer, stream) =
        begin_changed(opener, |it| add(it, name, value)).await?;
    peer.expect_refusal_on(stream).await
}

async fn frames_before_the_answer(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let stream = peer.begin(opener.request()).await?;
    let early = rfc6455::Frame::text("early");
    peer.send_on(stream, early.clone()).await?;
    match peer.next_on(stream).await? {
        Event::Head(_, head, false) if (200..300).contains(&head.status) => {}
        event => return Err(Finding::violation(":status: 200", event)),
    }
    peer.expect_on(stream, &early).await
}

async fn unmasked_frame_fails(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    peer.send_as_is(stream, rfc6455::Frame::text("bare"))
        .await?;
    fails_on(&mut peer, stream).await
}

/// Holds if the server fails the WebSocket on this stream, and so ends it.
async fn fails_on(peer: &mut Http2Peer, stream: u32) -> Verdict {
    loop {
        match peer.next_frame_on(stream).await? {
            Ok(frame) if frame.opcode == rfc6455::Opcode::CLOSE => {}
            Ok(frame) => {
                return Err(Finding::violation(
                    "the end of the stream, with or without a CLOSE before it",
                    crate::record::FrameRecord::from(&frame),
                ));
            }
            Err(Event::Data(..) | Event::Reset(..)) => return Ok(()),
            Err(event) => {
                return Err(Finding::violation("the end of the stream", event));
            }
        }
    }
}

async fn data_frames_do_not_matter(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    let text = rfc6455::Frame::text("cut, padded, and with nothing between");
    let key = rfc6455::MaskingKey([1, 2, 3, 4]);
    let mut octets = Vec::new();
    text.clone().masked(key).encode(&mut octets);
    for (number, part) in octets.chunks(3).enumerate() {
        let data = Frame::data(stream, part.to_vec());
        peer.send(match number % 3 {
            0 => data,
            1 => data.padded(7),
            _ => data.padded(0),
        })
        .await?;
        peer.send(Frame::data(stream, "")).await?;
    }
    peer.expect_on(stream, &text).await
}

async fn stream_ends_after_both_closes(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    let normal = rfc6455::Frame::close(StatusCode::NORMAL_CLOSURE, "");
    peer.send_on(stream, normal).await?;
    match peer.next_frame_on(stream).await? {
        Ok(frame) if frame.opcode == rfc6455::Opcode::CLOSE => {}
        Ok(frame) => {
            return Err(Finding::violation(
                "a CLOSE",
                crate::record::FrameRecord::from(&frame),
            ));
        }
        Err(event) => return Err(Finding::violation("a CLOSE", event)),
    }
    match peer.next_on(stream).await? {
        Event::Data(_, _, true) => Ok(()),
        event => Err(Finding::violation("END_STREAM", event)),
    }
}

async fn failing_ends_the_stream(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    send_violation(&mut peer, stream).await?;
    fails_on(&mut peer, stream).await
}

/// A reserved opcode.
async fn send_violation(
    peer: &mut Http2Peer,
    stream: u32,
) -> Result<(), Finding> {
    let reserved = rfc6455::Opcode::from_first_octet(0xb);
    let frame = rfc6455::Frame::new(reserved, "");
    peer.send_on(stream, frame).await
}

async fn end_of_stream_is_fin(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let other = peer.open(opener.request()).await?;
    let stream = peer.open(opener.request()).await?;
    peer.echoes(stream, "Hello").await?;
    peer.send(Frame::data(stream, "").end_stream())
        .await?;
    peer.expect_end_of(stream).await?;
    peer.echoes(other, "still there?").await
}

async fn reset_ends_one_stream(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let other = peer.open(opener.request()).await?;
    let stream = peer.open(opener.request()).await?;
    peer.echoes(stream, "Hello").await?;
    peer.send(Frame::rst_stream(stream, ErrorCode::CANCEL))
        .await?;
    peer.echoes(other, "still there?").await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn streams_are_apart(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(peer.open(opener.request()).await?);
    }
    // Half a message on each before any has the other half.
    for stream in &streams {
        let half = rfc6455::Frame::text(format!("{stream} and "));
        peer.send_on(*stream, half.unfinished()).await?;
    }
    for stream in streams.iter().rev() {
        let rest = rfc6455::Frame::continuation(format!("{stream}"));
        peer.send_on(*stream, rest).await?;
    }
    for stream in streams {
        let whole = rfc6455::Frame::text(format!("{stream} and {stream}"));
        peer.expect_on(stream, &whole).await?;
    }
    Ok(())
}

async fn violation_disturbs_no_other(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let other = peer.open(opener.request()).await?;
    let stream = peer.open(opener.request()).await?;
    send_violation(&mut peer, stream).await?;
    peer.echoes(other, "still there?").await?;
    peer.expect_end_of(stream).await?;
    peer.echoes(other, "and still?").await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn requests_beside_a_websocket(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let socket = peer.open(opener.request()).await?;
    let get = without(opener.request(), ":protocol");
    let get = set(get, ":method", "GET");
    let get = set(get, ":path", "/nobody-is-there");
    for _ in 0..2 {
        let stream = peer.ask(get.clone()).await?;
        match peer.next_on(stream).await? {
            Event::Head(..) => {}
            event => return Err(Finding::violation("an answer", event)),
        }
        peer.echoes(socket, "still there?").await?;
    }
    Ok(())
}

/// What each stream may be sent at first where the client gives little room.
const LITTLE_ROOM: u32 = 1000;

async fn stalled_stream_holds_up_none(opener: &mut Http2Opener) -> Verdict {
    let settings = [(Setting::INITIAL_WINDOW_SIZE, LITTLE_ROOM)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    let stalled = peer.open(opener.request()).await?;
    let other = peer.open(opener.request()).await?;
    // Less than what the server gives room for, more than we do.
    let long = rfc6455::Frame::text("s".repeat(20_000));
    peer.send_on(stalled, long).await?;
    for number in 0..5 {
        peer.echoes(other, &format!("other {number}"))
            .await?;
    }
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn window_is_kept(opener: &mut Http2Opener) -> Verdict {
    let settings = [(Setting::INITIAL_WINDOW_SIZE, LITTLE_ROOM)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    let stream = peer.open(opener.request()).await?;
    let text = rfc6455::Frame::text("w".repeat(5_000));
    peer.send_on(stream, text.clone()).await?;
    let mut came = 0;
    while came < LITTLE_ROOM {
        match peer.next_on(stream).await? {
            Event::Data(_, data, false) => {
                came += u32::try_from(data.len()).unwrap_or(u32::MAX);
            }
            event => return Err(Finding::violation("the echo", event)),
        }
    }
    // A fence: whatever else the server has sent by then has come.
    let other = peer.open(opener.request()).await?;
    peer.echoes(other, "fence").await?;
    if came > LITTLE_ROOM || peer.has_more_of(stream) {
        return Err(Finding::violation(
            format_args!("{LITTLE_ROOM} octets, and no more without room"),
            "more",
        ));
    }
    // With room the rest comes.
    peer.send(Frame::window_update(stream, 10_000))
        .await?;
    let whole = 4 + 5_000;
    while came < whole {
        match peer.next_on(stream).await? {
            Event::Data(_, data, false) => {
                came += u32::try_from(data.len()).unwrap_or(u32::MAX);
            }
            event => {
                return Err(Finding::violation("the rest of the echo", event));
            }
        }
    }
    Ok(())
}
