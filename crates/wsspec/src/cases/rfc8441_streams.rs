//! RFC 8441 §5, streams that end: however a stream ends, the connection is as
//! it was before. Its windows have their room again, its streams their places,
//! and the process its memory.

use rfc6455::{MaskingKey, Opcode, StatusCode};
use rfc9113::{ErrorCode, Frame, Setting};

use super::hostile::unopened::Rounds;
use super::rfc8441_http2::opens_and_echoes;
use crate::case::{cases, family};
use crate::http2_peer::{Event, Http2Opener, Http2Peer, set};
use crate::measured::Measured;
use crate::verdict::{Finding, Verdict};

const MOST_OF_FRAME: usize = 16_384;

/// What the client has room for on each stream and never gives again, so that
/// it says nothing about streams that are gone.
const OWN_ROOM: u32 = 1 << 20;

family! { ROOM, Http2:
    /// However a stream ends, the room that its data took on the connection
    /// comes back.
    Should "8441/5/room-comes-back/" ["8441-5-11", "8441-5-09"]
        => room_comes_back;

    "reset" (Ends::Reset);
    "refused" (Ends::Refused);
    "failed" (Ends::Failed);
    "closed" (Ends::Closed);
    "ended" (Ends::Ended);
}

family! { PLACES, Http2:
    /// A stream that has ended, however it ended, does not count among those
    /// that a client may have open.
    Should "8441/5/ended-streams-do-not-count/" ["8441-5-08", "8441-5-09"]
        => place_comes_back;

    "reset" (Ends::Reset);
    "refused" (Ends::Refused);
    "failed" (Ends::Failed);
    "closed" (Ends::Closed);
    "ended" (Ends::Ended);
}

cases! { Http2:
    /// What waits for room on a stream that is then reset takes no room from
    /// the others.
    Should "8441/5/stalled-and-reset-leaves-room" ["8441-5-11", "8441-5-09"]
        => stalled_and_reset;
    /// A client that raises INITIAL_WINDOW_SIZE gives room on the streams that
    /// are open.
    Should "8441/5/setting-gives-room" ["8441-5-11"] => setting_gives_room;
    /// A Close that comes with the end of the client's side is read before
    /// that end, and answered.
    Should "8441/5/close-with-the-end-of-stream" ["8441-5-08", "6455-5.5.1-04"]
        => close_with_the_end;
}

mod measured {
    use super::*;

    cases! { MeasuredHttp2:
        /// Streams that are refused leave no memory behind, also while their
        /// connection goes on.
        Guidance "hostile/memory/refused-streams" ["8441-5-08", "6455-4.2.2-06"]
            => memory_after(Ends::Refused);
        /// WebSockets that are gone leave no memory behind, also while their
        /// connection goes on.
        Guidance "hostile/memory/streams-that-are-gone" ["8441-5-08", "6455-7.1.4-01"]
            => memory_after(Ends::Closed);
        /// Messages over HTTP/2 leave no memory behind, however many come over
        /// one stream.
        Guidance "hostile/memory/messages-over-http2" ["8441-5-07"]
            => messages_without_end;
        /// Connections of HTTP/2 that have gone, at whatever moment, leave no
        /// descriptors behind.
        Guidance "hostile/descriptors/http2-connections-that-are-gone" ["8441-5-08", "6455-7.1.4-01"]
            => connections_that_are_gone;
    }
}

pub(in crate::cases) const MEASURED: &[crate::Case] = measured::CASES;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The client resets it.
    Reset,
    /// The server answers with an error.
    Refused,
    /// The server fails the WebSocket.
    Failed,
    /// Both close the WebSocket.
    Closed,
    /// The client ends its side in the middle of a message.
    Ended,
}

fn not_beyond(what: &str, event: &Event) -> Finding {
    Finding::Unsupported(format!("{what}: {event}"))
}

fn octets_of(frame: rfc6455::Frame) -> Vec<u8> {
    let mut octets = Vec::new();
    frame
        .masked(MaskingKey([1, 2, 3, 4]))
        .encode(&mut octets);
    octets
}

/// Opens a stream and ends it, with so many octets of data in the same write
/// as what ends it. What cannot be shown, as the server does not keep another
/// rule, is no finding.
async fn end_a_stream(
    peer: &mut Http2Peer,
    opener: &Http2Opener,
    ends: Ends,
    length: usize,
) -> Result<(), Finding> {
    let request = match ends {
        Ends::Refused => set(opener.request(), "sec-websocket-version", "14"),
        _ => opener.request(),
    };
    let stream = peer.begin(request).await?;
    if ends != Ends::Refused {
        match peer.next_on(stream).await? {
            Event::Head(_, head, false)
                if (200..300).contains(&head.status) => {}
            Event::GoAway(code) => {
                return Err(not_beyond(
                    "the server takes no more streams",
                    &Event::GoAway(code),
                ));
            }
            event => {
                return Err(Finding::violation(
                    "a stream to be opened where others have ended",
                    event,
                ));
            }
        }
    }
    let first = match ends {
        Ends::Failed => {
            octets_of(rfc6455::Frame::new(Opcode::from_first_octet(0xb), ""))
        }
        Ends::Closed => {
            octets_of(rfc6455::Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        }
        _ => Vec::new(),
    };
    // A message of which the end is missing, so that nothing comes back.
    let rest = vec![b'r'; length.saturating_sub(first.len() + 14)];
    let rest = octets_of(rfc6455::Frame::binary(rest).unfinished());
    let data = [first, rest].concat();
    let mut frames: Vec<_> = data
        .chunks(MOST_OF_FRAME)
        .map(|part| Frame::data(stream, part.to_vec()))
        .collect();
    match ends {
        Ends::Reset => {
            frames.push(Frame::rst_stream(stream, ErrorCode::CANCEL));
        }
        Ends::Ended => {
            frames.push(Frame::data(stream, "").end_stream());
        }
        _ => {}
    }
    peer.send_many(&frames).await?;
    let end = match ends {
        Ends::Reset => return Ok(()),
        Ends::Refused => match peer.next_on(stream).await? {
            Event::Head(_, head, _) if (200..300).contains(&head.status) => {
                return Err(Finding::Unsupported(
                    "the server refuses no version; see 8441/5/version-is-13"
                        .to_owned(),
                ));
            }
            Event::Head(_, _, false) => peer.expect_end_of(stream).await,
            event => Ok(event),
        },
        _ => peer.expect_end_of(stream).await,
    };
    match end {
        Ok(Event::Reset(..)) => Ok(()),
        Ok(Event::Data(..) | Event::Head(..)) if ends == Ends::Ended => Ok(()),
        // The client's side has to end as well.
        Ok(Event::Data(..) | Event::Head(..)) => {
            peer.send(Frame::data(stream, "").end_stream())
                .await
        }
        Ok(event) => Err(not_beyond("the stream does not end alone", &event)),
        Err(finding) => Err(Finding::Unsupported(format!(
            "the stream does not end: {}",
            finding.got()
        ))),
    }
}

async fn room_comes_back(opener: &mut Http2Opener, ends: Ends) -> Verdict {
    const MOST: u32 = 2 << 20;
    let settings = [(Setting::INITIAL_WINDOW_SIZE, OWN_ROOM)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    // By then the server has said how much it takes.
    let other = peer.open(opener.request()).await?;
    peer.echoes(other, "still there?").await?;
    let whole = peer.room();
    if whole > MOST {
        return Err(Finding::Unsupported(format!(
            "the server takes {whole} octets at once on a connection, more \
             than this case sends"
        )));
    }
    // A server may wait until half of the room is used before it gives more.
    let each = (whole / 8)
        .min(peer.room_of_a_stream())
        .min(60_000);
    if each < 100 {
        return Err(Finding::Unsupported(format!(
            "the server takes {each} octets at once"
        )));
    }
    for number in 0..3 * whole / each {
        if let Err(event) = peer.wait_for_room(each).await {
            return match event {
                Event::Silence(_) => Err(Finding::violation(
                    format_args!(
                        "room for {each} octets on the connection, after \
                         {number} streams that have ended"
                    ),
                    format_args!("room for {}", peer.room()),
                )),
                event => Err(not_beyond(
                    "the server ends the connection after some streams",
                    &event,
                )),
            };
        }
        let length = usize::try_from(each).unwrap_or_default();
        end_a_stream(&mut peer, opener, ends, length).await?;
    }
    peer.echoes(other, "and still?").await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn place_comes_back(opener: &mut Http2Opener, ends: Ends) -> Verdict {
    let settings = [(Setting::INITIAL_WINDOW_SIZE, OWN_ROOM)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    let other = peer.open(opener.request()).await?;
    let most = peer.setting(Setting::MAX_CONCURRENT_STREAMS);
    let Some(most) = most.filter(|most| (2..=250).contains(most)) else {
        return Err(Finding::Unsupported(
            "the server does not say that it takes 2 to 250 streams at a time"
                .to_owned(),
        ));
    };
    for _ in 0..most + 10 {
        if let Err(event @ (Event::GoAway(_) | Event::End(_))) =
            peer.wait_for_room(200).await
        {
            return Err(not_beyond(
                "the server ends the connection after some streams",
                &event,
            ));
        }
        end_a_stream(&mut peer, opener, ends, 100).await?;
    }
    peer.echoes(other, "still there?").await?;
    opens_and_echoes(&mut peer, opener.request()).await
}

async fn stalled_and_reset(opener: &mut Http2Opener) -> Verdict {
    const EACH: u32 = 10_000;
    let settings = [(Setting::INITIAL_WINDOW_SIZE, 0)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    for _ in 0..20 {
        let stream = peer.open(opener.request()).await?;
        if let Err(event) = peer.wait_for_room(EACH + 100).await {
            return Err(not_beyond("the server takes no more", &event));
        }
        let text = "s".repeat(usize::try_from(EACH).unwrap_or_default());
        peer.send_on(stream, rfc6455::Frame::text(text))
            .await?;
        // So that the echo has come to where it waits.
        for _ in 0..3 {
            peer.fence().await?;
        }
        peer.send(Frame::rst_stream(stream, ErrorCode::CANCEL))
            .await?;
    }
    let settings = [(Setting::INITIAL_WINDOW_SIZE, OWN_ROOM)];
    peer.send(Frame::settings(&settings)).await?;
    let stream = peer.open(opener.request()).await?;
    let text = "w".repeat(5_000);
    peer.echoes(stream, &text)
        .await
        .map_err(|finding| match finding {
            Finding::Violation { got, .. } => Finding::violation(
                "an echo on a new stream, after 20 that waited for room and \
                 were reset",
                got,
            ),
            finding => finding,
        })
}

async fn setting_gives_room(opener: &mut Http2Opener) -> Verdict {
    const LITTLE: usize = 1_000;
    const LONG: usize = 5_000;
    let little = u32::try_from(LITTLE).unwrap_or_default();
    let settings = [(Setting::INITIAL_WINDOW_SIZE, little)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    let stream = peer.open(opener.request()).await?;
    let text = rfc6455::Frame::text("w".repeat(LONG));
    peer.send_on(stream, text).await?;
    let mut came = 0;
    // The header of the echo's only frame has four octets; in several frames
    // it has more.
    while came < LONG + 4 {
        match peer.next_on(stream).await? {
            Event::Data(_, data, false) => {
                let before = came;
                came += data.len();
                if before < LITTLE && came >= LITTLE {
                    let more = [(Setting::INITIAL_WINDOW_SIZE, OWN_ROOM)];
                    peer.send(Frame::settings(&more)).await?;
                }
            }
            event => {
                return Err(Finding::violation(
                    format_args!(
                        "the rest of the echo, of which {came} octets came"
                    ),
                    event,
                ));
            }
        }
    }
    Ok(())
}

async fn close_with_the_end(opener: &mut Http2Opener) -> Verdict {
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    let close = rfc6455::Frame::close(StatusCode::NORMAL_CLOSURE, "");
    let data = Frame::data(stream, octets_of(close)).end_stream();
    peer.send(data).await?;
    match peer.next_frame_on(stream).await? {
        Ok(frame) if frame.opcode == Opcode::CLOSE => Ok(()),
        Ok(frame) => Err(Finding::violation(
            "a CLOSE",
            crate::record::FrameRecord::from(&frame),
        )),
        Err(event) => Err(Finding::violation("a CLOSE", event)),
    }
}

/// Rounds of streams over one connection.
async fn memory_after(measured: &mut Measured, ends: Ends) -> Verdict {
    const COUNT: u32 = 125;
    const ALL: [Ends; 4] =
        [Ends::Closed, Ends::Reset, Ends::Failed, Ends::Ended];
    let mut opener = measured.http2();
    let settings = [(Setting::INITIAL_WINDOW_SIZE, OWN_ROOM)];
    let mut peer = opener.connect_with(&settings).await?;
    peer.holds_back();
    let mut rounds = Rounds::default();
    loop {
        let memory = measured.memory()?;
        for number in 0..COUNT {
            let ends = match ends {
                Ends::Refused => Ends::Refused,
                _ => ALL[usize::try_from(number).unwrap_or(0) % ALL.len()],
            };
            if let Err(event) = peer.wait_for_room(1000).await {
                return Err(not_beyond("the server takes no more", &event));
            }
            end_a_stream(&mut peer, &opener, ends, 500).await?;
        }
        peer.fence().await?;
        measured.serves_http2(&mut opener).await?;
        let most = u64::from(COUNT) * 4096;
        if rounds.are_over(memory.growth()?, most) {
            return rounds.verdict();
        }
    }
}

async fn messages_without_end(measured: &mut Measured) -> Verdict {
    const COUNT: usize = 2_000;
    let mut opener = measured.http2();
    let mut peer = opener.connect().await?;
    let stream = peer.open(opener.request()).await?;
    let mut rounds = Rounds::default();
    loop {
        let memory = measured.memory()?;
        for _ in 0..COUNT {
            if let Err(event) = peer.wait_for_room(100).await {
                return Err(not_beyond("the server takes no more", &event));
            }
            peer.echoes(stream, "again").await?;
        }
        // An object of 256 octets for each message shows.
        if rounds.are_over(memory.growth()?, COUNT as u64 * 256) {
            return rounds.verdict();
        }
    }
}

async fn connections_that_are_gone(measured: &mut Measured) -> Verdict {
    let mut opener = measured.http2();
    opener
        .connect()
        .await?
        .open(opener.request())
        .await?;
    let before = measured.descriptors()?;
    for number in 0..200 {
        let mut peer = opener.connect().await?;
        match number % 3 {
            0 => {}
            1 => _ = peer.begin(opener.request()).await?,
            _ => _ = peer.open(opener.request()).await?,
        }
        // Half of them vanish, the others end in order.
        if number % 2 == 0 {
            peer.reset();
        }
    }
    measured.serves_http2(&mut opener).await?;
    let after = measured.descriptors_back_to(before + 5).await?;
    match after <= before + 5 {
        true => Ok(()),
        false => Err(Finding::violation(
            format_args!("{before} descriptors, as before 200 connections"),
            after,
        )),
    }
}
